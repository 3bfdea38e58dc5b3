"""The rate limiter: it decides when a client may send its next request.

A call first takes a concurrency slot and keeps it until the call ends. Before each attempt it waits
at the gate of its token's account, one call after the other. GitHub closes a gate to all tasks by
asking any of them to wait. Each request of the call then passes a turnstile, which admits requests
one at a time, in order of arrival, as soon as a leaky bucket has room for the points that the
request costs. Last, the request takes a connection. Requests that wait in the limiter thus hold no
connection, which matters if the pool is small. If the gate has closed in the meantime, the request
is not sent. The call then gets a token again, which may be that of another account.

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
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import cached_property
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.limits.gate import Gate, GateClosed
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
_MAX_GATES = 100
_SPACED_CALLS = "calls are spaced out so that they keep to RateLimitPolicy.points_per_minute"
_SPACED_DELETES = "DELETE calls are spaced out by RateLimitPolicy.delete_interval"


class RateLimiter:
    """The rate limiter of one client. Its times are on the event loop's clock.

    Args:
        policy: The limits to respect.
        wall_clock: Function that returns seconds since the epoch. It is used if a response has no
            ``Date``.
        bounded: Whether requests may have to wait for a connection.
        waits: Reports long waits; ``None`` for a reporter of its own.

    Attributes:
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
        self._queued_deletes = 0
        self._queued_points = 0
        self._gates: dict[Hashable, Gate] = {}
        self._spaced_until = 0.0
        self.waited: float = 0.0

    @asynccontextmanager
    async def concurrency_slot(self, call: ApiCall[Any]) -> AsyncIterator[None]:
        """Hold one of the concurrency slots for a call while the block runs."""
        async with AsyncExitStack() as slots:
            if call.method == "DELETE":
                with self._queued(deletes=1):
                    await slots.enter_async_context(self._delete_slots)
                    await slots.enter_async_context(self._slots)
            else:
                with self._queued(points=rate_limit_headers.points(call.method)):
                    await slots.enter_async_context(self._slots)
            yield

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary rate limit that GitHub last reported, or None if it has reported none."""
        latest = max(self._gates.values(), key=attrgetter("observed_at"), default=None)
        return None if latest is None else latest.rate_limit

    def gate(self, account: Hashable) -> Gate:
        """Return the gate of an account. Gates that have not been used for long are removed.

        Args:
            account: A value that identifies the account, such as its token.
        """
        gate = self._gates.pop(account, None) or Gate(self._wall_clock)
        if len(self._gates) >= _MAX_GATES:
            idle = (key for key, other in self._gates.items() if other.is_idle)
            self._gates.pop(next(idle, None), None)
        self._gates[account] = gate
        return gate

    async def wait_until_open(
        self, call: ApiCall[Any], gate: Gate, patience: float | None = None
    ) -> None:
        """Wait until a gate is open.

        Call this before you get a token, which might otherwise expire during the wait.

        Args:
            call: The call that waits.
            gate: The gate of its account.
            patience: Number of seconds after which the call may get the token of another account.
                The wait then ends although the gate may be closed. ``None`` if it cannot.

        Raises:
            RateLimited: The wait would be longer than `RateLimitPolicy.max_wait`.
        """
        started_at = asyncio.get_running_loop().time()
        departures = gate.departures
        try:
            async with gate.turn:
                # If a call got the token of another account, the others need not wait either.
                while (wait := gate.closed_for()) is not None and gate.departures == departures:
                    await self._wait_at_gate(call, gate, wait, patience)
                    if patience is not None:
                        break
        finally:
            self.waited += asyncio.get_running_loop().time() - started_at

    @asynccontextmanager
    async def admit(
        self, call: ApiCall[Any], gate: Gate, connection: AbstractAsyncContextManager[object]
    ) -> AsyncIterator[float]:
        """Wait until a request may be sent, and count it as in flight while the block runs.

        The block must send the request at once, and await nothing before that.

        Args:
            call: The call that the request belongs to.
            gate: The gate of its account.
            connection: Context manager that takes a connection. It is entered after all other
                waits.

        Yields:
            The time at which the request was admitted.

        Raises:
            GateClosed: The gate has closed since the call waited for it.
        """
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        holds_delete_lock = call.method == "DELETE"
        if holds_delete_lock:
            with self._queued(deletes=1):
                await self._delete_lock.acquire()
        try:
            await self._wait_until_allowed(call, gate, started_at)
            async with connection:
                started_at = loop.time()
                if gate.closed_for() is not None:
                    raise GateClosed
                if holds_delete_lock:
                    self._next_delete_at = started_at + self._policy.delete_interval
                    self._delete_lock.release()
                    holds_delete_lock = False
                with gate.request():
                    yield started_at
        finally:
            if holds_delete_lock:
                self._delete_lock.release()

    def exceeds_max_wait(self, seconds: float) -> bool:
        """Return True if a wait is longer than `RateLimitPolicy.max_wait`."""
        return seconds > self._policy.max_wait

    @contextmanager
    def _queued(self, *, points: int = 0, deletes: int = 0) -> Iterator[None]:
        """Count points or DELETE calls as queued while the block runs."""
        self._queued_points += points
        self._queued_deletes += deletes
        try:
            yield
        finally:
            self._queued_points -= points
            self._queued_deletes -= deletes

    async def _wait_until_allowed(self, call: ApiCall[Any], gate: Gate, started_at: float) -> None:
        loop = asyncio.get_running_loop()
        points = rate_limit_headers.points(call.method)
        try:
            if call.method == "DELETE":
                seconds = max(0.0, self._next_delete_at - loop.time())
                last = seconds + self._queued_deletes * self._policy.delete_interval
                self.waits.report(last, _SPACED_DELETES)
                await asyncio.sleep(seconds)
            with self._queued(points=points):
                async with self._turnstile:
                    if gate.closed_for() is not None:
                        raise GateClosed
                    await self._pay(points)
        finally:
            self.waited += loop.time() - started_at

    async def _pay(self, points: int) -> None:
        """Wait until the bucket has room for the points of a request, and put them in.

        If there is no room, all queued requests wait, so the wait until the last one is reported.
        """
        bucket = self._bucket
        if bucket is None:
            if asyncio.get_running_loop().time() < self._spaced_until:
                self.waits.report(self._queued_points * _SPACING, _SPACED_CALLS)
                await asyncio.sleep(_SPACING)
            return
        while self._spaced_until and bucket.has_capacity():
            await bucket.acquire()
        self._spaced_until = 0.0
        if not bucket.has_capacity(points):
            seconds = self._queued_points * bucket.time_period / bucket.max_rate
            self.waits.report(seconds, _SPACED_CALLS)
        await bucket.acquire(points)

    @cached_property
    def _bucket(self) -> AsyncLimiter | None:
        """The leaky bucket, or None if the policy has no limit on points.

        It is created for the first request. By then the client has imported aiolimiter.
        """
        return _bucket(self._policy, self._bounded)

    async def _wait_at_gate(
        self, call: ApiCall[Any], gate: Gate, seconds: float, patience: float | None
    ) -> None:
        if gate.may_open_early and self._policy.max_wait > 0:
            gate.response_arrived.clear()
            await gate.response_arrived.wait()
            return
        if self.exceeds_max_wait(seconds):
            raise self._rate_limited(call, gate, seconds)
        self._spaced_until = asyncio.get_running_loop().time() + seconds + _SPACED_SECONDS
        asked = "GitHub asks all calls to wait because of a rate limit"
        limit = 0 if gate.rate_limit is None else gate.rate_limit.limit
        used_up = f"all {limit} calls of the rate limit are used"
        reason = asked if gate.is_asked_to_wait else used_up
        self.waits.report(seconds, reason, (gate, reason))
        await asyncio.sleep(min(seconds, inf if patience is None else patience))

    def _rate_limited(self, call: ApiCall[Any], gate: Gate, seconds: float) -> RateLimited:
        retry_at = gate.moment_in(seconds)
        until = f" (at {retry_at:%Y-%m-%d %H:%M:%S} UTC)" if retry_at else ""
        return RateLimited(
            f"{call}: not sent, because GitHub accepts calls again only in {seconds:.0f} s{until}, "
            f"longer than RateLimitPolicy.max_wait, {self._policy.max_wait:g} s",
            retry_at=retry_at,
        )


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
