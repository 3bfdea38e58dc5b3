"""When the next call may go: one gate and one pace for all tasks of a client.

A call takes a place among the concurrent ones, and then passes a turnstile, one call at a time,
first come, first served. There it waits for the gate, which is closed to every task while GitHub
has said wait to any, and for its points in a leaky bucket. DELETEs, which wait for each other, have
but a share of the places, so that they do not keep everything else from the turnstile. A connection
of the pool, which may be small, is taken last: whoever waits here leaves it to others.

The bucket's burst and leak, and what was paid for and waits for a connection, together stay below
the points of a minute, whatever minute one looks at (burst + 60 x leak + paid < points). After a
closed gate the bucket is full, so that calls leave one by one and not as a herd; where there is no
bucket they do so for a minute all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async.errors import RateLimited
from ghartifacts_async.models import RateLimit, RateLimitPolicy

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

_BURST_SHARE = 1 / 3
_DELETES_SHARE = 1 / 5
_SAFETY = 0.95
_HERD_SECONDS = 60.0
_HERD_INTERVAL = 0.1


class Limiter:
    """The limits of one client, on its loop's clock.

    Args:
        policy: What to keep to.
        wall_clock: Seconds since the epoch, for answers without ``Date``.
        bounded: Whether calls may have to wait for a connection.
    """

    def __init__(
        self, policy: RateLimitPolicy, wall_clock: Callable[[], float], *, bounded: bool = False
    ) -> None:
        self._policy = policy
        self._wall_clock = wall_clock
        self._bounded = bounded
        self._places = _places(policy.concurrent_requests, 1)
        self._places_of_deletes = _places(policy.concurrent_requests, _DELETES_SHARE)
        self._turnstile = asyncio.Lock()
        self._deletes = asyncio.Lock()
        self._next_delete = 0.0
        self._opens_at = 0.0
        self._closed_at = float("-inf")
        self._told_at = float("-inf")
        self._resets = 0.0
        self._server_start = 0.0
        self._under_way = 0
        self._answered = asyncio.Event()
        self._refusals = 0
        self._herd_until = 0.0
        self.rate_limit: RateLimit | None = None
        self.waited: float = 0.0

    def place(self, call: ApiCall[Any]) -> AbstractAsyncContextManager[None]:
        """A place among the concurrent calls."""
        return self._place_of_a_delete() if call.method == "DELETE" else self._places

    async def opened(self, call: ApiCall[Any]) -> None:
        """Wait for the gate before a call gets its token, which might end there.

        Raises:
            RateLimited: The wait would be longer than `RateLimitPolicy.max_wait`.
        """
        began = asyncio.get_running_loop().time()
        try:
            await self._pass_turnstile(call, due=0)
        finally:
            self.waited += asyncio.get_running_loop().time() - began

    @asynccontextmanager
    async def turn(
        self, call: ApiCall[Any], connection: AbstractAsyncContextManager[object]
    ) -> AsyncIterator[float]:
        """The call's turn: it goes now, with no await in between; yields when, on the loop's clock.

        Args:
            call: Which.
            connection: Entered for the time of the turn.

        Raises:
            RateLimited: The wait would be longer than `RateLimitPolicy.max_wait`.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        alone = call.method == "DELETE"
        if alone:
            await self._deletes.acquire()
        try:
            while True:
                await self._wait_for_turn(call, began)
                async with connection:
                    began = loop.time()
                    if self._closed_for() is not None:
                        continue
                    if alone:
                        self._next_delete = began + self._policy.delete_interval
                        self._deletes.release()
                        alone = False
                    self._under_way += 1
                    try:
                        yield began
                    finally:
                        self._under_way -= 1
                        self._answered.set()
                    return
        finally:
            if alone:
                self._deletes.release()

    def learn(self, headers: Mapping[str, str], sent_at: float) -> None:
        """Take note of what an answer tells of the primary limit.

        Args:
            headers: Of the answer.
            sent_at: When the call went, on the loop's clock.
        """
        told = rate_limit_headers.rate_limit(headers)
        if told is None:
            return
        now = self._note_time(headers)
        wait = rate_limit_headers.until_reset(told, headers, self._wall_clock())
        if wait > rate_limit_headers.MAX_WINDOW:
            return
        if rate_limit_headers.newer(self.rate_limit, told, later=sent_at >= self._told_at) is told:
            self.rate_limit, self._resets = told, now + wait
        self._told_at = max(self._told_at, sent_at)

    def accepted(self, sent_at: float) -> None:
        """A call that went at that time, on the loop's clock, was not refused at a limit."""
        if sent_at >= self._closed_at:
            self._refusals = 0

    def refused(self, headers: Mapping[str, str], sent_at: float) -> float:
        """Close the gate after a refusal at a limit; the seconds until it opens.

        Args:
            headers: Of the refusal.
            sent_at: When the call went, on the loop's clock: those that went before the gate
                closed tell nothing new.
        """
        now = self._note_time(headers)
        if sent_at >= self._closed_at:
            self._refusals += 1
            self._closed_at = now
        told = rate_limit_headers.refusal(headers, max(1, self._refusals), self._wall_clock())
        self._opens_at = max(self._opens_at, now + told.wait)
        return self._opens_at - now

    def too_long(self, seconds: float) -> bool:
        """Whether a wait is longer than `RateLimitPolicy.max_wait`."""
        return seconds > self._policy.max_wait

    @asynccontextmanager
    async def _place_of_a_delete(self) -> AsyncIterator[None]:
        async with self._places_of_deletes, self._places:
            yield

    async def _wait_for_turn(self, call: ApiCall[Any], began: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            if call.method == "DELETE":
                await asyncio.sleep(self._next_delete - loop.time())
            await self._pass_turnstile(call, due=rate_limit_headers.points(call.method))
        finally:
            self.waited += loop.time() - began

    async def _pass_turnstile(self, call: ApiCall[Any], *, due: int) -> None:
        async with self._turnstile:
            while (wait := self._closed_for()) is not None or due:
                if wait is not None:
                    await self._wait_at_the_gate(call, wait)
                else:
                    # The gate may close while the bucket leaks.
                    await self._keep_pace(due)
                    due = 0

    async def _keep_pace(self, due: int) -> None:
        bucket = self._bucket
        if bucket is None:
            if asyncio.get_running_loop().time() < self._herd_until:
                await asyncio.sleep(_HERD_INTERVAL)
            return
        while self._herd_until and bucket.has_capacity():
            await bucket.acquire()
        self._herd_until = 0.0
        await bucket.acquire(due)

    @cached_property
    def _bucket(self) -> AsyncLimiter | None:
        """Made when the first call goes: the client is entered then, and has loaded it."""
        return _bucket(self._policy, self._bounded)

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

    async def _wait_at_the_gate(self, call: ApiCall[Any], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        told_to_wait = loop.time() < self._opens_at
        if self._under_way and not told_to_wait and self._policy.max_wait > 0:
            # An answer may show that more is left than was feared.
            self._answered.clear()
            await self._answered.wait()
            return
        if self.too_long(seconds):
            raise self._limited(call, seconds)
        self._herd_until = loop.time() + seconds + _HERD_SECONDS
        await asyncio.sleep(seconds)

    def _limited(self, call: ApiCall[Any], seconds: float) -> RateLimited:
        opens_at = asyncio.get_running_loop().time() + seconds
        retry_at = rate_limit_headers.moment(self._server_start + opens_at)
        until = f", at {retry_at:%Y-%m-%d %H:%M:%S} UTC" if retry_at else ""
        return RateLimited(
            f"{call}: not sent, GitHub takes calls again in {seconds:.0f} s{until}; "
            f"RateLimitPolicy.max_wait is {self._policy.max_wait:g} s",
            retry_at=retry_at,
        )

    def _note_time(self, headers: Mapping[str, str]) -> float:
        """The loop's time, once it is known what it is by the server's clock."""
        now = asyncio.get_running_loop().time()
        self._server_start = rate_limit_headers.server_time(headers, self._wall_clock()) - now
        return now


def _places(concurrent: int | None, share: float) -> AbstractAsyncContextManager[None]:
    if concurrent is None:
        return nullcontext()
    return asyncio.Semaphore(max(1, int(concurrent * share)))


def _bucket(policy: RateLimitPolicy, bounded: bool) -> AsyncLimiter | None:
    points, places = policy.points_per_minute, policy.concurrent_requests or 0
    if points is None:
        return None
    # Here, as it takes a third as long to load as all that a client needs.
    from aiolimiter import AsyncLimiter

    # Those who have paid and wait for a connection may all go in a later minute.
    paid = places + int(places * _DELETES_SHARE) * (rate_limit_headers.POINTS_OF_A_WRITE - 1)
    paid = min(paid, points // 4) if bounded else 0
    burst = max(float(rate_limit_headers.POINTS_OF_A_WRITE), points * _BURST_SHARE)
    leak = max(points * _SAFETY - burst - paid, points * (1 - _SAFETY)) / 60
    return AsyncLimiter(burst, burst / leak)
