"""A client on a service's own session keeps to everything that it keeps to on one of its own."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest

from ghartifacts_async import Client, Timeouts
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.api.support import now
from tests.clock import fast, wall
from tests.support import REPOSITORY, raw_server


@pytest.mark.parametrize("limit", [1, 4])
@fast
async def test_a_service_lends_its_session(limit: int) -> None:
    """With a small pool and TLS settings of its own, limits and retries hold as ever."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=10**6)) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        connector = aiohttp.TCPConnector(limit=limit, ssl=ssl.create_default_context())
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            Client(fake.token, base_url=fake.url, session=session, conditional=False) as gh,
        ):
            repo = gh.repo(REPOSITORY)
            fake.fail_next(503, Fault.dropped())
            await asyncio.gather(*(repo.get_artifact(artifact) for _ in range(50)))
            fake.fail_next(Fault.secondary_limit(60))
            began = now()
            await asyncio.gather(*(repo.get_artifact(artifact) for _ in range(50)))
            assert now() - began >= 60
        assert fake.secondary_trips == 0
        assert fake.most_under_way <= limit


@fast
async def test_a_slow_pool_does_not_break_the_gate() -> None:
    """A call that waits for a connection of the pool goes not while it was told to wait."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=10**6)) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
            Client(fake.token, base_url=fake.url, session=session) as gh,
        ):
            fake.fail_next(Fault.secondary_limit(60))
            with fake.holding():
                tasks = [
                    asyncio.ensure_future(gh.repo(REPOSITORY).get_artifact(artifact))
                    for _ in range(10)
                ]
                await asyncio.sleep(5)
            await asyncio.gather(*tasks)
        assert fake.sent_while_told_to_wait == 0


@fast
async def test_who_waits_for_its_pace_leaves_the_pool_to_others() -> None:
    """DELETEs that wait for each other hold no connection that a download could use."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=10**6)) as fake:
        artifact_ids = [fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(20)]
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
            Client(fake.token, base_url=fake.url, session=session, conditional=False) as gh,
        ):
            repo = gh.repo(REPOSITORY)
            deletes = asyncio.gather(*(repo.delete_artifact(one) for one in artifact_ids))
            await asyncio.sleep(0.5)
            for _ in range(5):
                await repo.get_artifact(artifact)
            assert now() < 2
            assert not deletes.done()
            await deletes


@fast
async def test_a_download_that_waits_for_the_pool_is_located_then(tmp_path: Path) -> None:
    """However long a download waits for a connection, its signed URL is a fresh one."""

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(100)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
        await writer.drain()

    async with FakeGitHub(now=wall) as fake, raw_server(slow) as store:
        first = fake.add_artifact(REPOSITORY, "slow", b"x", location=f"{store}/x.zip")
        second = fake.add_artifact(REPOSITORY, "dist", b"y")
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
            Client(
                fake.token, base_url=fake.url, session=session, timeouts=Timeouts(stall=1000)
            ) as gh,
        ):
            repo = gh.repo(REPOSITORY)
            listed = [await repo.get_artifact(one.id) for one in (first, second)]
            await asyncio.gather(
                *(repo.download_artifact(one, tmp_path / one.name) for one in listed)
            )
            assert now() > 100
        assert {one.status for one in fake.requests} == {200, 302}
