"""The rate limiter keeps its promises for any sequence of calls, refusals and cancellations."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any
from unittest import mock

from attrs import define, field, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ghartifacts_async import RateLimitPolicy
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.endpoints import delete_artifact, get_artifact, request
from ghartifacts_async._api.limits.gate import GateClosed
from ghartifacts_async._api.rate_limit_headers import points
from ghartifacts_async._api.rate_limiter import RateLimiter
from tests import clock
from tests.api.support import now
from tests.clock import FastLoop, fast, wall
from tests.support import REPOSITORY

A_MINUTE = 60.0
A_DAY = 24 * 3600.0
WINDOW = 3600
GET: ApiCall[Any] = get_artifact(REPOSITORY, 1)
DELETE: ApiCall[Any] = delete_artifact(REPOSITORY, 1)
SEARCH: ApiCall[Any] = request("GET", "/search/issues", None, None)
MOST_REFUSALS = 5
"""Each refusal without Retry-After doubles the wait, so more of them would exceed `max_wait`."""


@frozen
class Step:
    """A step of a simulation: events that happen at the same time.

    Attributes:
        delay: Seconds until the next step.
        gets: The number of GETs that start.
        deletes: The number of DELETEs that start.
        refusals: One element for each of the next calls, which are refused: its Retry-After in
            seconds, or None for a response without that header.
        left: The maximum number of calls that other clients leave of the primary limit.
        cancelled: Numbers that select the tasks to cancel, modulo the number of tasks.
        searches: The number of calls of search, which has a limit of its own, that start.
    """

    delay: float
    gets: int
    deletes: int
    refusals: list[int | None]
    left: int
    cancelled: list[int]
    searches: int = 0


STEPS = st.lists(
    st.builds(
        Step,
        delay=st.sampled_from((0.0, 0.3, 2.0, 30.0, 100.0)),
        gets=st.sampled_from((0, 1, 7, 30, 60, 300)),
        deletes=st.sampled_from((0, 1, 5)),
        refusals=st.lists(st.none() | st.sampled_from((0, 1, 20, 60, 600)), max_size=3),
        left=st.just(5000) | st.integers(0, 60),
        cancelled=st.lists(st.integers(0, 1000), max_size=5),
        searches=st.sampled_from((0, 0, 1, 20, 40)),
    ),
    min_size=1,
    max_size=4,
)


@define
class Server:
    """A simulated GitHub with rate limits.

    Attributes:
        latency: Seconds until a call is answered.
        refusals: One element for each of the next calls, which are refused: its Retry-After in
            seconds, or None for a response without that header.
        refused: The number of calls that were refused.
        remaining: The calls left of the primary limit.
        resets: The time at which the primary limit resets.
        closed_until: The latest time until which a response asked the client to wait.
        sent: The arrival time and the points of each call.
        early: The arrival times of calls before `closed_until`.
        searches: The calls left of the limit of search, which resets every minute.
        searches_reset: The time at which the limit of search resets.
        in_flight: The number of calls that are being answered.
        reported: The calls left of the primary limit according to the responses so far, and the
            time at which it resets.
        wasted: The number of calls sent although those in flight may use up the primary limit.
    """

    latency: float
    refusals: list[int | None] = field(factory=list)
    refused: int = 0
    remaining: int = 5000
    resets: float = float(WINDOW)
    closed_until: float = 0.0
    sent: list[tuple[float, int]] = field(factory=list)
    early: list[float] = field(factory=list)
    searches: int = 30
    searches_reset: float = A_MINUTE
    in_flight: int = 0
    reported: tuple[int, float] = (5000, 0.0)
    wasted: int = 0

    async def answer(self, call: ApiCall[Any]) -> tuple[bool, dict[str, str]]:
        """Return whether a call is accepted, and the response headers."""
        left, until = self.reported
        self.wasted += now() < until and left <= self.in_flight
        self.in_flight += 1
        try:
            return await self._answer(call)
        finally:
            self.in_flight -= 1

    async def _answer(self, call: ApiCall[Any]) -> tuple[bool, dict[str, str]]:
        self.sent.append((now(), points(call.method)))
        if now() < self.closed_until:
            self.early.append(now())
        if call.path == SEARCH.path:
            return await self._search()
        while now() >= self.resets:
            self.resets, self.remaining = self.resets + WINDOW, 5000
        spent = self.remaining == 0
        self.remaining = max(0, self.remaining - 1)
        headers = {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(int(clock.EPOCH + self.resets)),
            "date": formatdate(wall(), usegmt=True),
        }
        resets = self.resets
        refused = bool(self.refusals) and not spent
        wait = self.refusals.pop(0) if refused else None
        self.refused += refused
        await asyncio.sleep(self.latency)
        if refused:
            if wait is not None:
                headers["retry-after"] = str(wait)
            # Without Retry-After, GitHub documents a wait of a minute.
            wait = 60 if wait is None else wait
            self.closed_until = max(self.closed_until, now() + wait)
        left = int(headers["x-ratelimit-remaining"])
        if left == 0:
            self.closed_until = max(self.closed_until, resets)
        if resets > self.reported[1]:
            self.reported = left, resets
        elif resets == self.reported[1]:
            self.reported = min(left, self.reported[0]), resets
        return not (spent or refused), headers

    async def _search(self) -> tuple[bool, dict[str, str]]:
        while now() >= self.searches_reset:
            self.searches_reset, self.searches = self.searches_reset + A_MINUTE, 30
        accepted, self.searches = self.searches > 0, max(0, self.searches - 1)
        headers = {
            "x-ratelimit-limit": "30",
            "x-ratelimit-remaining": str(self.searches),
            "x-ratelimit-reset": str(int(clock.EPOCH + self.searches_reset)),
            "x-ratelimit-resource": "search",
            "date": formatdate(wall(), usegmt=True),
        }
        resets = self.searches_reset
        await asyncio.sleep(self.latency)
        if not accepted:
            self.refused += 1
            self.closed_until = max(self.closed_until, resets)
        return accepted, headers

    def busiest_minute(self) -> int:
        """Return the highest number of points that were sent within any minute."""
        most = total = first = 0
        for time, cost in self.sent:
            total += cost
            while self.sent[first][0] <= time - A_MINUTE:
                total -= self.sent[first][1]
                first += 1
            most = max(most, total)
        return most


async def call(
    limiter: RateLimiter,
    server: Server,
    connections: asyncio.Semaphore,
    api_call: ApiCall[Any] = GET,
) -> None:
    """Make a call as the API client does, and repeat it until it is accepted."""
    gate = limiter.gate(None)
    async with limiter.concurrency_slot(api_call):
        while True:
            await limiter.wait_until_open(api_call, gate)
            try:
                async with limiter.admit(api_call, gate, connections) as sent_at:
                    taken, headers = await server.answer(api_call)
                    gate.observe(headers, sent_at)
            except GateClosed:
                continue
            if taken:
                gate.note_success(sent_at)
                return
            gate.note_limit(headers, sent_at)


async def run_steps(server: Server, pool: int, steps: list[Step]) -> None:
    """Run the steps, and check that every task that was not cancelled completes."""
    limiter = RateLimiter(RateLimitPolicy(), wall)
    connections = asyncio.Semaphore(pool)
    tasks: list[asyncio.Task[None]] = []
    cancelled = set[asyncio.Task[None]]()
    for step in steps:
        calls = [GET] * step.gets + [DELETE] * step.deletes + [SEARCH] * step.searches
        tasks += [asyncio.create_task(call(limiter, server, connections, one)) for one in calls]
        server.refusals += step.refusals[: MOST_REFUSALS - server.refused - len(server.refusals)]
        server.remaining = min(server.remaining, step.left)
        for victim in [tasks[number % len(tasks)] for number in step.cancelled if tasks]:
            if not victim.done():
                victim.cancel()
                cancelled.add(victim)
        await asyncio.sleep(step.delay)
    if tasks:
        _, waiting = await asyncio.wait(tasks, timeout=A_DAY)
        assert not waiting
    for task in tasks:
        assert task.cancelled() if task in cancelled else task.exception() is None


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@example([Step(0.0, 1000, 5, [], 5000, [])], 0.05, 1000)
@example([Step(1.0, 1, 0, [], 1, [], 1), Step(0.0, 5, 0, [], 1, [])], 0.05, 8)
@example([Step(30.0, 60, 0, [20], 5000, []), Step(0.0, 300, 5, [None], 5000, [3])], 0.0, 8)
@given(STEPS, st.sampled_from((0.0, 0.05, 3.0)), st.sampled_from((1, 8, 1000)))
def test_the_promises_of_the_limiter(steps: list[Step], latency: float, pool: int) -> None:
    """No call is sent in vain or too early, no minute exceeds 900 points, no task starves."""
    server = Server(latency)
    # This test uses no sockets, so the clock need not wait for data in transit.
    with mock.patch.object(clock, "_GRACE", 0), asyncio.Runner(loop_factory=FastLoop) as runner:
        runner.run(run_steps(server, pool, steps))
    assert not server.early
    assert not server.wasted
    assert server.busiest_minute() <= 900


@fast
async def test_points_count_when_calls_are_sent() -> None:
    """Calls that waited long for a connection do not make a minute exceed 900 points."""
    limiter, server = RateLimiter(RateLimitPolicy(), wall, bounded=True), Server(0.01)
    connections = asyncio.Semaphore(50)
    for _ in range(50):
        await connections.acquire()
    tasks = [asyncio.create_task(call(limiter, server, connections)) for _ in range(50)]
    await asyncio.sleep(120)
    tasks += [asyncio.create_task(call(limiter, server, connections)) for _ in range(1000)]
    for _ in range(50):
        connections.release()
    await asyncio.gather(*tasks)
    assert server.busiest_minute() <= 900


@fast
async def test_a_limit_of_another_resource_hides_nothing() -> None:
    """A later report about the limit of search does not replace a used-up limit of artifacts."""
    limiter, server = RateLimiter(RateLimitPolicy(), wall), Server(0.0, remaining=1)
    connections = asyncio.Semaphore(8)
    search = asyncio.ensure_future(call(limiter, server, connections, SEARCH))
    server.latency = 1.0
    await call(limiter, server, connections)
    await search
    assert limiter.rate_limit is not None
    assert (limiter.rate_limit.resource, limiter.rate_limit.remaining) == ("core", 0)
    await call(limiter, server, connections)
    assert now() > WINDOW
    assert not server.early


@fast
async def test_deletions_leave_slots_to_other_calls() -> None:
    """DELETEs that wait for each other take a fifth of the slots, so other calls need not wait."""
    limiter, server = RateLimiter(RateLimitPolicy(concurrent_requests=5), wall), Server(0.0)
    connections = asyncio.Semaphore(8)
    deletions = [call(limiter, server, connections, DELETE) for _ in range(10)]
    deleting = asyncio.gather(*deletions)
    await asyncio.sleep(0.5)
    await call(limiter, server, connections)
    assert now() < 1
    await deleting
    assert now() > 8
