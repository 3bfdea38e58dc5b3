"""Calls and downloads complete on a connection pool that is small, slow or busy."""

from __future__ import annotations

import asyncio
import os
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
from tests.support import REPOSITORY, files_below, rsa_keys

HOURS = 7200.0


@asynccontextmanager
async def borrowing_world(
    connector: aiohttp.BaseConnector | None = None, *, auth: Any = None, **client: Any
) -> AsyncIterator[tuple[World, aiohttp.ClientSession]]:
    """Run a FakeGitHub and a client that borrows a session; yield a `World` and the session."""
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


async def gather_within(*calls: Awaitable[Any], within: float = HOURS) -> list[Any]:
    """Await the calls and return their results; fail after `within` seconds."""
    async with asyncio.timeout(within):
        return await asyncio.gather(*calls)


async def add_artifacts(world: World, count: int) -> list[Artifact]:
    """Add artifacts and read them with another client, so that the tested one has made no call."""
    ids = [world.fake.add_artifact(REPOSITORY, f"d{number}", b"x").id for number in range(count)]
    async with Client(world.fake.token, base_url=world.fake.url) as other:
        return [await other.repo(REPOSITORY).get_artifact(number) for number in ids]


def app(**where: Any) -> GitHubApp:
    """Return the authentication of the app that the FakeGitHub knows."""
    return GitHubApp(7, rsa_keys()[0], wall_clock=wall, **(where or {"installation_id": 42}))


@asynccontextmanager
async def busy_connection(world: World, session: aiohttp.ClientSession) -> AsyncIterator[None]:
    """Keep one connection of the session busy with a request of the session's owner."""
    patient = aiohttp.ClientTimeout(total=None)
    with world.fake.holding(path="^/held$"):
        own = asyncio.ensure_future(session.get(f"{world.fake.url}/held", timeout=patient))
        await asyncio.sleep(0.1)
        yield
    (await own).release()


def count_requests(world: World, method: str) -> int:
    """Return the number of requests with this method."""
    return sum(request.method == method for request in world.fake.requests)


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
async def test_downloads_and_gets_all_complete(
    pool: dict[str, Any], limits: RateLimitPolicy, count: int, tmp_path: Path
) -> None:
    """Any number of downloads and gets that share a pool complete."""
    async with borrowing_world(aiohttp.TCPConnector(**pool), rate_limits=limits) as (world, _):
        artifacts = await add_artifacts(world, 5)
        ids = [world.fake.add_artifact(REPOSITORY, f"i{n}", b"x").id for n in range(count)]
        world.fake.fail_next(Fault.secondary_limit(60), 503)
        await gather_within(
            *(world.repo.download_artifact(number, tmp_path / f"{number}") for number in ids),
            *(world.repo.get_artifact(number) for number in ids[:20]),
            *(
                world.repo.download_artifact(artifact, tmp_path / artifact.name)
                for artifact in artifacts
            ),
            within=600,
        )
        assert world.fake.wait_violations == 0


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize(
    "where", [{"installation_id": 42}, {"repository": REPOSITORY}], ids=["id", "repository"]
)
@fast
async def test_a_token_is_created_on_a_small_pool(
    limit: int, where: dict[str, Any], tmp_path: Path
) -> None:
    """An app gets its first token over one or two connections, even if the first request fails."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with borrowing_world(connector, auth=app(**where)) as (world, _):
        artifacts = await add_artifacts(world, 4)
        world.fake.fail_next(503, method="POST")
        await gather_within(
            world.repo.get_artifact(world.artifact),
            *(
                world.repo.download_artifact(artifact, tmp_path / artifact.name)
                for artifact in artifacts
            ),
            world.repo.get_artifact(world.artifact),
            within=60,
        )
        assert world.fake.tokens_created == 1


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize(
    "where", [{"installation_id": 42}, {"repository": REPOSITORY}], ids=["id", "repository"]
)
@fast
async def test_a_token_is_renewed_on_a_small_pool(
    limit: int, where: dict[str, Any], tmp_path: Path
) -> None:
    """A token that is revoked while downloads hold all connections is renewed."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with borrowing_world(connector, auth=app(**where), timeouts=Timeouts(stall=HOURS)) as (
        world,
        _,
    ):
        artifacts = await add_artifacts(world, 6)
        await world.repo.get_artifact(world.artifact)
        token = world.fake.requests[-1].headers["Authorization"].removeprefix("Bearer ")
        with world.fake.holding(origin="blob"):
            tasks = [
                asyncio.ensure_future(
                    world.repo.download_artifact(artifact, tmp_path / artifact.name)
                )
                for artifact in artifacts
            ]
            await asyncio.sleep(1)
            world.fake.revoke(token)
            world.fake.fail_next(503, method="POST")
            tasks += [
                asyncio.ensure_future(world.repo.download_artifact(world.artifact, tmp_path / "x"))
            ]
            await asyncio.sleep(100)
        await gather_within(*tasks, world.repo.get_artifact(world.artifact), within=60)
        assert world.fake.tokens_created == 2


