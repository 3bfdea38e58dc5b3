"""A fuzz campaign against every function that takes text from a server: headers, URLs and bodies.

``python -m benchmarks.campaigns.server_text --seconds 600``. To reproduce a failure, pass the
printed seed and number: ``--seed SEED --only NUMBER``.

A failure is an exception that is not of this library, a text that takes seconds to parse, or an
error that shows a part of a token, is not printable, or is too long.
"""

from __future__ import annotations

import json
import random
import time
from base64 import b64encode
from collections.abc import Callable

from benchmarks.campaigns._mutants import argument_parser, run_campaign
from ghartifacts_async import ArtifactsError
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.converters import ShapeError
from ghartifacts_async._api.responses.errors import error_of
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Redactor, Secret
from tests.http.server_text import HEADERS, OF_HEADERS, PARSERS, STARTS, UNITS
from tests.values import CALL, artifact_json

TOKEN = "ghp_AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH1234"

_MAX_SECONDS = 5.0
_MAX_ERROR = 1200
_WINDOW = 12
_VALID = (
    '<https://api.github.com/repositories/1/actions/artifacts?page=2>; rel="next"',
    "attachment; filename=\"e.txt\"; filename*=UTF-8''%e2%82%ac.txt",
    "https://store.example/a%2Fb.zip?sig=Zm9v%3D&se=2027-01-01T00%3A00",
    "bytes 0-4/10",
    'W/"abc"',
    "Fri, 15 Jan 2027 08:00:00 GMT",
    "required; url=https://github.com/orgs/octo-org/sso?authorization_request=A",
    "sha256:" + "ab" * 32,
    json.dumps(artifact_json()),
    json.dumps({"total_count": 1, "artifacts": [artifact_json()]}),
    json.dumps({"message": "Bad credentials", "errors": [{"field": "name", "code": "x"}]}),
    "<html><head><title>Bad gateway</title></head><body>nginx</body></html>",
)
_ENCODINGS: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: text.replace("_", "\\u005f"),
    lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    lambda text: b64encode(f"x:{text}".encode()).decode(),
    lambda text: "\0".join(text),
    lambda text: text[:20],
)


class BrokenPromiseError(Exception):
    """A parser did not do what it promises."""


def mutant(rng: random.Random) -> tuple[str, str]:
    """Return the name of a parser, and a text for it."""
    name = rng.choice(sorted(PARSERS))
    text = rng.choice([*_VALID, "", rng.choice(STARTS)])
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(text) + 1)
        end = at + rng.choice([0, 0, 1, 5, 50])
        text = text[:at] + _piece(rng) + text[end:]
    return name, text[:20_000]


def _piece(rng: random.Random) -> str:
    match rng.randrange(5):
        case 0:
            return rng.choice(UNITS) * rng.choice([1, 2, 30, 3000])
        case 1:
            return rng.choice(_ENCODINGS)(TOKEN)
        case 2:
            return chr(rng.choice([rng.randrange(128), rng.randrange(0x11_0000)]))
        case 3:
            return rng.choice(_VALID)
        case _:
            return str(rng.choice([-1, 0, 2**31, 2**63, 10**30]))


def check(name: str, text: str) -> str:
    """Parse a text, and check the errors of a response that contains it.

    Returns:
        ``"parsed"``, or the name of the error that refused the text.

    Raises:
        BrokenPromiseError: A promise is broken.
    """
    before = time.process_time()
    outcome = "parsed"
    try:
        PARSERS[name](text)
    except (ArtifactsError, ShapeError) as error:
        outcome = type(error).__name__
    if name not in OF_HEADERS:
        _check_errors(text)
    if time.process_time() - before > _MAX_SECONDS:
        raise BrokenPromiseError(f"{name} took more than {_MAX_SECONDS} seconds")
    return outcome


def _check_errors(text: str) -> None:
    redactor = Redactor()
    redactor.add(Secret(TOKEN))
    wrong = artifact_json(name=text, created_at=text, digest=text)
    for body in (text, json.dumps(wrong), json.dumps({"message": text, "errors": [text]})):
        for status in (200, 404):
            raw = body.encode(errors="surrogatepass")
            headers = dict.fromkeys(HEADERS, text)
            response = Response(status, headers, raw, redact=redactor.redact)
            try:
                if error := error_of(CALL, response):
                    raise error
                endpoints.read_artifact(CALL, response)
            except ArtifactsError as error:
                _check_error(error)


def _check_error(error: ArtifactsError) -> None:
    shown = f"{error} {vars(error)}"
    if any(TOKEN[at : at + _WINDOW] in shown for at in range(len(TOKEN) - _WINDOW + 1)):
        raise BrokenPromiseError(f"an error shows a part of the token: {error!r}")
    if not error.summary.isprintable() or len(error.summary) > _MAX_ERROR:
        raise BrokenPromiseError(f"an error is too long or not printable: {error!r}")


def play(seed: int, number: int) -> str:
    """Check the mutant with this number."""
    return check(*mutant(random.Random(f"{seed}/{number}")))


if __name__ == "__main__":
    run_campaign(play, argument_parser("server_text", __doc__).parse_args())
