"""Closing a client ends all operations that are still waiting."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ghartifacts_async import Client, ClientStateError, Download, RateLimitPolicy
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.api.support import World, now
from tests.clock import fast, wall
from tests.support import REPOSITORY

Scene = Callable[[World], Awaitable[Any]]


async def calls_during_a_rate_limit(world: World) -> None:
    """Make calls that wait because GitHub has reported a rate limit."""
    world.fake.fail_next(Fault.secondary_limit(1000))
    await asyncio.gather(*(world.repo.get_artifact(world.artifact) for _ in range(20)))


async def call_between_attempts(world: World) -> None:
    """Make a call that waits for its next attempt after a 503."""
    world.fake.fail_next(Fault(503, retry_after=100))
    await world.repo.get_artifact(world.artifact)


async def calls_that_exceed_the_points(world: World) -> None:
    """Make more calls than the points per minute allow."""
    await asyncio.gather(*(world.repo.get_artifact(world.artifact) for _ in range(2000)))


async def many_deletions(world: World) -> None:
    """Make DELETEs, which wait for each other."""
    artifacts = [world.fake.add_artifact(REPOSITORY, "x", b"").id for _ in range(50)]
    await asyncio.gather(*(world.repo.delete_artifact(artifact) for artifact in artifacts))


async def call_without_a_response(world: World) -> None:
    """Make a call to a server that does not respond."""
    with world.fake.holding():
        await world.repo.get_artifact(world.artifact)


async def download_during_a_rate_limit(world: World) -> None:
    """Start a download that waits for a rate limit before it gets its signed URL."""
    world.fake.fail_next(Fault.secondary_limit(1000))
    await world.repo.download_artifact(world.artifact, Path("nowhere"))


@pytest.mark.parametrize(
    "scene",
    [
        calls_during_a_rate_limit,
        call_between_attempts,
        calls_that_exceed_the_points,
        many_deletions,
        call_without_a_response,
        download_during_a_rate_limit,
    ],
    ids=lambda scene: scene.__name__,
)
@fast
async def test_closing_ends_every_wait(scene: Scene) -> None:
    """Closing a client raises ClientStateError at once in all waiting tasks."""
    limits = FakeLimits(primary=10**6, enforced=False)
    async with FakeGitHub(now=wall, limits=limits) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        async with Client(fake.token, base_url=fake.url, rate_limits=RateLimitPolicy()) as gh:
            task = asyncio.ensure_future(scene(World(fake, gh, artifact)))
            await asyncio.sleep(10)
            assert not task.done()
            before = now()
        with pytest.raises(ClientStateError, match="closed"):
            await task
        assert now() - before < 1


@fast
async def test_closing_ends_the_wait_for_a_token() -> None:
    """Closing a client cancels a token provider that does not return."""
    cancelled = asyncio.Event()

    async def provide() -> str:
        try:
            await asyncio.sleep(10_000)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    async with FakeGitHub(now=wall) as fake:
        async with Client(provide, base_url=fake.url) as gh:
            task = asyncio.ensure_future(gh.repo(REPOSITORY).get_artifact(1))
            await asyncio.sleep(1)
        with pytest.raises(ClientStateError, match="closed"):
            await task
        assert cancelled.is_set()


@fast
async def test_a_call_cancelled_while_closing_raises_cancelled_error() -> None:
    """A task that is cancelled just before its client closes raises CancelledError."""
    async with FakeGitHub(now=wall) as fake:
        fake.fail_next(Fault.secondary_limit(1000))
        async with Client(fake.token, base_url=fake.url) as gh:
            task = asyncio.ensure_future(gh.repo(REPOSITORY).get_artifact(1))
            await asyncio.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@fast
async def test_nothing_starts_after_closing() -> None:
    """Calls of a closed client raise at once and request no token."""
    requested: list[float] = []

    async def provide() -> str:
        requested.append(now())
        return "fake-token"

    async with FakeGitHub(now=wall) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        async with Client(provide, base_url=fake.url) as gh:
            repo = gh.repo(REPOSITORY)
            fake.fail_next(Fault.secondary_limit(1000))
            refused = asyncio.ensure_future(repo.get_artifact(artifact))
            await asyncio.sleep(1)
            listing = repo.list_artifacts()
            asked = len(requested)
        before = now()
        with pytest.raises(ClientStateError):
            await refused
        with pytest.raises(ClientStateError):
            await listing.collect()
        with pytest.raises(ClientStateError):
            await repo.get_artifact(artifact)
        assert now() - before < 1
        assert (len(requested), len(fake.requests)) == (asked, 1)


@pytest.mark.parametrize("limit", [1, 2])
@fast
async def test_closing_ends_the_wait_for_a_connection(limit: int, tmp_path: Path) -> None:
    """Closing a client ends downloads that wait for a connection of a small pool."""
    async with FakeGitHub(now=wall) as fake:
        ids = [fake.add_artifact(REPOSITORY, f"dist-{number}", b"x").id for number in range(6)]
        with fake.holding(origin="blob"):
            connector = aiohttp.TCPConnector(limit=limit)
            async with aiohttp.ClientSession(connector=connector) as session:
                async with Client(fake.token, base_url=fake.url, session=session) as gh:
                    repo = gh.repo(REPOSITORY)
                    listed = [await repo.get_artifact(number) for number in ids]
                    tasks = [
                        asyncio.ensure_future(repo.download_artifact(listed[0], tmp_path / "0"))
                    ]
                    await asyncio.sleep(1)
                    fake.fail_next(Fault.secondary_limit(1000))
                    tasks += [
                        asyncio.ensure_future(
                            repo.download_artifact(artifact, tmp_path / artifact.name)
                        )
                        for artifact in listed[1:]
                    ]
                    await asyncio.sleep(1)
                    before = now()
                done = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(result) for result in done} == {ClientStateError}
                assert now() - before < 1


@pytest.mark.parametrize("tls", [False, True])
async def test_closing_leaves_no_connection(
    tls: bool, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """Whenever a client is closed, it returns each connection to the borrowed session's pool."""
    async with FakeGitHub(tls=tls) as fake:
        fake.add_artifact(REPOSITORY, "dist", b"x")
        ssl: Any = fake.ssl_context if tls else True
        for iterations in range(30):
            connector = aiohttp.TCPConnector(ssl=ssl)
            async with aiohttp.ClientSession(connector=connector) as session:
                gh = await Client(fake.token, base_url=fake.url, session=session).open()
                download = gh.repo(REPOSITORY).download_artifact(1, tmp_path / str(iterations))
                task = asyncio.ensure_future(download)
                for _ in range(iterations):
                    await asyncio.sleep(0)
                await gh.aclose()
                (result,) = await asyncio.gather(task, return_exceptions=True)
                assert isinstance(result, Download | ClientStateError)
                del task, result
                gc.collect()
                assert not connector._acquired
    assert [warning.message for warning in recwarn] == []


