"""Workflow runs that end: receive webhooks, or wait.

## Receiving webhooks

`parse` verifies the signature of a delivery before it reads anything else:

```python
from ghartifacts_async import WebhookError, webhooks

try:
    event = webhooks.parse(headers, body, secret=secret)
except WebhookError as error:
    print("answer the delivery with status", error.status)
else:
    if isinstance(event, webhooks.WorkflowRunEvent) and event.action == "completed":
        repo = gh.repo(event.repository.full_name)
        artifact = await repo.wait_for_artifact("report", run_id=event.run, timeout=60)
        print(event.run.conclusion, await repo.read_member(artifact, "report.json"))
```

Pass the body exactly as it was received. `Repo.wait_for_artifact` waits, because GitHub may list an
artifact up to 30 seconds after the end of its run. GitHub waits only ten seconds for the answer to
a delivery, so a service answers first, and does the work in a task. `parse` cannot detect a
delivery that is sent again: remember the `Event.delivery` of each. The recipe
``tests/recipes/coverage_bot.py`` does all of this. If a GitHub App receives the webhook, replace
``gh`` with ``gh.for_installation(event.installation_id)``, as `ghartifacts_async.auth` describes.

## Waiting

Without webhooks, wait for a run or for one of its artifacts. All waits for one repository share
their requests, and a webhook that is passed to `Waiter.notify` wakes them at once:

```python
from ghartifacts_async import webhooks

run = await repo.wait_for_run(2332938, timeout=600)
artifact = await repo.wait_for_artifact("dist", run_id=run, timeout=300)
print(run.conclusion, artifact.id)
repo.waiter.notify(webhooks.parse(headers, body, secret=secret))
```

`RunEnded` is raised if the run ends without the artifact, and `WaitTimedOut` after the timeout.

Source: https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qs

from attrs import field, frozen

from ghartifacts_async._api.converters import ShapeError, structure
from ghartifacts_async.errors import InvalidArgument, InvalidDelivery, SignatureMismatch
from ghartifacts_async.models import Account, Job, RepositoryInfo, Run

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str] | tuple[bytes, bytes]]
"""Headers as web frameworks represent them: a mapping, or pairs of str or bytes (ASGI)."""

Body: TypeAlias = bytes | bytearray | memoryview
Secrets: TypeAlias = str | bytes | Sequence[str | bytes]

_E = TypeVar("_E", bound="Event")
_T = TypeVar("_T")

MAX_SIZE = 25 * 2**20
"""Default maximum size of a body in bytes. GitHub sends at most 25 MB."""

MAX_DEPTH = 100
"""Maximum depth of nested objects and arrays. GitHub's own payloads use about ten levels."""

MAX_VALUES = 1_000_000
"""Maximum number of values in a body, because each takes far more memory than its bytes."""

_NAME = re.compile(r"[a-z0-9_]{1,100}")
_DELIVERY = re.compile(r"[A-Za-z0-9-]{1,100}")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NOT_STARTS = bytes(set(range(256)) - set(b"[{,"))
_STEP = {byte: 1 if byte in b"[{" else -1 for byte in b"[]{}"}
_RELEVANT = {"content-type", "x-github-delivery", "x-github-event", "x-hub-signature-256"}


@frozen(kw_only=True)
class Event:
    """A delivery of a webhook. Events without a class of their own are plain `Event` objects.

    Attributes:
        name: Name of the event, such as ``"workflow_run"`` (``X-GitHub-Event``).
        delivery: Id of the delivery (``X-GitHub-Delivery``). A redelivery has the same id.
        verified: True if the signature was checked, False if no secret was given.
        payload: The whole body as parsed JSON.
        action: What happened, such as ``"completed"``, or None for events without actions.
        repository: The repository of the event, or None, for example for an organization's event.
        sender: The account that caused the event.
        installation_id: Id of the app's installation, for `Client.for_installation`. None if the
            webhook does not belong to an app.
        run: The workflow run, or None if the event is about something else.
    """

    name: str
    delivery: str
    verified: bool
    payload: Mapping[str, Any] = field(repr=False, hash=False)
    action: str | None
    repository: RepositoryInfo | None
    sender: Account | None
    installation_id: int | None
    run: Run | None


@frozen(kw_only=True)
class WorkflowRunEvent(Event):
    """A workflow run was requested, is in progress or has completed: see `Event.action`."""

    repository: RepositoryInfo
    run: Run


