"""Retry decisions as values: what to do after an attempt, and how long to wait before the next.

Waits have full jitter (a random share of an exponentially growing ceiling), so that clients that
failed at the same time do not retry at the same time. If the server names a time to wait, the wait
is never shorter.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from attrs import define, frozen

from ghartifacts_async._http.messages import Response
from ghartifacts_async.errors import (
    ArtifactsError,
    AuthenticationError,
    RateLimited,
    ServerError,
    TransportError,
)
from ghartifacts_async.models import RetryPolicy

PROGRESS_BYTES = 2**16
"""Bytes that a download must receive after a failure to restart `RetryPolicy.timeout`."""

NEW_TOKEN_WAITS = (1.0, 2.0, 4.0)
"""Seconds to wait before resending a new token that some of GitHub's servers may not know yet."""

TOKEN_AGE = 60.0
"""If a token was obtained more than this many seconds before it was sent, it may have expired."""

RETRIED = frozenset({408, 425, 429, *range(500, 1000)})
"""Statuses of temporary errors. All others are permanent, except for 403 at a rate limit."""

MAY_HAVE_WORKED = RETRIED - {425, 429, 503}
"""Statuses of errors after which the request may have been executed. After a 503 it was not."""


@frozen
class Attempt:
    """An attempt that failed.

    Attributes:
        number: 1 for the first attempt.
        elapsed: Seconds since the first attempt began, without waits at rate limits.
        chance: A random number from 0 to 1.
    """

    number: int
    elapsed: float
    chance: float


@frozen
class Failure:
    """The reason why an attempt failed.

    Attributes:
        status: HTTP status, or ``None`` if no response arrived.
        retry_after: Seconds that the server asks to wait, or ``None``.
        permanent: Whether a retry cannot help, regardless of the status.
    """

    status: int | None = None
    retry_after: float | None = None
    permanent: bool = False


@frozen
class RetryAfter:
    """Make another attempt after this many seconds."""

    seconds: float


@frozen
class GiveUp:
    """Make no further attempt."""


Decision: TypeAlias = RetryAfter | GiveUp


def decide(policy: RetryPolicy, attempt: Attempt, failure: Failure) -> Decision:
    """Decide whether to make another attempt after a failure, and when."""
    permanent = failure.permanent or (failure.status is not None and failure.status not in RETRIED)
    if permanent or attempt.number >= policy.attempts:
        return GiveUp()
    # 2.0**1024 would raise an OverflowError.
    ceiling = min(policy.wait_max, policy.wait_initial * 2.0 ** min(attempt.number - 1, 60))
    seconds = max(attempt.chance * ceiling, failure.retry_after or 0.0)
    return RetryAfter(seconds) if attempt.elapsed + seconds <= policy.timeout else GiveUp()


def record_attempts(
    error: ArtifactsError, attempts: int, seconds: float, previous: ArtifactsError | None = None
) -> None:
    """Record in an error how many attempts were made, and how long they took.

    If only one attempt was made, or the error already has a record, do nothing.

    Args:
        error: The error of the last attempt.
        attempts: Number of attempts, including the last one.
        seconds: Duration of the attempts, without waits at rate limits.
        previous: The error of the attempt before the last. Recorded if its type is different.
    """
    if attempts == 1 or error.attempts > 1:
        return
    error.attempts, error.seconds = attempts, seconds
    if previous is not None and not isinstance(error, type(previous)):
        error.previous = previous.summary


@define
class CallState:
    """The attempts of a call so far.

    Attributes:
        method: HTTP method of the call.
        repeatable: Whether the call may be made again if it may have been executed already.
        divisible: Whether the caller can ask for less after two server errors in a row.
        attempts: Number of attempts that were started.
        seconds: Duration of the attempts and the waits between them, except at rate limits.
        token_renewed: Whether the token was renewed after a 401.
        early_refusals: Number of refusals of the token because it was new.
        may_be_done: Whether a failed attempt may have been executed by the server.
        previous: The error of the attempt before the current one.
    """

    method: str
    repeatable: bool = True
    divisible: bool = False
    attempts: int = 0
    seconds: float = 0.0
    token_renewed: bool = False
    early_refusals: int = 0
    may_be_done: bool = False
    previous: ArtifactsError | None = None


@frozen
class AttemptOutcome:
    """The outcome of an attempt.

    Attributes:
        response: The response, or ``None`` if none arrived.
        error: The error, or ``None`` after a success.
        retry_after: Seconds that the server asks to wait, or ``None``.
        limit_allows_retry: Whether `RateLimitPolicy.max_wait` allows the wait for a rate limit.
        token_age: Seconds from obtaining the token to sending the request, or ``None`` if the
            token cannot be renewed.
        token_is_new: Whether the token was refused and is so new that GitHub may not know it yet.
    """

    response: Response | None
    error: ArtifactsError | None = None
    retry_after: float | None = None
    limit_allows_retry: bool = False
    token_age: float | None = None
    token_is_new: bool = False