@fast
async def test_closing_twice_while_a_provider_cleans_up() -> None:
    """A client can be closed again while a cancelled token provider is cleaning up."""
    cleaned_up = asyncio.Event()

    async def provide() -> str:
        try:
            await asyncio.sleep(10_000)
        finally:
            await asyncio.sleep(5)
            cleaned_up.set()
        return ""

    async with FakeGitHub(now=wall) as fake, AsyncExitStack() as stack:
        gh = Client(provide, base_url=fake.url)
        stack.push_async_exit(gh)
        await gh.__aenter__()
        task = asyncio.ensure_future(gh.repo(REPOSITORY).get_artifact(1))
        await asyncio.sleep(1)
        await gh.__aexit__(None, None, None)
        await asyncio.sleep(1)
        assert not task.done()
        await gh.__aexit__(None, None, None)
        with pytest.raises(ClientStateError, match="closed"):
            await task
        assert cleaned_up.is_set()


@fast
async def test_nested_scopes() -> None:
    """Closing a lifetime ends a task's nested scopes with one cancellation and refuses new ones."""
    lifetime, inner = Lifetime(), Lifetime("this archive")
    ended: list[str] = []

    async def work() -> None:
        async with lifetime.scope(), inner.scope():
            async with lifetime.scope():
                pass
            try:
                async with lifetime.scope():
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                with pytest.raises(ClientStateError, match="the client is closed"):
                    lifetime.scope()
                raise

    task = asyncio.ensure_future(work())
    await asyncio.sleep(1)
    lifetime.close()
    with pytest.raises(ClientStateError, match="the client was closed"):
        await task
    assert (ended, task.cancelling()) == (["cancelled"], 0)
