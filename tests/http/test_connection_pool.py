"""A pool of connections that is small, slow or in use keeps nobody waiting for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ghartifacts_async import (
    Artifact,
    Client,
    GitHubApp,
    NotFound,
    RateLimitPolicy,
    RetryPolicy,
    TimedOut,
    Timeouts,
)
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.api.support import World, now
from tests.clock import fast, wall
from tests.support import REPOSITORY, rsa_keys

HOURS = 7200.0


@asynccontextmanager
async def small(
    connector: aiohttp.BaseConnector | None = None, *, auth: Any = None, **client: Any
) -> AsyncIterator[tuple[World, aiohttp.ClientSession]]:
    """A world whose client borrows a session on this connector."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=10**6, enforced=False)) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        fake.add_app(7, rsa_keys()[1], 42, [REPOSITORY])
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            Client(
                auth or fake.token,
                base_url=fake.url,
                session=session,
                conditional=False,
                **client,
            ) as gh,
        ):
            yield World(fake, gh, artifact), session


async def served(*calls: Awaitable[Any], within: float = HOURS) -> list[Any]:
    """What came of the calls; a test that waits for longer has failed."""
    async with asyncio.timeout(within):
        return await asyncio.gather(*calls)


async def known(made: World, count: int) -> list[Artifact]:
    """As many artifacts, of which the client has heard nothing yet."""
    ids = [made.fake.add_artifact(REPOSITORY, f"d{number}", b"x").id for number in range(count)]
    async with Client(made.fake.token, base_url=made.fake.url) as other:
        return [await other.repo(REPOSITORY).get_artifact(one) for one in ids]


def app(**where: Any) -> GitHubApp:
    """The installation that every world here knows."""
    return GitHubApp(7, rsa_keys()[0], wall_clock=wall, **(where or {"installation_id": 42}))


@asynccontextmanager
async def in_use(made: World, session: aiohttp.ClientSession) -> AsyncIterator[None]:
    """A service that has a request of its own under way meanwhile."""
    patient = aiohttp.ClientTimeout(total=None)
    with made.fake.holding(path="^/held$"):
        own = asyncio.ensure_future(session.get(f"{made.fake.url}/held", timeout=patient))
        await asyncio.sleep(0.1)
        yield
    (await own).release()


def asked(made: World, method: str) -> int:
    """How many requests of this method came."""
    return sum(request.method == method for request in made.fake.requests)


@pytest.mark.parametrize(
    ("pool", "limits", "count"),
    [
        ({}, RateLimitPolicy(), 120),
        ({"limit_per_host": 8}, RateLimitPolicy(), 60),
        ({"limit": 1}, RateLimitPolicy(concurrent_requests=1), 20),
        ({"limit": 2}, RateLimitPolicy(concurrent_requests=1), 20),
        ({"limit": 1}, RateLimitPolicy.unlimited(), 20),
    ],
    ids=str,
)
@fast
async def test_downloads_and_gets_all_end(
    pool: dict[str, Any], limits: RateLimitPolicy, count: int, tmp_path: Path
) -> None:
    """However many downloads, by id or not, and gets share a pool, each of them is served."""
    async with small(aiohttp.TCPConnector(**pool), rate_limits=limits) as (made, _):
        listed = await known(made, 5)
        ids = [made.fake.add_artifact(REPOSITORY, f"i{one}", b"x").id for one in range(count)]
        made.fake.fail_next(Fault.secondary_limit(60), 503)
        await served(
            *(made.repo.download_artifact(one, tmp_path / f"{one}") for one in ids),
            *(made.repo.get_artifact(one) for one in ids[:20]),
            *(made.repo.download_artifact(one, tmp_path / one.name) for one in listed),
            within=600,
        )
        assert made.fake.sent_while_told_to_wait == 0


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize(
    "where", [{"installation_id": 42}, {"repository": REPOSITORY}], ids=["id", "repository"]
)
@fast
async def test_a_token_is_minted_on_a_small_pool(
    limit: int, where: dict[str, Any], tmp_path: Path
) -> None:
    """An app gets its first token over a pool of one, also where GitHub first fails."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with small(connector, auth=app(**where)) as (made, _):
        listed = await known(made, 4)
        made.fake.fail_next(503, method="POST")
        await served(
            made.repo.get_artifact(made.artifact),
            *(made.repo.download_artifact(one, tmp_path / one.name) for one in listed),
            made.repo.get_artifact(made.artifact),
            within=60,
        )
        assert made.fake.tokens_minted == 1


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize(
    "where", [{"installation_id": 42}, {"repository": REPOSITORY}], ids=["id", "repository"]
)
@fast
async def test_a_token_is_minted_anew_on_a_small_pool(
    limit: int, where: dict[str, Any], tmp_path: Path
) -> None:
    """A token that is revoked while downloads hold the whole pool is renewed all the same."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with small(connector, auth=app(**where), timeouts=Timeouts(stall=HOURS)) as (made, _):
        listed = await known(made, 6)
        await made.repo.get_artifact(made.artifact)
        token = made.fake.requests[-1].headers["Authorization"].removeprefix("Bearer ")
        with made.fake.holding(origin="blob"):
            tasks = [
                asyncio.ensure_future(made.repo.download_artifact(one, tmp_path / one.name))
                for one in listed
            ]
            await asyncio.sleep(1)
            made.fake.revoke(token)
            made.fake.fail_next(503, method="POST")
            tasks += [
                asyncio.ensure_future(made.repo.download_artifact(made.artifact, tmp_path / "x"))
            ]
            await asyncio.sleep(100)
        await served(*tasks, made.repo.get_artifact(made.artifact), within=60)
        assert made.fake.tokens_minted == 2