@frozen(kw_only=True)
class WorkflowJobEvent(Event):
    """A job was queued, is in progress or has completed: see `Event.action`."""

    repository: RepositoryInfo
    job: Job


@frozen(kw_only=True)
class PingEvent(Event):
    """GitHub tests a new webhook. Answer it with any status from 200 to 299.

    Attributes:
        hook_id: Id of the webhook.
        zen: A sentence.
    """

    hook_id: int
    zen: str


@frozen
class _Installation:
    id: int


@frozen
class _Envelope:
    """The fields that payloads of all events have in common. Each may be missing."""

    action: str | None = None
    repository: RepositoryInfo | None = None
    sender: Account | None = None
    installation: _Installation | None = None


@frozen
class _AboutRun:
    repository: RepositoryInfo
    workflow_run: Run


@frozen
class _AboutJob:
    repository: RepositoryInfo
    workflow_job: Job


@frozen
class _Ping:
    hook_id: int
    zen: str = ""


def parse(
    headers: Headers, body: Body, *, secret: Secrets | None = None, max_size: int = MAX_SIZE
) -> Event:
    """Verify a webhook delivery and return its event.

    The signature is checked before anything in the body is read. Both content types that GitHub
    offers, ``application/json`` and ``application/x-www-form-urlencoded``, are accepted.

    Args:
        headers: Headers of the request.
        body: Body of the request, exactly as received.
        secret: The webhook's secret. While you replace a secret, pass the old and the new one; a
            signature by any of them is accepted. None accepts every delivery, which is safe only
            if something else has verified it: `Event.verified` is then False.
        max_size: Maximum size of the body in bytes. Your web framework should limit it, too.

    Raises:
        SignatureMismatch: The signature is missing, or was not made with any of the secrets.
        InvalidDelivery: The body is too large or malformed, or a header is missing.
        InvalidArgument: An argument is invalid, for example an empty secret.

    Source: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """
    # Keep no secret in a variable, because tracebacks may be logged with the variables.
    macs, secret = _macs(secret), None
    if macs == ():
        raise InvalidArgument(
            "secret is empty or not a text; pass the secret of the webhook's settings, or a "
            "sequence of secrets"
        )
    if not isinstance(body, bytes | bytearray | memoryview):
        raise InvalidArgument(
            f"body must be the bytes of the request, exactly as received, not {type(body).__name__}"
        )
    if type(max_size) is not int:
        raise InvalidArgument(f"max_size must be an int, not {max_size!r}")
    found = _relevant(headers)
    body = bytes(body)
    if len(body) > max_size:
        raise InvalidDelivery(
            f"the webhook's body has {len(body)} bytes, more than max_size, {max_size}", status=413
        )
    if macs is not None:
        _verify(found.get("x-hub-signature-256"), body, macs)
    name = _header(found, "x-github-event", _NAME)
    delivery = _header(found, "x-github-delivery", _DELIVERY)
    payload = _payload(found.get("content-type", "application/json"), body)
    envelope = _structure(payload, _Envelope, name)

    def event(kind: type[_E], run: Run | None = None, **more: Any) -> _E:
        return kind(
            name=name,
            delivery=delivery,
            verified=macs is not None,
            payload=payload,
            action=envelope.action,
            repository=envelope.repository,
            sender=envelope.sender,
            installation_id=None if envelope.installation is None else envelope.installation.id,
            run=run,
            **more,
        )

    match name:
        case "workflow_run":
            return event(WorkflowRunEvent, _structure(payload, _AboutRun, name).workflow_run)
        case "workflow_job":
            job = _structure(payload, _AboutJob, name).workflow_job
            return event(WorkflowJobEvent, job=job)
        case "ping":
            ping = _structure(payload, _Ping, name)
            return event(PingEvent, hook_id=ping.hook_id, zen=ping.zen)
    return event(Event)


def _macs(secret: Secrets | None) -> tuple[hmac.HMAC, ...] | None:
    """Return a MAC for each secret, none if one of them is empty, or None if there is no secret."""
    if secret is None:
        return None
    if not isinstance(secret, Iterable):
        return ()
    several = (secret,) if isinstance(secret, str | bytes) else tuple(secret)
    if not all(isinstance(one, str | bytes) and one for one in several):
        return ()
    keys = [one.encode(errors="replace") if isinstance(one, str) else one for one in several]
    return tuple(hmac.new(key, digestmod=hashlib.sha256) for key in keys)


