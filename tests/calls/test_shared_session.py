"""A client on a service's own session keeps to everything that it keeps to on one of its own."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import pytest

from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.support import REPOSITORY

from .clock import fast, wall
from .support import now


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