@pytest.mark.parametrize("limit", [1, 2])
@fast
async def test_a_token_may_end_while_a_connection_is_waited_for(limit: int, tmp_path: Path) -> None:
    """Downloads that wait for hours behind others go with a token that is good by then."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with small(connector, auth=app(), timeouts=Timeouts(stall=HOURS)) as (made, _):
        listed = await known(made, 2 * limit + 1)
        await made.repo.get_artifact(made.artifact)
        made.fake.url_ttl = HOURS
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(made.repo.download_artifact(one, tmp_path / one.name))
            for one in listed
        ]
        await asyncio.sleep(0)
        tasks.append(asyncio.ensure_future(made.repo.get_artifact(made.artifact)))
        for _ in range(4):
            with made.fake.holding(origin="blob"):
                await asyncio.sleep(4000)
        await served(*tasks, within=60)


class SlowConnector(aiohttp.TCPConnector):
    """A pool whose connections from some on take seconds to be made."""

    def __init__(self, first_slow: int) -> None:
        super().__init__()
        self.quick = first_slow - 1

    async def connect(self, *args: Any, **more: Any) -> Any:
        """As ever, later."""
        self.quick -= 1
        if self.quick < 0:
            await asyncio.sleep(5)
        return await super().connect(*args, **more)


@pytest.mark.parametrize("first_slow", [1, 2, 3])
@fast
async def test_calls_started_after_the_gate_closed_wait_for_it(first_slow: int) -> None:
    """Only calls that were already connecting when GitHub said wait are sent during the wait."""
    async with small(SlowConnector(first_slow)) as (made, _):
        made.fake.fail_next(Fault.secondary_limit(60))
        get = made.repo.get_artifact
        calls = [asyncio.ensure_future(get(made.artifact)) for _ in range(5)]
        await asyncio.sleep(8)
        connecting = made.fake.sent_while_told_to_wait
        assert connecting <= 4
        await served(*calls, *(get(made.artifact) for _ in range(5)))
        assert made.fake.sent_while_told_to_wait == connecting
        assert 60 <= now() < 80
        assert made.gh.stats.calls == len(made.fake.requests) == 11


@fast
async def test_calls_wait_for_the_gate_when_the_service_uses_the_pool() -> None:
    """Only a call that was waiting for the service's connection is sent during the wait."""
    async with small(aiohttp.TCPConnector(limit=2)) as (made, session), in_use(made, session):
        made.fake.fail_next(Fault.secondary_limit(60), path="artifacts")
        get = made.repo.get_artifact
        with made.fake.holding(path="artifacts"):
            tasks = [asyncio.ensure_future(get(made.artifact)) for _ in range(2)]
            await asyncio.sleep(3)
        await asyncio.sleep(1)
        assert made.fake.sent_while_told_to_wait <= 1
        await served(*tasks, get(made.artifact))
        assert made.fake.sent_while_told_to_wait <= 1
        assert 63 <= now() < 70
        assert made.gh.stats.calls == 4


@pytest.mark.parametrize("seconds", [40, 300])
@fast
async def test_a_delete_that_was_not_sent_deleted_nothing(seconds: float) -> None:
    """What was not there is NotFound, however long the service kept the DELETE from going."""
    patient = RetryPolicy(attempts=20, timeout=1000)
    async with small(aiohttp.TCPConnector(limit=1), retry=patient) as (made, session):
        async with in_use(made, session):
            delete = asyncio.ensure_future(made.repo.delete_artifact(987654))
            await asyncio.sleep(seconds)
            assert asked(made, "DELETE") == 0
        with pytest.raises(NotFound):
            await served(delete, within=60)
        assert asked(made, "DELETE") == 1


@fast
async def test_what_got_no_connection_was_not_sent() -> None:
    """A call that is given up while the service has the whole pool tells that it was not sent."""
    connector = aiohttp.TCPConnector(limit=1)
    async with small(connector) as (made, session), in_use(made, session):
        delete = asyncio.ensure_future(made.repo.delete_artifact(made.artifact))
        await asyncio.sleep(300)
        with pytest.raises(TimedOut, match="no connection") as caught:
            await served(delete, within=1)
        assert not caught.value.may_have_arrived
        assert asked(made, "DELETE") == 0
