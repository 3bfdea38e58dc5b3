"""Enforced limits: what is refused, how clients are told, and who did not listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.testing.support import LIST, REPOSITORY, Ask, Clock, until

SLOW = FakeLimits(primary=100_000)
EXHAUSTED = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000030"}


@pytest.fixture
def limits() -> FakeLimits | None:
    """The limits of `fake`, for a test to choose."""
    return FakeLimits()


@pytest.fixture
async def fake(clock: Clock, limits: FakeLimits | None) -> AsyncIterator[FakeGitHub]:
    """A running FakeGitHub on the clock, with the limits."""
    async with FakeGitHub(now=clock, limits=limits) as server:
        server.add_artifact(REPOSITORY, "dist", b"hello", id=11)
        yield server


@pytest.mark.parametrize(
    ("limits", "status"),
    [(FakeLimits(primary=2), 403), (FakeLimits(primary=2, status=429), 429)],
)
async def test_primary(ask: Ask, clock: Clock, status: int) -> None:
    """At zero remaining calls are refused as GitHub does it, until the reset and no longer."""
    reset = clock.time + 3600
    assert [(await ask(LIST)).status for _ in range(2)] == [200, 200]
    clock.time += 1800
    refused = await ask(LIST)
    assert refused.status == status
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-used"] == "2"
    assert float(refused.headers["x-ratelimit-reset"]) == reset
    assert "retry-after" not in refused.headers
    assert refused.json["message"] == "API rate limit exceeded for user ID 1."
    assert parsedate_to_datetime(refused.headers["Date"]).timestamp() == clock.time
    clock.time = reset - 1
    assert (await ask(LIST)).status == status
    clock.time = reset
    assert (await ask(LIST)).headers["x-ratelimit-remaining"] == "1"


@pytest.mark.parametrize("limits", [FakeLimits(primary=2, window=10)])
async def test_primary_spares_not_modified(ask: Ask) -> None:
    """Answers with 304 can be had as long as anything is left, at no cost."""
    etag = (await ask(LIST)).headers["ETag"]
    for _ in range(5):
        again = await ask(LIST, If_None_Match=etag)
        assert (again.status, again.headers["x-ratelimit-remaining"]) == (304, "1")
    assert (await ask(LIST)).status == 200
    assert (await ask(LIST, If_None_Match=etag)).status == 403


@pytest.mark.parametrize("limits", [FakeLimits(primary=1, anonymous=2)])
async def test_accounts(ask: Ask) -> None:
    """Those without a token share a limit of their own, and a bad token is told that it is."""
    statuses = [(await ask(LIST, Authorization=None)).status for _ in range(2)]
    assert statuses == [200, 200]
    refused = await ask(LIST, Authorization=None)
    assert refused.json["message"].startswith("API rate limit exceeded for 127.0.0.1. (But")
    assert (await ask(LIST)).status == 200
    assert (await ask(LIST, Authorization="Bearer wrong")).status == 401


@pytest.mark.parametrize("limits", [SLOW])
async def test_points(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """More than 900 points within any minute trip the secondary limit, a DELETE being 5."""
    for _ in range(400):
        assert (await ask(f"{LIST}/11", "HEAD")).status == 200
    clock.time += 30
    for _ in range(100):
        assert (await ask(f"{LIST}/12", "DELETE")).status == 404
    clock.time += 29.9
    assert fake.secondary_trips == 0
    refused = await ask(LIST)
    assert refused.status == 403
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["x-ratelimit-remaining"] == "99500"
    assert refused.json["message"].startswith(
        "You have exceeded a secondary rate limit. Please wait a few minutes"
    )
    assert refused.json["documentation_url"].endswith("secondary-rate-limits")
    clock.time += 59.5
    assert (await ask(LIST)).headers["retry-after"] == "1"
    assert fake.secondary_trips == 1
    clock.time += 0.5
    assert (await ask(LIST)).status == 200


@pytest.mark.parametrize("limits", [FakeLimits(points_per_minute=10)])
async def test_points_slide(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """A minute ends for each request on its own, so an even pace below the limit never trips."""
    for _ in range(100):
        assert (await ask(LIST)).status == 200
        clock.time += 6
    assert (fake.secondary_trips, fake.sent_while_told_to_wait) == (0, 0)


@pytest.mark.parametrize("limits", [FakeLimits(concurrent=3)])
async def test_concurrent(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """One request too many under way is refused at once, those before it are answered."""
    async with asyncio.timeout(5):
        with fake.holding():
            held = [asyncio.ensure_future(ask(LIST)) for _ in range(3)]
            await until(lambda: fake.most_under_way == 3)
            refused = await ask(LIST)
            assert (refused.status, refused.headers["retry-after"]) == (403, "60")
        assert [(await task).status for task in held] == [200, 200, 200]
    assert fake.secondary_trips == 1
    clock.time += 60
    assert (await ask(LIST)).status == 200


@pytest.mark.parametrize("limits", [FakeLimits(concurrent=20, primary=10**6)])
async def test_a_herd_is_concurrent(fake: FakeGitHub) -> None:
    """Many requests sent together are under way together, though nothing holds them."""
    headers = {"Authorization": f"token {fake.token}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def get() -> int:
            async with http.get(fake.url + LIST, headers=headers) as response:
                return response.status

        assert 403 in await asyncio.gather(*(get() for _ in range(100)))
    assert fake.secondary_trips == 1


async def test_a_careful_herd_is_not(fake: FakeGitHub) -> None:
    """A client that keeps to the documented numbers is never refused."""
    headers = {"Authorization": f"token {fake.token}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=90)) as http:

        async def get() -> int:
            async with http.get(fake.url + LIST, headers=headers) as response:
                return response.status

        assert set(await asyncio.gather(*(get() for _ in range(900)))) == {200}
    assert fake.secondary_trips == 0
    assert 1 < fake.most_under_way <= 90


@pytest.mark.parametrize("limits", [FakeLimits(points_per_minute=1)])
async def test_told_by_secondary_limit(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """A request before the time that Retry-After named counts, one at that time does not."""
    await ask(LIST)
    assert (await ask(LIST)).status == 403
    assert fake.sent_while_told_to_wait == 0
    clock.time += 59
    await ask(LIST)
    assert fake.sent_while_told_to_wait == 1
    clock.time += 1
    assert (await ask(LIST)).status == 200
    assert fake.sent_while_told_to_wait == 1


@pytest.mark.parametrize("limits", [FakeLimits(primary=1), FakeLimits(primary=1, enforced=False)])
async def test_told_by_remaining(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """The answer that leaves nothing tells as much as a refusal, enforced or only counted."""
    assert (await ask(LIST)).headers["x-ratelimit-remaining"] == "0"
    clock.time += 3599
    await ask(LIST)
    assert fake.sent_while_told_to_wait == 1
    clock.time += 1
    await ask(LIST)
    assert fake.sent_while_told_to_wait == 1


@pytest.mark.parametrize("limits", [None])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(429, retry_after=30), True),
        (Fault(403, retry_after=30, retry_after_date=True), True),
        (Fault(403, headers=EXHAUSTED), True),
        (Fault(429, headers={"retry-after": "soon"}), False),
        (Fault(429), False),
        (Fault(503, retry_after=30), False),
    ],
)
async def test_told_by_faults(
    ask: Ask, fake: FakeGitHub, clock: Clock, fault: Fault, told: bool
) -> None:
    """Faults tell as limits do; a 503 and a refusal without a time close nothing."""
    fake.fail_next(fault)
    await ask(LIST)
    clock.time += 29
    await ask(LIST)
    assert fake.sent_while_told_to_wait == told
    clock.time += 1
    await ask(LIST)
    assert fake.sent_while_told_to_wait == told


@pytest.mark.parametrize("limits", [FakeLimits(enforced=False)])
async def test_crossing(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """A request that may have crossed the refusal is forgiven, the next on its connection not."""
    async with asyncio.timeout(5):
        with fake.holding():
            tasks = [asyncio.ensure_future(ask(LIST)) for _ in range(2)]
            await until(lambda: fake.most_under_way == 2)
        await asyncio.gather(*tasks)
    fake.fail_next(Fault.secondary_limit(60))
    await asyncio.gather(ask(LIST), ask(LIST))
    assert fake.sent_while_told_to_wait == 0
    await ask(LIST)
    assert fake.sent_while_told_to_wait == 1
    clock.time += 60
    fake.fail_next(Fault.secondary_limit(60))
    await ask(LIST)
    clock.time += 1
    await asyncio.gather(ask(LIST), ask(LIST))
    assert fake.sent_while_told_to_wait == 3


@pytest.mark.parametrize("limits", [None])
async def test_limits_off(ask: Ask) -> None:
    """A GHES that has its limits off says nothing about them, and refuses nothing."""
    for _ in range(70):
        answer = await ask(f"/api/v3{LIST}", Authorization=None)
        assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]
    assert answer.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_limits_make_sense() -> None:
    """Limits that no server could have are refused."""
    for wrong in ({"primary": 0}, {"window": -1.0}, {"status": 418}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FakeLimits(**wrong)
