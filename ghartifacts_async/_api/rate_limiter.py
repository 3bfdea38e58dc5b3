"""The rate limiter: it decides when a client may send its next request.

A call first takes a concurrency slot and keeps it until the call ends. Each request of the call
then passes a turnstile, which admits requests one at a time, in order of arrival. In the turnstile
a request waits until two conditions are met: the gate is open, and a leaky bucket has room for the
points that the request costs. GitHub closes the gate to all tasks by asking any of them to wait.
Last, the request takes a connection. Requests that wait in the limiter thus hold no connection,
which matters if the pool is small.

A DELETE also waits until the minimum interval since the previous DELETE has passed. So that DELETEs
do not delay other calls, this wait is outside the turnstile, and DELETEs get only some of the
concurrency slots.

The requests sent in any minute never cost more points than the policy allows. They are the burst of
the bucket, its leak during the minute, and requests that had paid their points before but had to
wait for a connection: burst + 60 x leak + paid < points. When the gate opens again, the bucket is
filled up, so that the waiting requests leave one by one and not all at once. If the policy has no
limit on points, there is no bucket, and requests are spaced out for a minute instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async.errors import RateLimited
from ghartifacts_async.models import RateLimit, RateLimitPolicy

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

_BURST_SHARE = 1 / 3
_DELETES_SHARE = 1 / 5
_SAFETY = 0.95
_SPACED_SECONDS = 60.0
_SPACING = 0.1


class RateLimiter:
    """The rate limiter of one client. Its times are on the event loop's clock.

    Args:
        policy: The limits to respect.
        wall_clock: Function that returns seconds since the epoch. It is used if a response has no
            ``Date``.
        bounded: Whether requests may have to wait for a connection.
        waits: Reports long waits; ``None`` for a reporter of its own.

    Attributes:
        rate_limit: The primary rate limit that GitHub last reported, or ``None``.
        waited: Seconds that requests have waited in this limiter, summed over all tasks.
    """

    def __init__(
        self,
        policy: RateLimitPolicy,
        wall_clock: Callable[[], float],
        *,
        bounded: bool = False,
        waits: WaitReporter | None = None,
    ) -> None:
        self.waits: WaitReporter = waits or WaitReporter(wall_clock=wall_clock)
        self._policy = policy
        self._wall_clock = wall_clock
        self._bounded = bounded
        self._slots = _slots(policy.concurrent_requests, 1)
        self._delete_slots = _slots(policy.concurrent_requests, _DELETES_SHARE)
        self._turnstile = asyncio.Lock()
        self._delete_lock = asyncio.Lock()
        self._next_delete_at = 0.0
        self._opens_at = 0.0
        self._closed_at = float("-inf")
        self._observed_at = float("-inf")
        self._resets_at = 0.0
        self._server_start = 0.0
        self._in_flight = 0
        self._response_arrived = asyncio.Event()
        self._refusals = 0
        self._spaced_until = 0.0
        self.rate_limit: RateLimit | None = None
        self.waited: float = 0.0

    def concurrency_slot(self, call: ApiCall[Any]) -> AbstractAsyncContextManager[None]:
        """Return a context manager that holds one of the concurrency slots for a call."""
        return self._delete_slot() if call.method == "DELETE" else self._slots

    async def wait_until_open(self, call: ApiCall[Any]) -> None:
        """Wait until the gate is open.

        Call this before you get a token, which might otherwise expire during the wait.

        Raises:
            RateLimited: The wait would be longer than `RateLimitPolicy.max_wait`.
        """
        started_at = asyncio.get_running_loop().time()
        try:
            await self._pass_turnstile(call, points=0)
        finally:
            self.waited += asyncio.get_running_loop().time() - started_at

    @asynccontextmanager
    async def admit(
        self, call: ApiCall[Any], connection: AbstractAsyncContextManager[object]
    ) -> AsyncIterator[float]:
        """Wait until a request may be sent, and count it as in flight while the block runs.

        The block must send the request at once, and await nothing before that.

        Args:
            call: The call that the request belongs to.
            connection: Context manager that takes a connection. It is entered after all other
                waits.

        Yields:
            The time at which the request was admitted.

        Raises:
            RateLimited: The wait would be longer than `RateLimitPolicy.max_wait`.
        """
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        holds_delete_lock = call.method == "DELETE"
        if holds_delete_lock:
            await self._delete_lock.acquire()
        try:
            while True:
                await self._wait_until_allowed(call, started_at)
                async with connection:
                    started_at = loop.time()
                    if self._closed_for() is not None:
                        continue
                    if holds_delete_lock:
                        self._next_delete_at = started_at + self._policy.delete_interval
                        self._delete_lock.release()
                        holds_delete_lock = False
                    self._in_flight += 1
                    try:
                        yield started_at
                    finally:
                        self._in_flight -= 1
                        self._response_arrived.set()
                    return
        finally:
            if holds_delete_lock:
                self._delete_lock.release()

    def observe(self, headers: Mapping[str, str], sent_at: float) -> None:
        """Update the primary rate limit from the headers of a response.

        Args:
            headers: Headers of the response.
            sent_at: Time at which the request was sent.
        """
        reported = rate_limit_headers.rate_limit(headers)
        # `Client.request` may use endpoints with limits of their own, such as search.
        if reported is None or reported.resource != rate_limit_headers.CORE:
            return
        now = self._note_time(headers)
        wait = rate_limit_headers.until_reset(reported, headers, self._wall_clock())
        if wait > rate_limit_headers.MAX_WINDOW:
            return
        later = sent_at >= self._observed_at
        if rate_limit_headers.newer(self.rate_limit, reported, later=later) is reported:
            self.rate_limit, self._resets_at = reported, now + wait
        self._observed_at = max(self._observed_at, sent_at)

    def note_success(self, sent_at: float) -> None:
        """Note that the request sent at the time `sent_at` was not refused at a rate limit."""
        if sent_at >= self._closed_at:
            self._refusals = 0

    def note_limit(self, headers: Mapping[str, str], sent_at: float) -> float:
        """Close the gate because GitHub refused a request at a rate limit.

        Args:
            headers: Headers of the refusal.
            sent_at: Time at which the request was sent. If the gate was closed after that time,
                this refusal does not double the wait.

        Returns:
            Seconds until the gate opens.
        """
        now = self._note_time(headers)
        if sent_at >= self._closed_at:
            self._refusals += 1
            self._closed_at = now
        refusals = max(1, self._refusals)
        wait = rate_limit_headers.seconds_to_wait(headers, refusals, self._wall_clock())
        self._opens_at = max(self._opens_at, now + wait)
        return self._opens_at - now

    def exceeds_max_wait(self, seconds: float) -> bool:
        """Return True if a wait is longer than `RateLimitPolicy.max_wait`."""
        return seconds > self._policy.max_wait

    @asynccontextmanager
    async def _delete_slot(self) -> AsyncIterator[None]:
        async with self._delete_slots, self._slots:
            yield

    async def _wait_until_allowed(self, call: ApiCall[Any], started_at: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            if call.method == "DELETE":
                await asyncio.sleep(self._next_delete_at - loop.time())
            await self._pass_turnstile(call, points=rate_limit_headers.points(call.method))
        finally:
            self.waited += loop.time() - started_at

    async def _pass_turnstile(self, call: ApiCall[Any], *, points: int) -> None:
        async with self._turnstile:
            while (wait := self._closed_for()) is not None or points:
                if wait is not None:
                    await self._wait_at_gate(call, wait)
                else:
                    # The gate may close during this wait, so it is checked again.
                    await self._pay(points)
                    points = 0

    async def _pay(self, points: int) -> None:
        """Wait until the bucket has room for the points of a request, and put them in."""
        bucket = self._bucket
        if bucket is None:
            if asyncio.get_running_loop().time() < self._spaced_until:
                await asyncio.sleep(_SPACING)
            return
        while self._spaced_until and bucket.has_capacity():
            await bucket.acquire()
        self._spaced_until = 0.0
        await bucket.acquire(points)

    @cached_property
    def _bucket(self) -> AsyncLimiter | None:
        """The leaky bucket, or None if the policy has no limit on points.

        It is created for the first request. By then the client has imported aiolimiter.
        """
        return _bucket(self._policy, self._bounded)

    def _closed_for(self) -> float | None:
        """Return for how many seconds at most the gate stays closed, or None if it is open.

        Requests in flight count as used, although GitHub has not reported them yet.
        """
        now = asyncio.get_running_loop().time()
        if now < self._opens_at:
            return self._opens_at - now
        known = self.rate_limit
        if known is None or now >= self._resets_at or known.remaining > self._in_flight:
            return None
        return self._resets_at - now

    async def _wait_at_gate(self, call: ApiCall[Any], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        asked_to_wait = loop.time() < self._opens_at
        if self._in_flight and not asked_to_wait and self._policy.max_wait > 0:
            # The next response may show that calls are left after all.
            self._response_arrived.clear()
            await self._response_arrived.wait()
            return
        if self.exceeds_max_wait(seconds):
            raise self._rate_limited(call, seconds)
        self._spaced_until = loop.time() + seconds + _SPACED_SECONDS
        asked = "GitHub asks all calls to wait because of a rate limit"
        limit = 0 if self.rate_limit is None else self.rate_limit.limit
        used_up = f"all {limit} calls of the rate limit are used"
        self.waits.report(seconds, asked if asked_to_wait else used_up)
        await asyncio.sleep(seconds)

    def _rate_limited(self, call: ApiCall[Any], seconds: float) -> RateLimited:
        opens_at = asyncio.get_running_loop().time() + seconds
        retry_at = rate_limit_headers.moment(self._server_start + opens_at)
        until = f" (at {retry_at:%Y-%m-%d %H:%M:%S} UTC)" if retry_at else ""
        return RateLimited(
            f"{call}: not sent, because GitHub accepts calls again only in {seconds:.0f} s{until}, "
            f"longer than RateLimitPolicy.max_wait, {self._policy.max_wait:g} s",
            retry_at=retry_at,
        )

    def _note_time(self, headers: Mapping[str, str]) -> float:
        """Note the difference between the server's clock and the loop's; return the loop's time."""
        now = asyncio.get_running_loop().time()
        self._server_start = rate_limit_headers.server_time(headers, self._wall_clock()) - now
        return now


def _slots(concurrent: int | None, share: float) -> AbstractAsyncContextManager[None]:
    if concurrent is None:
        return nullcontext()
    return asyncio.Semaphore(max(1, int(concurrent * share)))


def _bucket(policy: RateLimitPolicy, bounded: bool) -> AsyncLimiter | None:
    points, slots = policy.points_per_minute, policy.concurrent_requests or 0
    if points is None:
        return None
    # Imported only when needed: it takes a third as long to import as everything else together.
    from aiolimiter import AsyncLimiter

    # Requests that have paid their points but wait for a connection may all be sent a minute later.
    paid = slots + int(slots * _DELETES_SHARE) * (rate_limit_headers.POINTS_OF_A_WRITE - 1)
    paid = min(paid, points // 4) if bounded else 0
    burst = max(float(rate_limit_headers.POINTS_OF_A_WRITE), points * _BURST_SHARE)
    leak = max(points * _SAFETY - burst - paid, points * (1 - _SAFETY)) / 60
    return AsyncLimiter(burst, burst / leak)