@frozen
class Return:
    """Return this response."""

    response: Response


@frozen
class Raise:
    """Raise this error."""

    error: ArtifactsError


@frozen
class RenewToken:
    """Get another token and make another attempt. If there is no other token, raise the error."""

    error: ArtifactsError


@frozen
class RepeatToken:
    """Make another attempt with the same token after this many seconds."""

    seconds: float


@frozen
class WaitForGate:
    """Make another attempt as soon as the rate limiter admits it."""


Step: TypeAlias = Return | Raise | RenewToken | RepeatToken | WaitForGate | RetryAfter


def next_step(
    policy: RetryPolicy, state: CallState, outcome: AttemptOutcome, chance: float
) -> Step:
    """Decide what follows an attempt of a call.

    Args:
        policy: The client's retry policy.
        state: The attempts so far, including this one.
        outcome: The outcome of this attempt.
        chance: A random number from 0 to 1.
    """
    error, response = outcome.error, outcome.response
    if error is None:
        assert response is not None
        return Return(response)
    if outcome.token_is_new and _may_repeat_token(policy, state):
        return RepeatToken(NEW_TOKEN_WAITS[state.early_refusals])
    match error:
        case AuthenticationError() if _may_renew_token(state, outcome):
            return RenewToken(error)
        case RateLimited():
            retry = outcome.limit_allows_retry and state.attempts < policy.attempts
            return WaitForGate() if retry else Raise(error)
    failed_twice = isinstance(error, ServerError) and isinstance(state.previous, ServerError)
    # A server that asks for a wait is overloaded, and asking it for less at once would not help.
    if response and state.divisible and failed_twice and outcome.retry_after is None:
        return Return(response)
    if not state.repeatable:
        return Raise(error)
    status = None if response is None else response.status
    permanent = response is None and not is_transient(error)
    failure = Failure(status, outcome.retry_after, permanent)
    decision = decide(policy, Attempt(state.attempts, state.seconds, chance), failure)
    return decision if isinstance(decision, RetryAfter) else Raise(error)


def is_transient(error: ArtifactsError) -> bool:
    """Return True if an error is a connection error that may not occur again in a retry."""
    return isinstance(error, TransportError) and error.retryable


def may_have_worked(outcome: AttemptOutcome) -> bool:
    """Return True if the server may have executed the request although the attempt failed."""
    if isinstance(outcome.error, TransportError):
        return outcome.error.may_have_arrived
    return outcome.response is not None and outcome.response.status in MAY_HAVE_WORKED


def _may_repeat_token(policy: RetryPolicy, state: CallState) -> bool:
    return policy.attempts > 1 and state.early_refusals < len(NEW_TOKEN_WAITS)


def _may_renew_token(state: CallState, outcome: AttemptOutcome) -> bool:
    """Return True if the token was not renewed before in this call, or was sent too late."""
    age = outcome.token_age
    return age is not None and (not state.token_renewed or age > TOKEN_AGE)


class FailureStreak:
    """The failures of a download since it last made progress.

    Each new byte resets the failure counters of all connections. Every 64 KiB restart the clock of
    `RetryPolicy.timeout`. So a download continues if the store often breaks connections, but not if
    it sends almost nothing. If the download starts again from its first byte, only bytes beyond
    the furthest position reached before count as new.
    """

    def __init__(self) -> None:
        self._failures = Counter[int]()
        self._attempts = Counter[int]()
        self._started_at: float | None = None
        self._received_at: float | None = None
        self._received = self._furthest = self._reset_at = 0

    def record_bytes(self, count: int, now: float) -> None:
        """Record that `count` bytes arrived at the time `now`."""
        self._received_at = now
        self._received += count
        if self._received > self._furthest:
            self._furthest = self._received
            self._failures.clear()
        if self._furthest >= self._reset_at:
            self._started_at = None

    def read_requested(self, now: float) -> None:
        """Exclude the time since the last bytes arrived, in which the reader wanted no more."""
        if self._started_at is not None and self._received_at is not None:
            self._started_at += now - self._received_at
        self._received_at = None

    def record_failure(self, now: float, connection: int) -> tuple[int, float]:
        """Record a failure of a connection.

        Returns:
            The connection's failures since the last progress, and the seconds since the first
            failure of the streak.
        """
        if self._started_at is None:
            self._started_at = now
            self._reset_at = self._furthest + PROGRESS_BYTES
            self._attempts.clear()
        self._received_at = None
        self._failures[connection] += 1
        self._attempts[connection] += 1
        return self._failures[connection], now - self._started_at

    def attempts(self, connection: int) -> int:
        """Return the number of failures of a connection since the streak began."""
        return self._attempts[connection]

    def restart(self) -> None:
        """Record that the download starts again from its first byte."""
        self._received = 0
