"""Clients of services: opened and closed by hooks, and bound to one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest

from ghartifacts_async import Client, ClientStateError
from ghartifacts_async.testing import FakeGitHub
from tests.support import QUICK, REPOSITORY


@pytest.fixture
def server() -> Iterator[FakeGitHub]:
    """Run a FakeGitHub on the event loop of another thread."""
    ready, done = threading.Event(), threading.Event()
    fakes: list[FakeGitHub] = []

    async def serve() -> None:
        async with FakeGitHub() as fake:
            fake.add_artifact(REPOSITORY, "dist", {"a": "b"})
            fakes.append(fake)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(60)
    yield fakes[0]
    done.set()
    thread.join()


async def test_open_and_aclose(fake_github: FakeGitHub) -> None:
    """A service opens a client when it starts, and closes it when it stops."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    gh = Client(fake_github.token, base_url=fake_github.url)
    with pytest.raises(ClientStateError, match=r"between open\(\) and aclose\(\)"):
        await gh.repo(REPOSITORY).get_artifact(1)
    assert await gh.open() is gh
    with pytest.raises(ClientStateError, match="open; create a new client"):
        await gh.open()
    await gh.repo(REPOSITORY).get_artifact(1)
    await gh.aclose()
    await gh.aclose()
    with pytest.raises(ClientStateError, match="closed"):
        await gh.open()
    with pytest.raises(ClientStateError, match="closed"):
        await gh.repo(REPOSITORY).get_artifact(1)


async def test_aclose_interrupts_calls(fake_github: FakeGitHub) -> None:
    """`aclose` ends calls that are still running, and closing an unopened client is harmless."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    gh = await Client(fake_github.token, base_url=fake_github.url).open()
    with fake_github.holding():
        call = asyncio.ensure_future(gh.repo(REPOSITORY).get_artifact(1))
        await asyncio.sleep(0.05)
        await gh.aclose()
        with pytest.raises(ClientStateError):
            await call
    await Client("token").aclose()


OPERATIONS = [
    lambda repo: repo.get_artifact(1),
    lambda repo: repo.list_artifacts().collect(),
    lambda repo: repo.delete_artifact(1),
    lambda repo: repo.download_artifact(1, "/nonexistent/"),
    lambda repo: repo.extract_artifact(1, "/nonexistent/"),
    lambda repo: anext(repo.delete_artifacts([1])),
    lambda repo: anext(repo.download_artifacts([1], "/nonexistent/")),
    lambda repo: repo.mirror("/nonexistent/"),
    lambda repo: repo.prune(keep_latest=1),
    lambda repo: repo.stream_artifact(1).__aenter__(),
    lambda repo: repo.open_artifact(1).__aenter__(),
]


@pytest.mark.parametrize("first", ["idle", "running", "closed"])
def test_another_event_loop(server: FakeGitHub, first: str) -> None:
    """A client that is used on another event loop raises ClientStateError at once."""
    loop = asyncio.new_event_loop()
    gh = Client(server.token, base_url=server.url, retry=QUICK)
    loop.run_until_complete(gh.open())
    loop.run_until_complete(gh.repo(REPOSITORY).get_artifact(1))
    thread = threading.Thread(target=loop.run_forever)
    if first == "running":
        thread.start()
    if first == "closed":
        loop.run_until_complete(gh.aclose())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    async def use(operation: Any) -> None:
        with pytest.raises(ClientStateError, match=r"another event loop|client is closed"):
            await operation(gh.repo(REPOSITORY))

    async def use_all() -> None:
        before = len(server.requests)
        async with asyncio.timeout(30):
            for operation in OPERATIONS:
                await use(operation)
            if first != "closed":
                with pytest.raises(ClientStateError, match="another event loop"):
                    await gh.aclose()
        assert len(server.requests) == before

    asyncio.run(use_all())
    if first == "running":
        with ThreadPoolExecutor(1) as pool:
            call = asyncio.run_coroutine_threadsafe(gh.repo(REPOSITORY).get_artifact(1), loop)
            assert pool.submit(call.result, 30).result().name == "dist"
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
    if first != "closed":
        loop.run_until_complete(gh.aclose())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def test_a_session_that_was_closed(fake_github: FakeGitHub) -> None:
    """If the caller closes its session, calls raise ClientStateError at once."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    session = aiohttp.ClientSession()
    async with Client(fake_github.token, base_url=fake_github.url, session=session) as gh:
        await gh.repo(REPOSITORY).get_artifact(1)
        await session.close()
        with pytest.raises(ClientStateError, match="session that was passed"):
            await gh.repo(REPOSITORY).get_artifact(1)
    assert len(fake_github.requests) == 1
