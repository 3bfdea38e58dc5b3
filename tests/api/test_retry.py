"""Decisions about retries and rate limits, and small helpers of calls."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.endpoints import get_artifact
from ghartifacts_async._api.etag_cache import CAPACITY, EtagCache
from ghartifacts_async._api.retry import (
    RETRIED,
    Attempt,
    Failure,
    FailureStreak,
    GiveUp,
    RetryAfter,
    decide,
)
from ghartifacts_async._http.messages import Response
from ghartifacts_async.models import RateLimit, RetryPolicy

SECONDS = st.floats(0, 1e6)
POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 2000),
    timeout=SECONDS,
    wait_initial=SECONDS,
    wait_max=SECONDS,
)
ATTEMPTS = st.builds(Attempt, st.integers(1, 2000), SECONDS, st.floats(0, 1))
FAILURES = st.builds(
    Failure,
    st.none() | st.sampled_from(sorted(RETRIED)) | st.integers(400, 599),
    st.none() | SECONDS,
    st.booleans(),
)


@given(POLICIES, ATTEMPTS, FAILURES)
def test_decide(policy: RetryPolicy, attempt: Attempt, failure: Failure) -> None:
    """A retry respects the attempts, the timeout, Retry-After and the maximum wait."""
    decision = decide(policy, attempt, failure)
    if isinstance(decision, GiveUp):
        assert decision == GiveUp()
        return
    retry_after = failure.retry_after or 0
    assert attempt.number < policy.attempts
    assert attempt.elapsed + decision.seconds <= policy.timeout
    assert decision.seconds >= retry_after
    ceiling = min(policy.wait_max, policy.wait_initial * 2.0 ** min(attempt.number - 1, 100))
    assert decision.seconds <= max(ceiling, retry_after)
    assert failure.status is None or failure.status in RETRIED
    assert not failure.permanent


@given(st.integers(1, 5), st.floats(0, 10), st.none() | st.sampled_from(sorted(RETRIED)))
def test_decide_retries_by_default(number: int, elapsed: float, status: int | None) -> None:
    """The default policy retries a transient failure after exponentially growing waits."""
    decision = decide(RetryPolicy(), Attempt(number, elapsed, 0.5), Failure(status))
    assert decision == RetryAfter(0.5 * 2.0 ** (number - 1))


def test_the_last_moment_for_a_retry() -> None:
    """A retry may begin exactly when the policy's timeout ends."""
    policy = RetryPolicy(timeout=60)
    assert decide(policy, Attempt(1, 50, 0), Failure(503, 10)) == RetryAfter(10)
    assert decide(policy, Attempt(1, 50, 0), Failure(503, 10.5)) == GiveUp()


def test_the_smallest_progress() -> None:
    """Exactly 64 KiB after a failure restart the clock of the timeout."""
    streak = FailureStreak()
    streak.record_failure(100, 0)
    streak.record_bytes(2**16 - 1, 101)
    assert streak.record_failure(110, 0) == (1, 10)
    streak.record_bytes(1, 111)
    assert streak.record_failure(120, 0) == (1, 0)


def test_progress_resets_a_streak() -> None:
    """A new byte resets the failure counts of a `FailureStreak`, and 64 KiB also reset its time.

    Failures are counted for each connection.
    """
    streak = FailureStreak()
    assert streak.record_failure(100, 0) == (1, 0)
    assert streak.record_failure(101, 0) == (2, 1)
    assert streak.record_failure(102, 1) == (1, 2)
    streak.record_bytes(10, 103)
    assert streak.record_failure(130, 0) == (1, 30)
    assert streak.attempts(0) == 3
    streak.record_bytes(2**16, 131)
    assert streak.record_failure(140, 0) == (1, 0)
    assert streak.attempts(0) == 1


def test_bytes_received_again_are_no_progress() -> None:
    """Bytes that a restarted download receives again do not reset its failure counts."""
    streak = FailureStreak()
    streak.record_bytes(2**20, 0)
    streak.restart()
    assert streak.record_failure(0, 0) == (1, 0)
    streak.record_bytes(2**20, 1)
    assert streak.record_failure(2, 0) == (2, 2)
    streak.record_bytes(1, 3)
    assert streak.record_failure(4, 0) == (1, 4)


def test_a_streak_excludes_time_without_requests() -> None:
    """A `FailureStreak` does not count time in which the reader asks for no data."""
    streak = FailureStreak()
    streak.read_requested(0)
    streak.record_failure(10, 0)
    streak.read_requested(20)
    assert streak.record_failure(30, 0) == (2, 20)
    streak.record_bytes(1, 40)
    streak.read_requested(1040)
    streak.read_requested(1050)
    assert streak.record_failure(1060, 0) == (1, 50)


@given(st.text() | st.from_regex(r"[0-9]{1,15}"), st.text() | st.none(), st.floats(0, 2e9))
def test_retry_after_is_never_negative(value: str, date: str | None, now: float) -> None:
    """Any Retry-After is read as None or as a finite wait of at least 0 seconds."""
    headers = {"retry-after": value} | ({} if date is None else {"date": date})
    seconds = rate_limit_headers.retry_after(headers, now)
    assert seconds is None or 0 <= seconds < float("inf")