def _relevant(headers: Headers) -> dict[str, str]:
    """Return the headers that matter here, by their names in lower case."""
    found: dict[str, str] = {}
    for name, value in _pairs(headers):
        key = name.lower()
        if key in _RELEVANT and found.setdefault(key, value) != value:
            raise InvalidDelivery(f"the webhook has two different headers {key}")
    return found


def _pairs(headers: Headers) -> Iterator[tuple[str, str]]:
    # Not every mapping of headers is a `Mapping`: email.message.Message, for example, is not.
    items: Callable[[], Iterable[Any]] = getattr(headers, "items", lambda: headers)
    try:
        pairs = [(name, value) for name, value in items()]
    except (TypeError, ValueError):
        kind = type(headers).__name__
        raise InvalidArgument(
            f"headers must be a mapping, or pairs of a name and a value, not this {kind}"
        ) from None
    for name, value in pairs:
        yield _text(name), _text(value)


def _text(value: str | bytes) -> str:
    if not isinstance(value, str | bytes):
        raise InvalidArgument(f"headers must be text, not {type(value).__name__}")
    return value if isinstance(value, str) else value.decode("latin-1")


def _verify(signature: str | None, body: bytes, macs: tuple[hmac.HMAC, ...]) -> None:
    if signature is None:
        raise SignatureMismatch(
            "the webhook is not signed (no X-Hub-Signature-256); set a secret in its settings"
        )
    given = signature.encode(errors="replace")
    for mac in macs:
        mac.update(body)
    matches = [hmac.compare_digest(f"sha256={mac.hexdigest()}".encode(), given) for mac in macs]
    if not any(matches):
        raise SignatureMismatch(
            "the webhook's signature was not made with the secret; check that both are the same "
            "and that the body is passed exactly as received"
        )


def _header(headers: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = headers.get(name, "")
    if not form.fullmatch(value):
        raise InvalidDelivery(f"the webhook's header {name} is missing or invalid: {value[:100]!a}")
    return value


def _payload(content_type: str, body: bytes) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        body = _from_form(body)
    elif kind != "application/json":
        raise InvalidDelivery(
            f"the webhook's content type is {kind[:100]!a}; choose application/json", status=415
        )
    _check_structure(body)
    problem = "not an object"
    try:
        # `int` refuses NaN and Infinity, which are not JSON.
        payload = json.loads(body.decode(), parse_constant=int, parse_float=_finite)
        if b"\\u" in body:
            # An escaped half of a surrogate pair is no text: the receiver could not encode it.
            json.dumps(payload, ensure_ascii=False).encode()
    except ValueError as error:
        payload, problem = None, type(error).__name__
    if not isinstance(payload, dict):
        raise InvalidDelivery(f"the webhook's body is not valid JSON ({problem})")
    return payload


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _from_form(body: bytes) -> bytes:
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=10)
        (payload,) = fields["payload"]
    except (KeyError, ValueError):
        raise InvalidDelivery("the webhook's body is not a form with one payload") from None
    return payload.encode()


def _check_structure(body: bytes) -> None:
    """Refuse JSON that takes very much memory, or is too deep for recursive functions."""
    outside_strings = _STRING.sub(b"", body)
    # A value that is not the first of its object or array follows a comma.
    values = len(outside_strings.translate(None, _NOT_STARTS)) + 1
    if values > MAX_VALUES:
        raise InvalidDelivery(
            f"the webhook's body has about {values:,} values; at most {MAX_VALUES:,} are accepted",
            status=413,
        )
    brackets = outside_strings.translate(None, _NOT_BRACKETS)
    depth = max(accumulate(map(_STEP.__getitem__, brackets)), default=0)
    if depth > MAX_DEPTH:
        raise InvalidDelivery(
            f"the webhook's body has objects and arrays nested {depth:,} deep; at most {MAX_DEPTH} "
            "levels are accepted"
        )


def _structure(payload: dict[str, Any], model: type[_T], event: str) -> _T:
    try:
        return structure(payload, model)
    except ShapeError as error:
        problem = ascii(str(error))[1:-1]
    raise InvalidDelivery(f"the webhook's body is not a valid {event} event: {problem}")
