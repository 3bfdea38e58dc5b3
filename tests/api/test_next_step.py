"""Decisions after an attempt of a call: to return, to raise, or to make another attempt."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async._api.endpoints import error_of
from ghartifacts_async._api.retry import (
    AttemptOutcome,
    CallState,
    Raise,
    RenewToken,
    RepeatToken,
    RetryAfter,
    Return,
    WaitForGate,
    may_have_worked,
    next_step,
    record_attempts,
)
from ghartifacts_async.errors import (
    ArtifactsError,
    CertificateRefused,
    ConnectionFailed,
    InvalidArgument,
    RateLimited,
    RedirectRefused,
    ServerError,
)
from ghartifacts_async.models import RetryPolicy
from tests.values import CALL, make_response

POLICY = RetryPolicy(attempts=3, timeout=60, wait_initial=4, wait_max=30)
LOST = ConnectionFailed("x", may_have_arrived=True)
UNSENT = ConnectionFailed("x", may_have_arrived=False)


def outcome(
    status: int | None = None, error: ArtifactsError | None = None, **more: Any
) -> AttemptOutcome:
    """Return the outcome of an attempt that got this status or failed with this error."""
    if status is None:
        return AttemptOutcome(None, error, **more)
    response = make_response(status)
    return AttemptOutcome(response, error_of(CALL, response), **more)


def step(state: CallState, result: AttemptOutcome) -> object:
    """Return the decision of `next_step`, with 0.5 as the random number."""
    return next_step(POLICY, state, result, 0.5)


@pytest.mark.parametrize("status", [200, 204, 302, 304])
def test_success_is_returned(status: int) -> None:
    """A success or a redirect ends the call."""
    result = outcome(status)
    assert step(CallState("GET", attempts=3), result) == Return(result.response)  # type: ignore[arg-type]


@pytest.mark.parametrize("result", [outcome(502), outcome(None, LOST), outcome(None, UNSENT)])
def test_transient_failures_are_retried(result: AttemptOutcome) -> None:
    """A server error or a broken connection is retried until attempts or time run out."""
    assert step(CallState("GET", attempts=1), result) == RetryAfter(2.0)
    assert step(CallState("GET", attempts=2), result) == RetryAfter(4.0)
    assert step(CallState("GET", attempts=3), result) == Raise(result.error)  # type: ignore[arg-type]
    assert isinstance(step(CallState("GET", attempts=1, seconds=59), result), Raise)


def test_calls_that_must_not_be_repeated() -> None:
    """A call that may have worked is not made again if it is not safe to repeat."""
    failed = outcome(502)
    state = CallState("POST", repeatable=False, attempts=1)
    assert step(state, failed) == Raise(failed.error)  # type: ignore[arg-type]


def test_a_second_server_error_is_returned_if_less_can_be_requested() -> None:
    """The caller of a call for many items gets the second 5xx in a row, and requests fewer."""
    failed = outcome(502)
    state = CallState("GET", divisible=True, attempts=1)
    assert isinstance(step(state, failed), RetryAfter)
    state = CallState("GET", divisible=True, attempts=2, previous=failed.error)
    assert step(state, failed) == Return(failed.response)  # type: ignore[arg-type]


def test_a_busy_server_is_not_asked_for_less_at_once() -> None:
    """If the server asks for a wait, the call is not given back to be divided, but repeated."""
    busy = outcome(503, retry_after=3.0)
    state = CallState("GET", divisible=True, attempts=2, previous=busy.error)
    assert step(state, busy) == RetryAfter(4.0)


def test_the_server_may_ask_for_a_longer_wait() -> None:
    """A retry never begins before the time that the server asked for."""
    assert step(CallState("GET", attempts=1), outcome(503, retry_after=40.0)) == RetryAfter(40.0)
    assert isinstance(step(CallState("GET", attempts=1), outcome(503, retry_after=61.0)), Raise)


@pytest.mark.parametrize(
    "result",
    [
        outcome(400),
        outcome(403),
        outcome(404),
        outcome(410),
        outcome(None, CertificateRefused("x")),
        outcome(None, RedirectRefused("x")),
        outcome(None, InvalidArgument("x")),
        outcome(None, RateLimited("x")),
    ],
)
def test_permanent_failures_are_raised(result: AttemptOutcome) -> None:
    """A failure that a retry cannot change is raised after the first attempt."""
    assert step(CallState("GET", attempts=1), result) == Raise(result.error)  # type: ignore[arg-type]


def test_a_rejected_token_is_renewed_once() -> None:
    """A 401 renews the token once, and a second time only if the new token was old when sent."""
    state = CallState("GET", attempts=1)
    young = outcome(401, token_age=0.0)
    assert step(state, young) == RenewToken(young.error)  # type: ignore[arg-type]
    assert isinstance(step(state, outcome(401)), Raise)
    state.token_renewed = True
    assert isinstance(step(state, young), Raise)
    assert isinstance(step(state, outcome(401, token_age=60.0)), Raise)
    assert isinstance(step(state, outcome(401, token_age=60.5)), RenewToken)


def test_a_new_token_is_repeated() -> None:
    """A token so new that GitHub may not know it is sent again after 1, 2 and 4 seconds."""
    refused = outcome(401, token_age=0.0, token_is_new=True)
    for refusals, seconds in enumerate((1.0, 2.0, 4.0)):
        state = CallState("GET", attempts=refusals + 1, early_refusals=refusals)
        assert step(state, refused) == RepeatToken(seconds)
    assert isinstance(step(CallState("GET", early_refusals=3), refused), RenewToken)
    only_once = RetryPolicy(attempts=1)
    assert isinstance(next_step(only_once, CallState("GET"), refused, 0.5), RenewToken)


def test_a_rate_limit_is_waited_for() -> None:
    """A rate-limited call is retried after the limit, if the attempts and `max_wait` allow it."""
    allowed = outcome(429, limit_allows_retry=True)
    assert step(CallState("GET", attempts=2, seconds=1000), allowed) == WaitForGate()
    assert isinstance(step(CallState("GET", attempts=3), allowed), Raise)
    assert isinstance(step(CallState("GET", attempts=1), outcome(429)), Raise)


@pytest.mark.parametrize(
    ("result", "worked"),
    [
        (outcome(None, LOST), True),
        (outcome(None, UNSENT), False),
        (outcome(502), True),
        (outcome(503), False),
        (outcome(None, InvalidArgument("x")), False),
    ],
)
def test_a_failed_request_may_have_worked(result: AttemptOutcome, worked: bool) -> None:
    """A request may have worked if its response was lost or is a 502, but not after a 503."""
    assert may_have_worked(result) is worked


def test_an_error_shows_its_attempts() -> None:
    """An error gives the number of attempts, and the previous error if it has another class."""
    first = ServerError("502 Bad Gateway", status=502)
    record_attempts(first, 1, 0.1)
    assert (str(first), first.attempts) == ("502 Bad Gateway", 1)
    last = RateLimited("not sent")
    record_attempts(last, 2, 3.25, first)
    assert str(last) == "not sent (2 attempts in 3.2 s; the previous attempt: 502 Bad Gateway)"
    record_attempts(last, 9, 99.0)
    assert (last.attempts, last.seconds) == (2, 3.25)
    again = ServerError("503", status=503)
    record_attempts(again, 3, 10.0, first)
    assert str(again) == "503 (3 attempts in 10.0 s)"