def test_retry_after() -> None:
    """Retry-After may be seconds or a date by the server's clock. Any other value is ignored."""
    date = {"date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert rate_limit_headers.retry_after({"retry-after": " 17 "}, 0) == 17
    later = date | {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}
    assert rate_limit_headers.retry_after(later, 0) == 30
    earlier = date | {"retry-after": "Wed, 21 Oct 2026 07:27:30 -0000"}
    assert rate_limit_headers.retry_after(earlier, 0) == 0
    for value in ("", "soon", "-1", "1.5", "²", "9" * 13, "Wed, 99 Oct 2026 07:28:30 GMT"):
        assert rate_limit_headers.retry_after({"retry-after": value}, 0) is None


@pytest.mark.parametrize("value", ["3601", "9" * 12, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_retry_after_is_at_most_an_hour(value: str) -> None:
    """An absurd Retry-After does not stop a client for more than an hour."""
    assert rate_limit_headers.retry_after({"retry-after": value}, 0) == 3600
    assert rate_limit_headers.seconds_to_wait({"retry-after": value}, 9, 0) == 3600


def limit_headers(remaining: str = "0", reset: str = "1800000100", **more: str) -> dict[str, str]:
    """Return headers of the primary limit, dated 1,800,000,000 seconds after the epoch."""
    return {
        "date": "Fri, 15 Jan 2027 08:00:00 GMT",
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": remaining,
        "x-ratelimit-reset": reset,
    } | {name.replace("_", "-"): value for name, value in more.items()}


def test_waits_after_refusals() -> None:
    """The wait is Retry-After; else the time to the reset; else a minute, doubled per refusal."""
    wait = rate_limit_headers.seconds_to_wait
    assert wait(limit_headers(retry_after="7"), 3, 0) == 7
    assert wait(limit_headers(), 3, 0) == 101
    assert wait(limit_headers(reset="1799999000"), 3, 0) == 1
    waits = [wait(limit_headers("9"), number, 0) for number in (1, 2, 3, 10**6)]
    assert waits == [60, 120, 240, 60 * 2**10]
    assert wait({}, 1, 0) == 60


def test_rate_limit() -> None:
    """Complete and valid headers give the primary limit; all others give None."""
    known = rate_limit_headers.rate_limit(limit_headers("4000"))
    assert known is not None
    assert (known.limit, known.remaining, known.used) == (5000, 4000, 1000)
    assert known.resets_at.timestamp() == 1_800_000_100
    assert known.resource == "core"
    more = rate_limit_headers.rate_limit(limit_headers("6000"))
    assert more is not None
    assert more.used == 0
    for broken in (limit_headers("x"), limit_headers(reset=""), limit_headers(reset="9" * 12), {}):
        assert rate_limit_headers.rate_limit(broken) is None


LIMITS = st.builds(
    lambda remaining, reset: rate_limit_headers.rate_limit(
        limit_headers(str(remaining), str(reset))
    ),
    st.integers(0, 5000),
    st.sampled_from([1_800_000_000, 1_800_003_600]),
)


@given(st.permutations(range(4)), st.lists(LIMITS, min_size=4, max_size=4))
def test_responses_may_arrive_out_of_order(order: list[int], seen: list[RateLimit]) -> None:
    """The latest call's reset time wins. For equal reset times, the lowest `remaining` wins."""
    known: RateLimit | None = None
    latest = -1
    for index in order:
        known = rate_limit_headers.newer(known, seen[index], later=index >= latest)
        latest = max(latest, index)
    assert known is not None
    assert known.resets_at == seen[-1].resets_at
    if len({limit.resets_at for limit in seen}) == 1:
        assert known.remaining == min(limit.remaining for limit in seen)


def test_a_reset_in_the_far_future_is_ignored() -> None:
    """A reset time hours away is ignored, and the wait is a minute, as without a reset time."""
    wait = rate_limit_headers.seconds_to_wait
    assert wait(limit_headers(reset="1800003600"), 1, 0) == 3601
    assert wait(limit_headers(reset="1800007199"), 1, 0) == 7200
    assert wait(limit_headers(reset="1800007200"), 1, 0) == 60
    assert wait(limit_headers(reset="9999999999"), 1, 0) == 60


def test_points() -> None:
    """A call that reads costs one point, and a call that writes costs five."""
    assert [rate_limit_headers.points(method) for method in ("GET", "HEAD", "DELETE", "POST")] == [
        1,
        1,
        5,
        5,
    ]


def test_retry_at() -> None:
    """A retry time is at most an hour after the response."""
    date = "Fri, 15 Jan 2027 08:00:00 GMT"
    longest = datetime(2027, 1, 15, 9, tzinfo=UTC)
    assert rate_limit_headers.retry_at({"retry-after": "9" * 12, "date": date}) == longest


def test_kept_responses() -> None:
    """Only responses with an ETag are kept: the most recently used ones, up to a total size."""
    cache = EtagCache()
    first, reply = get_artifact("a/b", 1), Response(200, {"etag": 'W/"1"'})
    cache.store(first, Response(200))
    assert cache.get(first) is None
    cache.store(first, reply)
    cache.store(first, reply := Response(200, {"etag": 'W/"1"'}, bytes(CAPACITY // 4)))
    for number in range(2, 4):
        cache.store(get_artifact("a/b", number), reply)
    assert cache.get(first) is reply
    cache.store(get_artifact("a/b", 4), reply)
    assert cache.get(first) is reply
    assert cache.get(get_artifact("a/b", 2)) is None


def test_kept_responses_count_their_headers() -> None:
    """A server that sends large headers cannot make the cache exceed its size."""
    cache = EtagCache()
    large = {"etag": '"1"'} | {f"x-{number}": "é" * 1000 for number in range(100)}
    responses = [Response(200, dict(large)) for _ in range(400)]
    for number, response in enumerate(responses, 1):
        cache.store(get_artifact("a/b", number), response)
    kept = [number for number in range(1, 401) if cache.get(get_artifact("a/b", number))]
    assert kept
    assert kept[-1] == 400
    assert len(kept) * 100 * 1000 < CAPACITY
