"""Rate limits: which requests are refused, and which are sent although a client should wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.support import wait_until
from tests.testing.support import LIST, REPOSITORY, Clock, Send

HIGH_PRIMARY = FakeLimits(primary=100_000)
EXHAUSTED = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000030"}


@pytest.fixture
def limits() -> FakeLimits | None:
    """The limits of `fake`; tests override it by parametrization."""
    return FakeLimits()


@pytest.fixture
async def fake(clock: Clock, limits: FakeLimits | None) -> AsyncIterator[FakeGitHub]:
    """A running FakeGitHub that uses the fixtures `clock` and `limits`."""
    async with FakeGitHub(now=clock, limits=limits) as server:
        server.add_artifact(REPOSITORY, "dist", b"hello", id=11)
        yield server


@pytest.mark.parametrize(
    ("limits", "status"),
    [(FakeLimits(primary=2), 403), (FakeLimits(primary=2, status=429), 429)],
)
async def test_the_primary_limit_refuses_until_the_reset(
    send: Send, clock: Clock, status: int
) -> None:
    """When no requests remain, the server refuses requests as GitHub does, until the reset."""
    reset = clock.time + 3600
    assert [(await send(LIST)).status for _ in range(2)] == [200, 200]
    clock.time += 1800
    refused = await send(LIST)
    assert refused.status == status
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-used"] == "2"
    assert float(refused.headers["x-ratelimit-reset"]) == reset
    assert "retry-after" not in refused.headers
    assert refused.json["message"] == "API rate limit exceeded for user ID 1."
    assert parsedate_to_datetime(refused.headers["Date"]).timestamp() == clock.time
    clock.time = reset - 1
    assert (await send(LIST)).status == status
    clock.time = reset
    assert (await send(LIST)).headers["x-ratelimit-remaining"] == "1"


@pytest.mark.parametrize("limits", [FakeLimits(primary=2, window=10)])
async def test_not_modified_costs_nothing(send: Send) -> None:
    """A 304 does not count, but conditional requests are refused when no requests remain."""
    etag = (await send(LIST)).headers["ETag"]
    for _ in range(5):
        again = await send(LIST, If_None_Match=etag)
        assert (again.status, again.headers["x-ratelimit-remaining"]) == (304, "1")
    assert (await send(LIST)).status == 200
    assert (await send(LIST, If_None_Match=etag)).status == 403


@pytest.mark.parametrize("limits", [FakeLimits(primary=1, anonymous=2)])
async def test_each_account_has_its_own_limit(send: Send) -> None:
    """Requests without a token share a limit of their own. A wrong token still gets 401."""
    statuses = [(await send(LIST, Authorization=None)).status for _ in range(2)]
    assert statuses == [200, 200]
    refused = await send(LIST, Authorization=None)
    assert refused.json["message"].startswith("API rate limit exceeded for 127.0.0.1. (But")
    assert (await send(LIST)).status == 200
    assert (await send(LIST, Authorization="Bearer wrong")).status == 401


@pytest.mark.parametrize("limits", [HIGH_PRIMARY])
async def test_points_per_minute(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """More than 900 points in any minute exceed the secondary limit. A DELETE costs 5 points."""
    for _ in range(400):
        assert (await send(f"{LIST}/11", "HEAD")).status == 200
    clock.time += 30
    for _ in range(100):
        assert (await send(f"{LIST}/12", "DELETE")).status == 404
    clock.time += 29.9
    assert fake.secondary_limit_hits == 0
    refused = await send(LIST)
    assert refused.status == 403
    assert refused.headers["retry-after"] == "60"
    assert refused.headers["x-ratelimit-remaining"] == "99500"
    assert refused.json["message"].startswith(
        "You have exceeded a secondary rate limit. Please wait a few minutes"
    )
    assert refused.json["documentation_url"].endswith("secondary-rate-limits")
    clock.time += 59.5
    assert (await send(LIST)).headers["retry-after"] == "1"
    assert fake.secondary_limit_hits == 1
    clock.time += 0.5
    assert (await send(LIST)).status == 200


@pytest.mark.parametrize("limits", [FakeLimits(points_per_minute=10)])
async def test_points_are_counted_in_a_sliding_window(
    send: Send, fake: FakeGitHub, clock: Clock
) -> None:
    """Points are counted over the last 60 seconds, so a steady rate at the limit is allowed."""
    for _ in range(100):
        assert (await send(LIST)).status == 200
        clock.time += 6
    assert (fake.secondary_limit_hits, fake.wait_violations) == (0, 0)


@pytest.mark.parametrize("limits", [FakeLimits(concurrent=3)])
async def test_the_concurrency_limit(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """A request beyond the concurrency limit is refused. Requests in progress are answered."""
    async with asyncio.timeout(5):
        with fake.holding():
            held = [asyncio.ensure_future(send(LIST)) for _ in range(3)]
            await wait_until(lambda: fake.max_concurrent_requests == 3)
            refused = await send(LIST)
            assert (refused.status, refused.headers["retry-after"]) == (403, "60")
        assert [(await task).status for task in held] == [200, 200, 200]
    assert fake.secondary_limit_hits == 1
    clock.time += 60
    assert (await send(LIST)).status == 200


@pytest.mark.parametrize("limits", [FakeLimits(concurrent=20, primary=10**6)])
async def test_requests_sent_together_are_concurrent(fake: FakeGitHub) -> None:
    """Requests sent together count as concurrent, even without `holding`."""
    url = URL(fake.url)
    head = f"GET {LIST} HTTP/1.1\r\nHost: {url.host}\r\nUser-Agent: tests\r\nConnection: close\r\n"
    connections = [await asyncio.open_connection(url.host, url.port) for _ in range(100)]
    for _, writer in connections:
        writer.write(f"{head}Authorization: token {fake.token}\r\n\r\n".encode())
    responses = [await reader.read() for reader, _ in connections]
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()
    assert any(response.startswith(b"HTTP/1.1 403") for response in responses)
    assert fake.secondary_limit_hits == 1


async def test_a_client_within_the_limits_is_never_refused(fake: FakeGitHub) -> None:
    """A client that respects the documented limits is never refused."""
    headers = {"Authorization": f"token {fake.token}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=90)) as http:

        async def get() -> int:
            async with http.get(fake.url + LIST, headers=headers) as response:
                return response.status

        assert set(await asyncio.gather(*(get() for _ in range(900)))) == {200}
    assert fake.secondary_limit_hits == 0
    assert 1 < fake.max_concurrent_requests <= 90


@pytest.mark.parametrize("limits", [FakeLimits(points_per_minute=1)])
async def test_a_secondary_limit_asks_to_wait(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """A request before the end of Retry-After is a violation; a request at its end is not."""
    await send(LIST)
    assert (await send(LIST)).status == 403
    assert fake.wait_violations == 0
    clock.time += 59
    await send(LIST)
    assert fake.wait_violations == 1
    clock.time += 1
    assert (await send(LIST)).status == 200
    assert fake.wait_violations == 1


@pytest.mark.parametrize("limits", [FakeLimits(primary=1), FakeLimits(primary=1, enforced=False)])
async def test_no_remaining_requests_ask_to_wait(
    send: Send, fake: FakeGitHub, clock: Clock
) -> None:
    """A response with no requests remaining asks to wait, even if limits are not enforced."""
    assert (await send(LIST)).headers["x-ratelimit-remaining"] == "0"
    clock.time += 3599
    await send(LIST)
    assert fake.wait_violations == 1
    clock.time += 1
    await send(LIST)
    assert fake.wait_violations == 1


@pytest.mark.parametrize("limits", [None])
@pytest.mark.parametrize(
    ("fault", "asks_to_wait"),
    [
        (Fault(429, retry_after=30), True),
        (Fault(403, retry_after=30, retry_after_date=True), True),
        (Fault(403, headers=EXHAUSTED), True),
        (Fault(429, headers={"retry-after": "soon"}), False),
        (Fault(429), False),
        (Fault(503, retry_after=30), False),
    ],
)
async def test_faults_ask_to_wait(
    send: Send, fake: FakeGitHub, clock: Clock, fault: Fault, asks_to_wait: bool
) -> None:
    """A 403 or 429 with a valid time asks the account to wait. A 503 with Retry-After does not."""
    fake.fail_next(fault)
    await send(LIST)
    clock.time += 29
    await send(LIST)
    assert fake.wait_violations == asks_to_wait
    clock.time += 1
    await send(LIST)
    assert fake.wait_violations == asks_to_wait


@pytest.mark.parametrize("limits", [FakeLimits(enforced=False)])
async def test_a_request_sent_before_the_refusal_is_received_is_tolerated(
    send: Send, fake: FakeGitHub, clock: Clock
) -> None:
    """A request sent before the client has read a refusal is tolerated, but the next is not."""
    async with asyncio.timeout(5):
        with fake.holding():
            tasks = [asyncio.ensure_future(send(LIST)) for _ in range(2)]
            await wait_until(lambda: fake.max_concurrent_requests == 2)
        await asyncio.gather(*tasks)
    fake.fail_next(Fault.secondary_limit(60))
    await asyncio.gather(send(LIST), send(LIST))
    assert fake.wait_violations == 0
    await send(LIST)
    assert fake.wait_violations == 1
    clock.time += 60
    fake.fail_next(Fault.secondary_limit(60))
    await send(LIST)
    clock.time += 1
    await asyncio.gather(send(LIST), send(LIST))
    assert fake.wait_violations == 3


@pytest.mark.parametrize("limits", [None])
async def test_without_limits(send: Send) -> None:
    """Without limits, as on GHES, no request is refused and no rate limit header is sent."""
    for _ in range(70):
        response = await send(f"/api/v3{LIST}", Authorization=None)
        assert response.status == 200
    assert not [name for name in response.headers if name.lower().startswith("x-ratelimit")]
    assert response.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_impossible_limits_are_rejected() -> None:
    """Impossible limits raise ValueError."""
    for wrong in ({"primary": 0}, {"window": -1.0}, {"status": 418}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FakeLimits(**wrong)


def test_the_smallest_limits() -> None:
    """Each limit can be as small as one request or point."""
    limits = FakeLimits(primary=1, anonymous=1, points_per_minute=1, concurrent=1)
    assert (limits.primary, limits.concurrent) == (1, 1)
