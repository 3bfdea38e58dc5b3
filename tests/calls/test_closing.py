"""A client that is closed keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Client, ClientStateError, Limits
from ghartifacts_async.testing import FakeGitHub, FakeLimits, Fault
from tests.support import REPOSITORY

from .clock import fast, wall
from .support import World, now

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
    doomed = [made.fake.add_artifact(REPOSITORY, "x", b"").id for _ in range(50)]
    await asyncio.gather(*(made.repo.delete_artifact(one) for one in doomed))


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
        async with Client(fake.token, base_url=fake.url, limits=Limits()) as gh:
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
