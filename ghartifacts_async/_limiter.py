"""When the next call may go: one gate and one pace for all tasks of a client.

A call takes a place among the concurrent ones, and then passes a turnstile, one call at a time,
first come, first served. There it waits for the gate, which is closed to every task while GitHub
has said wait to any, and for its points in a leaky bucket. The bucket's burst and leak together
stay below the points of a minute, whatever minute one looks at (burst + 60 x leak < points);
after a closed gate the bucket is full, so that calls leave one by one and not as a herd.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime

from aiolimiter import AsyncLimiter

from ghartifacts_async._sansio import limits
from ghartifacts_async._sansio.calls import ApiCall
from ghartifacts_async.errors import RateLimited
from ghartifacts_async.models import Limits, RateLimit

_BURST_SHARE = 1 / 3
_SAFETY = 0.95


class Limiter:
    """The limits of one client, on its loop's clock.

    Args:
        policy: What to keep to.
        wall_clock: Seconds since the epoch, for answers without ``Date``.
    """

    def __init__(self, policy: Limits, wall_clock: Callable[[], float]) -> None:
        self._policy = policy
        self._wall_clock = wall_clock
        self._bucket = _bucket(policy.points_per_minute)
        self._places = asyncio.Semaphore(policy.concurrent) if policy.concurrent else nullcontext()
        self._turnstile = asyncio.Lock()
        self._deletes = asyncio.Lock()
        self._next_delete = 0.0
        self._opens_at = 0.0
        self._closed_at = float("-inf")
        self._resets = 0.0
        self._under_way = 0
        self._answered = asyncio.Event()
        self._refusals = 0
        self.rate_limit: RateLimit | None = None
        self.waited = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place among the concurrent calls."""
        async with self._places:
            yield

    @asynccontextmanager
    async def turn(self, call: ApiCall) -> AsyncIterator[float]:
        """The call's turn: it goes now, with no await in between; yields when, on the loop's clock.

        Raises:
            RateLimited: The wait would be longer than `Limits.max_wait`.
        """
        loop = asyncio.get_running_loop()
        if call.method == "DELETE":
            async with self._deletes:
                await asyncio.sleep(self._next_delete - loop.time())
                await self._admit(call)
                self._next_delete = loop.time() + self._policy.delete_interval
        else:
            await self._admit(call)
        self._under_way += 1
        try:
            yield loop.time()
        finally:
            self._under_way -= 1
            self._answered.set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take note of what an answer tells of the primary limit."""
        told = limits.rate_limit(headers)
        if told is None:
            return
        self.rate_limit = limits.newer(self.rate_limit, told)
        if self.rate_limit is told:
            now = asyncio.get_running_loop().time()
            self._resets = now + limits.until_reset(told, headers, self._wall_clock())

    def accepted(self) -> None:
        """A call was not refused at a limit."""
        self._refusals = 0

    def refused(self, headers: Mapping[str, str], sent_at: float) -> float:
        """Close the gate after a refusal at a limit; the seconds until it opens.

        Args:
            headers: Of the refusal.
            sent_at: When the call went, on the loop's clock: those that went before the gate
                closed tell nothing new.
        """
        now = asyncio.get_running_loop().time()
        if sent_at >= self._closed_at:
            self._refusals += 1
        told = limits.refusal(headers, max(1, self._refusals), self._wall_clock())
        self._closed_at = now
        self._opens_at = max(self._opens_at, now + told.wait)
        return self._opens_at - now

    def too_long(self, seconds: float) -> bool:
        """Whether a wait is longer than `Limits.max_wait`."""
        return seconds > self._policy.max_wait

    async def _admit(self, call: ApiCall) -> None:
        async with self._turnstile:
            while (wait := self._closed_for()) is not None:
                await self._wait_at_the_gate(call, wait)
                if self._bucket is not None and self._bucket.has_capacity(self._bucket.max_rate):
                    await self._bucket.acquire(self._bucket.max_rate)
            if self._bucket is not None:
                await self._bucket.acquire(limits.points(call.method))
            # The gate may have closed while the bucket leaked.
            while (wait := self._closed_for()) is not None:
                await self._wait_at_the_gate(call, wait)

    def _closed_for(self) -> float | None:
        """Seconds that the gate stays closed, at most; ``None`` where it is open.

        Calls under way count as if they had been answered with nothing left.
        """
        now = asyncio.get_running_loop().time()
        if now < self._opens_at:
            return self._opens_at - now
        known = self.rate_limit
        if known is None or now >= self._resets or known.remaining > self._under_way:
            return None
        return self._resets - now

    async def _wait_at_the_gate(self, call: ApiCall, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        told_to_wait = loop.time() < self._opens_at
        if self._under_way and not told_to_wait:
            # An answer may show that more is left than was feared.
            self._answered.clear()
            await self._answered.wait()
            return
        if self.too_long(seconds):
            raise self._limited(call, seconds)
        before = loop.time()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.waited += loop.time() - before

    def _limited(self, call: ApiCall, seconds: float) -> RateLimited:
        retry_at = datetime.fromtimestamp(self._wall_clock() + seconds, UTC)
        return RateLimited(
            f"{call}: not sent, GitHub takes calls again in {seconds:.0f} s, at "
            f"{retry_at:%Y-%m-%d %H:%M:%S} UTC; Limits.max_wait is {self._policy.max_wait:g} s",
            retry_at=retry_at,
        )


def _bucket(points: int | None) -> AsyncLimiter | None:
    if points is None:
        return None
    burst = max(float(limits.POINTS_OF_A_WRITE), points * _BURST_SHARE)
    leak = max(points * _SAFETY - burst, points * (1 - _SAFETY)) / 60
    return AsyncLimiter(burst, burst / leak)
