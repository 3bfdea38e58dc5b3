"""A fuzz campaign against `webhooks.parse`: mutated deliveries are refused or become valid events.

``python -m benchmarks.campaigns.webhooks --seconds 600``. To reproduce a failure, pass the printed
seed and number: ``--seed SEED --only NUMBER``.
"""

from __future__ import annotations

import copy
import json
import pickle
import random
from typing import Any

from benchmarks.campaigns._mutants import argument_parser, run_campaign
from ghartifacts_async import WebhookError, webhooks
from tests.webhooks.deliveries import PAYLOADS, SECRET, form, signature, signed

_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**64, 1.5, "", "7", "\ud800", "\0", "../..", [], {}, [{}], {"id": 1},
)  # fmt: skip
_TOKENS = (
    b'"', b"\\", b"{", b"}", b"[" * 120, b"]", b",", b":", b"NaN", b"1e999", b"-", b"\xff", b"\0",
    b"null", b"9" * 5000, b"\\u0000", b"\\ud800", b"\xef\xbb\xbf", b"&payload=", b"%00",
)  # fmt: skip
_HEADERS = ("", "sha256=", "push", "workflow_run", "\x00", "\u00e9", "a" * 300, "text/plain")


class BrokenPromiseError(Exception):
    """`webhooks.parse` did not do what it promises."""


def mutant(rng: random.Random) -> tuple[list[tuple[str, str]], bytes]:
    """Build a delivery whose payload, bytes, headers or signature are mutated."""
    name = rng.choice(sorted(PAYLOADS))
    payload = json.loads(json.dumps(PAYLOADS[name]))
    for _ in range(rng.randrange(4)):
        _mutate_value(rng, payload)
    headers, body = form(name) if rng.random() < 0.1 else signed(name, json.dumps(payload).encode())
    data = bytearray(body)
    for _ in range(rng.choice([0, 0, 1, 3])):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.choice([0, 1, 10])] = rng.choice(_TOKENS)
    body = bytes(data)
    headers["X-Hub-Signature-256"] = signature(body)
    if rng.random() < 0.2:
        headers[rng.choice(sorted(headers))] = rng.choice(_HEADERS)
    pairs = [*headers.items()]
    if rng.random() < 0.1:
        pairs.append((rng.choice(pairs)[0].upper(), rng.choice(_HEADERS)))
    rng.shuffle(pairs)
    return pairs, body


def _mutate_value(rng: random.Random, node: Any) -> None:
    """Replace, remove or move a value somewhere in a JSON object."""
    keys: list[Any] = sorted(node) if isinstance(node, dict) else [*range(len(node))]
    if not keys:
        return
    key = rng.choice(keys)
    if isinstance(node[key], dict | list) and rng.random() < 0.7:
        _mutate_value(rng, node[key])
    elif rng.random() < 0.3:
        del node[key]
    else:
        node[key] = copy.deepcopy(rng.choice(_VALUES))


def check(pairs: list[tuple[str, str]], body: bytes) -> str:
    """Parse a delivery with the right secret and with a wrong one.

    Returns:
        The name of the event's class, or of the error that refused the delivery.

    Raises:
        BrokenPromiseError: A promise of `webhooks.parse` is broken.
    """
    try:
        webhooks.parse(pairs, body, secret="another secret")
    except WebhookError:
        pass
    else:
        raise BrokenPromiseError("a delivery with a wrong signature was accepted")
    try:
        event = webhooks.parse(pairs, body, secret=SECRET)
    except WebhookError as error:
        if not str(error).isprintable() or not 400 <= error.status < 500:
            raise BrokenPromiseError(f"an unsuitable error: {error!r}") from error
        return type(error).__name__
    given = [value for name, value in pairs if name.lower() == "x-hub-signature-256"]
    if set(given) != {signature(body)} or not event.verified:
        raise BrokenPromiseError("a delivery without the right signature was accepted")
    if pickle.loads(pickle.dumps(event)) != event:
        raise BrokenPromiseError("the event does not survive pickling")
    return type(event).__name__


def play(seed: int, number: int) -> str:
    """Check the mutant with this number."""
    return check(*mutant(random.Random(f"{seed}/{number}")))


if __name__ == "__main__":
    run_campaign(play, argument_parser("webhooks", __doc__).parse_args())
