"""`webhooks.parse`: verified deliveries become typed events."""

from __future__ import annotations

import email.message
import hmac
import json
import pickle
from datetime import UTC, datetime
from unittest import mock

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from ghartifacts_async import InvalidArgument, Run, SignatureMismatch, from_json, webhooks
from tests.values import examples, run_json
from tests.webhooks.deliveries import DELIVERY, PAYLOADS, SECRET, delivery, form, signature, signed


def test_a_run_event_has_its_run() -> None:
    """A `workflow_run` delivery is a `WorkflowRunEvent` with the same `Run` as the API's."""
    event = webhooks.parse(*delivery("workflow_run"), secret=SECRET)
    assert isinstance(event, webhooks.WorkflowRunEvent)
    assert event.run == from_json(json.dumps(run_json()), Run)
    assert (event.name, event.action, event.delivery) == ("workflow_run", "completed", DELIVERY)
    assert event.repository.full_name == "octo-org/octo-docs"
    assert event.installation_id == 7
    assert event.sender is not None
    assert event.sender.login == "octocat"
    assert event.verified
    assert event.payload["workflow"]["id"] == 159038


def test_a_job_event_has_its_job() -> None:
    """A `workflow_job` delivery names the run and the attempt that the job belongs to."""
    event = webhooks.parse(*delivery("workflow_job"), secret=SECRET)
    assert isinstance(event, webhooks.WorkflowJobEvent)
    assert (event.job.run_id, event.job.run_attempt) == (30433642, 2)
    assert (event.job.name, event.job.conclusion) == ("build", "failure")
    assert event.run is None


def test_a_ping_names_the_webhook() -> None:
    """A `ping` has the id of the webhook, and no repository if it is an organization's."""
    event = webhooks.parse(*delivery("ping"), secret=SECRET)
    assert isinstance(event, webhooks.PingEvent)
    assert (event.hook_id, event.repository, event.installation_id) == (109948940, None, None)
    assert event.zen == "Keep it logically awesome."


@pytest.mark.parametrize("name", ["push", "installation", "deployment"])
def test_other_events_are_generic(name: str) -> None:
    """An event without a class of its own is an `Event` with its name and its whole payload."""
    event = webhooks.parse(*delivery(name), secret=SECRET)
    assert type(event) is webhooks.Event
    assert event.name == name
    assert event.payload == PAYLOADS[name]
    assert (event.run, event.installation_id) == (None, 7)


def test_a_form_is_parsed() -> None:
    """A webhook with GitHub's other content type gives the same event."""
    assert webhooks.parse(*form("push"), secret=SECRET) == webhooks.parse(
        *delivery("push"), secret=SECRET
    )


def test_events_pickle() -> None:
    """An event can be sent to a worker process."""
    event = webhooks.parse(*delivery("workflow_run"), secret=SECRET)
    assert pickle.loads(pickle.dumps(event)) == event
    assert hash(event) == hash(pickle.loads(pickle.dumps(event)))


@pytest.mark.parametrize(
    "kind",
    [webhooks.Event, webhooks.WorkflowRunEvent, webhooks.WorkflowJobEvent, webhooks.PingEvent],
)
def test_events_take_keywords(kind: type) -> None:
    """An event is created with keywords only, so that properties can be added."""
    assert all(field.kw_only for field in attrs.fields(kind))


def test_headers_of_frameworks() -> None:
    """Headers are accepted as aiohttp, ASGI, Flask and the standard library have them."""
    headers, body = delivery("push")
    message = email.message.Message()
    for name, value in headers.items():
        message[name] = value
    lower = {name.lower(): value for name, value in headers.items()}
    for form_of_headers in (
        headers,
        lower,
        CIMultiDict(headers),
        list(headers.items()),
        [(name.encode(), value.encode()) for name, value in lower.items()],
        message,
    ):
        event = webhooks.parse(form_of_headers, body, secret=SECRET)  # type: ignore[arg-type]
        assert event.name == "push"
    for buffer in (bytearray(body), memoryview(body)):
        assert webhooks.parse(headers, buffer, secret=SECRET).name == "push"


