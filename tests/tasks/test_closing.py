"""A client that is closed keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ghartifacts_async import Client, ClientStateError, RateLimitPolicy
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.api.support import World, now
from tests.clock import fast, wall
from tests.support import REPOSITORY

Scene = Callable[[World], Awaitable[Any]]


async def at_the_gate(made: World) -> None:
    """Refused at a limit."""
    made.fake.fail_next(Fault.secondary_limit(1000))
    await asyncio.gather(*(made.repo.get_artifact(made.artifact) for _ in range(20)))


async def between_tries(made: World) -> None:
    """A server that is away."""
    made.fake.fail_next(Fault(503, retry_after=100))
    await made.repo.get_artifact(made.artifact)


async def for_points(made: World) -> None:
    """More calls than a minute has points."""
    await asyncio.gather(*(made.repo.get_artifact(made.artifact) for _ in range(2000)))


async def among_deletes(made: World) -> None:
    """Many DELETEs."""
    select_for_deletion = [made.fake.add_artifact(REPOSITORY, "x", b"").id for _ in range(50)]
    await asyncio.gather(*(made.repo.delete_artifact(one) for one in select_for_deletion))


async def for_an_answer(made: World) -> None:
    """A server that does not answer."""
    with made.fake.holding():
        await made.repo.get_artifact(made.artifact)


async def for_a_location(made: World) -> None:
    """A download that waits for its turn."""
    made.fake.fail_next(Fault.secondary_limit(1000))
    await made.repo.download_artifact(made.artifact, Path("nowhere"))


@pytest.mark.parametrize(
    "scene",
    [at_the_gate, between_tries, for_points, among_deletes, for_an_answer, for_a_location],
    ids=lambda scene: scene.__name__,
)
@fast
async def test_closing_ends_every_wait(scene: Scene) -> None:
    """Whatever a task waits for when its client closes, ClientStateError comes at once."""
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
    """A token provider that does not return is left as well, and sees a cancellation."""
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
async def test_a_cancelled_call_stays_cancelled_at_the_closing() -> None:
    """A task that was cancelled as its client closed ends cancelled, not with an error."""
    async with FakeGitHub(now=wall) as fake:
        fake.fail_next(Fault.secondary_limit(1000))
        async with Client(fake.token, base_url=fake.url) as gh:
            task = asyncio.ensure_future(gh.repo(REPOSITORY).get_artifact(1))
            await asyncio.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@fast
async def test_nothing_begins_after_the_closing() -> None:
    """Work that goes on with a closed client ends at once, and asks for no token."""
    asked: list[float] = []

    async def provide() -> str:
        asked.append(now())
        return "fake-token"

    async with FakeGitHub(now=wall) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", b"x").id
        async with Client(provide, base_url=fake.url) as gh:
            repo = gh.repo(REPOSITORY)
            fake.fail_next(Fault.secondary_limit(1000))
            refused = asyncio.ensure_future(repo.get_artifact(artifact))
            await asyncio.sleep(1)
            listing = repo.list_artifacts()
        before = now()
        with pytest.raises(ClientStateError):
            await refused
        with pytest.raises(ClientStateError):
            await listing.collect()
        with pytest.raises(ClientStateError):
            await repo.get_artifact(artifact)
        assert now() - before < 1
        assert len(asked) == len(fake.requests) == 1


@pytest.mark.parametrize("limit", [1, 2])
@fast
async def test_closing_ends_the_wait_for_a_connection(limit: int, tmp_path: Path) -> None:
    """Downloads that wait for a small pool, or for GitHub with one, end at once at the closing."""
    async with FakeGitHub(now=wall) as fake:
        ids = [fake.add_artifact(REPOSITORY, f"dist-{one}", b"x").id for one in range(6)]
        with fake.holding(origin="blob"):
            connector = aiohttp.TCPConnector(limit=limit)
            async with aiohttp.ClientSession(connector=connector) as session:
                async with Client(fake.token, base_url=fake.url, session=session) as gh:
                    repo = gh.repo(REPOSITORY)
                    listed = [await repo.get_artifact(one) for one in ids]
                    tasks = [
                        asyncio.ensure_future(repo.download_artifact(listed[0], tmp_path / "0"))
                    ]
                    await asyncio.sleep(1)
                    fake.fail_next(Fault.secondary_limit(1000))
                    tasks += [
                        asyncio.ensure_future(repo.download_artifact(one, tmp_path / one.name))
                        for one in listed[1:]
                    ]
                    await asyncio.sleep(1)
                    before = now()
                done = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(one) for one in done} == {ClientStateError}
                assert now() - before < 1


@fast
async def test_closing_twice_while_a_provider_cleans_up() -> None:
    """A closing that comes while a cancelled provider still cleans up does no harm, nor a third."""
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
async def test_work_within_work_ends_with_it() -> None:
    """What a task does within its work is ended once, by the closing, and begins nothing anew."""
    lifetime, inner = Lifetime(), Lifetime("this archive")
    ended: list[str] = []

    async def work() -> None:
        async with lifetime.work(), inner.work():
            async with lifetime.work():
                pass
            try:
                async with lifetime.work():
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                with pytest.raises(ClientStateError, match="the client is closed"):
                    lifetime.work()
                raise

    task = asyncio.ensure_future(work())
    await asyncio.sleep(1)
    lifetime.close()
    with pytest.raises(ClientStateError, match="the client was closed"):
        await task
    assert (ended, task.cancelling()) == (["cancelled"], 0)
