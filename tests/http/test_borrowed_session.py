"""Rate limits and retries of a client with a borrowed session."""

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
async def test_limits_and_retries_hold_on_a_borrowed_session(limit: int) -> None:
    """Rate limits and retries hold on a session with a small pool and its own TLS settings."""
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
            started_at = now()
            await asyncio.gather(*(repo.get_artifact(artifact) for _ in range(50)))
            assert now() - started_at >= 60
        assert fake.secondary_limit_hits == 0
        assert fake.max_concurrent_requests <= limit


@fast
async def test_calls_queued_for_a_connection_wait_for_a_rate_limit() -> None:
    """Calls that wait for a connection are not sent during a wait that GitHub has requested."""
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
        assert fake.wait_violations == 0


@fast
async def test_waiting_deletes_hold_no_connection() -> None:
    """A DELETE that waits for the interval after the previous one holds no connection."""
    async with FakeGitHub(now=wall, limits=FakeLimits(primary=10**6)) as fake:
        artifact_ids = [fake.add_artifact(REPOSITORY, "old", b"x").id for _ in range(20)]
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
            Client(fake.token, base_url=fake.url, session=session, conditional=False) as gh,
        ):
            repo = gh.repo(REPOSITORY)
            deletes = asyncio.gather(*map(repo.delete_artifact, artifact_ids))
            await asyncio.sleep(0.5)
            for _ in range(5):
                await repo.get_artifact(artifact)
            assert now() < 2
            assert not deletes.done()
            await deletes


@fast
async def test_a_signed_url_is_requested_when_a_connection_is_free(tmp_path: Path) -> None:
    """A download that waited long for a connection still gets a valid signed URL."""

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
            artifacts = [await repo.get_artifact(added.id) for added in (first, second)]
            await asyncio.gather(
                *(
                    repo.download_artifact(artifact, tmp_path / artifact.name)
                    for artifact in artifacts
                )
            )
            assert now() > 100
        assert {request.status for request in fake.requests} == {200, 302}