@pytest.mark.parametrize(
    "secret", [SECRET, SECRET.encode(), ["old", SECRET], (SECRET, "new"), ["old", SECRET.encode()]]
)
def test_secrets_can_be_rotated(secret: webhooks.Secrets) -> None:
    """While a secret is replaced, a signature by the old or the new one is accepted."""
    assert webhooks.parse(*delivery("push"), secret=secret).verified


def test_without_a_secret_nothing_is_verified() -> None:
    """Without a secret, any delivery is accepted, and `Event.verified` says so."""
    headers, body = delivery("push")
    assert not webhooks.parse(headers, body).verified
    assert not webhooks.parse({**headers, "X-Hub-Signature-256": "sha256=00"}, body).verified


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6",
        signature(b"another body"),
        signature(delivery("push")[1], "another secret"),
        signature(delivery("push")[1]).upper(),
        signature(delivery("push")[1])[:-1],
        signature(delivery("push")[1]).removeprefix("sha256="),
        "sha256=\u00e9\ud800",
    ],
)
def test_a_wrong_signature_is_refused(value: str | None) -> None:
    """A delivery with a missing or wrong signature is refused with 401."""
    headers, body = signed("push", delivery("push")[1], X_Hub_Signature_256=value)
    with pytest.raises(SignatureMismatch) as caught:
        webhooks.parse(headers, body, secret=SECRET)
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)


@given(body=st.binary(max_size=60), secret=st.binary(min_size=1), other=st.binary(min_size=1))
@examples(200)
def test_nothing_is_read_before_the_signature(body: bytes, secret: bytes, other: bytes) -> None:
    """For any body, a wrong signature is reported first."""
    headers, _ = signed("push", body, other)
    if signature(body, secret) != signature(body, other):
        with pytest.raises(SignatureMismatch):
            webhooks.parse(headers, body, secret=secret)


def test_signatures_are_compared_in_constant_time() -> None:
    """The comparison takes the same time wherever the signatures differ, with each secret."""
    with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        webhooks.parse(*delivery("push"), secret=["old", "older", SECRET])
    assert compare.call_count == 3


@pytest.mark.parametrize(
    ("headers", "body", "secret", "message"),
    [
        ({}, b"{}", "", "secret is empty"),
        ({}, b"{}", b"", "secret is empty"),
        ({}, b"{}", [], "secret is empty"),
        ({}, b"{}", [SECRET, ""], "secret is empty"),
        ({}, b"{}", [SECRET, None], "secret is empty"),
        ({}, "{}", SECRET, "body must be the bytes"),
        ({}, {"zen": ""}, SECRET, "body must be the bytes"),
        ({"X-GitHub-Event": 5}, b"{}", SECRET, "headers must be text"),
        (None, b"{}", SECRET, "headers must be a mapping"),
        ("Accept: */*", b"{}", SECRET, "headers must be a mapping"),
        ({}, b"{}", 5, "secret is empty or not a text"),
    ],
)
def test_mistakes_of_the_caller(
    headers: dict[str, str], body: bytes, secret: webhooks.Secrets, message: str
) -> None:
    """An empty secret, as from an unset variable, or a parsed body is the caller's mistake."""
    with pytest.raises(InvalidArgument, match=message) as caught:
        webhooks.parse(headers, body, secret=secret)
    frame = caught.tb
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.endswith("webhooks.py"):
            assert SECRET not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next  # type: ignore[assignment]


def test_the_run_says_whether_it_is_a_forks() -> None:
    """`Run.is_fork` is True for another head repository, and for one that has been deleted."""
    own = from_json(json.dumps(run_json()), Run)
    assert not own.is_fork
    for head in (None, {**run_json()["repository"], "id": 5, "full_name": "someone/octo-docs"}):
        assert from_json(json.dumps(run_json(head_repository=head)), Run).is_fork
    assert own.created_at == datetime(2026, 1, 22, 19, 33, 8, tzinfo=UTC)
    path = ".github/workflows/ci.yml@refs/heads/main"
    assert from_json(json.dumps(run_json(path=path)), Run).workflow_file == "ci.yml"
    assert own.is_completed
    assert not from_json(json.dumps(run_json(status="in_progress")), Run).is_completed