@pytest.mark.parametrize("limit", [1, 2])
@fast
async def test_a_token_may_expire_during_the_wait_for_a_connection(
    limit: int, tmp_path: Path
) -> None:
    """Downloads and calls that wait for hours for a connection are sent with a valid token."""
    connector = aiohttp.TCPConnector(limit=limit)
    async with borrowing_world(connector, auth=app(), timeouts=Timeouts(stall=HOURS)) as (world, _):
        artifacts = await add_artifacts(world, 2 * limit + 1)
        await world.repo.get_artifact(world.artifact)
        world.fake.url_ttl = HOURS
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(world.repo.download_artifact(artifact, tmp_path / artifact.name))
            for artifact in artifacts
        ]
        await asyncio.sleep(0)
        tasks.append(asyncio.ensure_future(world.repo.get_artifact(world.artifact)))
        for _ in range(4):
            with world.fake.holding(origin="blob"):
                await asyncio.sleep(4000)
        await gather_within(*tasks, within=60)
        assert world.fake.tokens_created > 1
    assert files_below(tmp_path) == sorted(artifact.name for artifact in artifacts)


class SlowConnector(aiohttp.TCPConnector):
    """A pool in which connecting takes 5 seconds from the `first_slow`-th connection on."""

    def __init__(self, first_slow: int) -> None:
        super().__init__()
        self.quick = first_slow - 1

    async def connect(self, *args: Any, **more: Any) -> Any:
        """Connect, after 5 seconds if this is one of the slow connections."""
        self.quick -= 1
        if self.quick < 0:
            await asyncio.sleep(5)
        return await super().connect(*args, **more)


@pytest.mark.parametrize("first_slow", [1, 2, 3])
@fast
async def test_calls_started_after_a_refusal_wait(first_slow: int) -> None:
    """When GitHub asks the client to wait, only calls that are already connecting are sent."""
    async with borrowing_world(SlowConnector(first_slow)) as (world, _):
        world.fake.fail_next(Fault.secondary_limit(60))
        get = world.repo.get_artifact
        calls = [asyncio.ensure_future(get(world.artifact)) for _ in range(5)]
        await asyncio.sleep(8)
        connecting = world.fake.wait_violations
        assert connecting <= 4
        await gather_within(*calls, *(get(world.artifact) for _ in range(5)))
        assert world.fake.wait_violations == connecting
        assert 60 <= now() < 80
        assert world.gh.stats.calls == len(world.fake.requests) == 11


@fast
async def test_calls_wait_for_a_rate_limit_while_the_session_owner_uses_the_pool() -> None:
    """At most one call is sent during a wait, even if the caller uses the session as well."""
    async with (
        borrowing_world(aiohttp.TCPConnector(limit=2)) as (world, session),
        busy_connection(world, session),
    ):
        world.fake.fail_next(Fault.secondary_limit(60), path="artifacts")
        get = world.repo.get_artifact
        with world.fake.holding(path="artifacts"):
            tasks = [asyncio.ensure_future(get(world.artifact)) for _ in range(2)]
            await asyncio.sleep(3)
        await asyncio.sleep(1)
        assert world.fake.wait_violations <= 1
        await gather_within(*tasks, get(world.artifact))
        assert world.fake.wait_violations <= 1
        assert 63 <= now() < 70
        assert world.gh.stats.calls == 4


@pytest.mark.parametrize("seconds", [40, 300])
@fast
async def test_an_unsent_delete_is_not_counted_as_deleted(seconds: float) -> None:
    """Deleting a missing artifact raises NotFound, however long the DELETE waited to be sent."""
    patient = RetryPolicy(attempts=20, timeout=1000)
    async with borrowing_world(aiohttp.TCPConnector(limit=1), retry=patient) as (world, session):
        async with busy_connection(world, session):
            delete = asyncio.ensure_future(world.repo.delete_artifact(987654))
            await asyncio.sleep(seconds)
            assert count_requests(world, "DELETE") == 0
        with pytest.raises(NotFound):
            await gather_within(delete, within=60)
        assert count_requests(world, "DELETE") == 1


@fast
async def test_a_call_without_a_connection_was_not_sent() -> None:
    """A call that times out without a connection reports that it was not sent."""
    connector = aiohttp.TCPConnector(limit=1)
    async with borrowing_world(connector) as (world, session), busy_connection(world, session):
        delete = asyncio.ensure_future(world.repo.delete_artifact(world.artifact))
        await asyncio.sleep(300)
        with pytest.raises(TimedOut, match="no connection") as caught:
            await gather_within(delete, within=1)
        assert not caught.value.may_have_arrived
        assert count_requests(world, "DELETE") == 0


@fast
async def test_a_wait_for_unread_streams_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If open streams hold all connections, a request that waits for a minute logs a warning."""
    async with borrowing_world(aiohttp.TCPConnector(limit=1)) as (world, _):
        large = world.fake.add_artifact(REPOSITORY, "large", {"a": os.urandom(8_000_000)}).id
        async with world.repo.stream_artifact(large) as stream:
            waiting = asyncio.ensure_future(world.repo.get_artifact(world.artifact))
            await asyncio.sleep(50)
            assert not caplog.records
            await asyncio.sleep(20)
            assert "all 1 connections are in use, and none has received anything" in caplog.text
            assert not waiting.done()
            assert sum([len(chunk) async for chunk in stream]) > 8_000_000
        assert (await waiting).id == world.artifact
        caplog.clear()
        await asyncio.sleep(200)
        assert not caplog.records
