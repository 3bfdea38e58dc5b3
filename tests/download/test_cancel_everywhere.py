"""Cancellation at every point where a download, a stream or the reading of a member waits."""

from __future__ import annotations

import asyncio
import os
import ssl
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import ghartifacts_async
from ghartifacts_async import Client, Repo
from ghartifacts_async._http.buffered_body import MIN_LENGTH
from ghartifacts_async.testing import FakeGitHub
from tests.archive.zip_writer import ZipMember, build_zip
from tests.http.body_store import Case
from tests.support import QUICK, REPOSITORY, files_below, published_below

SMALL, LARGE = 100_000, 2 * MIN_LENGTH + 100_000
PACKAGE = str(Path(ghartifacts_async.__file__).parent) + os.sep
DESCRIPTORS = Path("/proc/self/fd")

Job = Callable[[Repo, int, Path], Awaitable[bytes]]


async def download(repo: Repo, artifact: int, target: Path) -> bytes:
    """Download the artifact over two connections."""
    await repo.download_artifact(artifact, target, connections=2)
    return target.read_bytes()


async def stream(repo: Repo, artifact: int, _: Path) -> bytes:
    """Stream the artifact."""
    async with repo.stream_artifact(artifact) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def read(repo: Repo, artifact: int, _: Path) -> bytes:
    """Read the only member of the artifact."""
    async with repo.open_artifact(artifact) as archive:
        return await archive.read("report.bin")


class CancelledAt:
    """A task that is cancelled when it, or a task that it has started, waits the k-th time.

    Attributes:
        waits: How often these tasks have waited.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[Any]] = []
        self._jobs: list[asyncio.Future[Any]] = []
        self.waits = 0

    async def run(self, job: Awaitable[bytes]) -> bytes | None:
        """Return the result of the job, or None if it was cancelled. Check that nothing is left."""

        async def wait() -> bytes:
            return await job

        run_in_executor = self._loop.run_in_executor

        def start(executor: Any, *arguments: Any) -> asyncio.Future[Any]:
            started = run_in_executor(executor, *arguments)
            if executor is not None:  # the server uses the default executor
                self._jobs.append(started)
            return started

        self._loop.set_task_factory(self._start)
        self._loop.run_in_executor = start  # type: ignore[method-assign,assignment]
        try:
            task: asyncio.Task[bytes] = self._start(self._loop, wait(), ours=True)
            await asyncio.wait([task])
        finally:
            self._loop.set_task_factory(None)
            self._loop.run_in_executor = run_in_executor  # type: ignore[method-assign]
        assert [one for one in self._tasks if not one.done()] == []
        assert [one for one in self._jobs if not one.done()] == []
        if self.waits < self._at:
            return task.result()
        assert task.cancelled(), f"the cancellation at wait {self._at} was swallowed"
        return None

    def _start(
        self, loop: asyncio.AbstractEventLoop, coro: Any, *, ours: bool = False, **options: Any
    ) -> asyncio.Task[Any]:
        """Start a task. Count the waits of the library's tasks, but not those of the server."""
        code = getattr(coro, "cr_code", None)
        file = "" if code is None else code.co_filename
        if not ours and (not file.startswith(PACKAGE) or f"{os.sep}testing{os.sep}" in file):
            return asyncio.Task(coro, loop=loop, **options)

        async def counted() -> Any:  # since Python 3.12, a task accepts no generator
            return await self._counted(coro)

        task: asyncio.Task[Any] = asyncio.Task(counted(), loop=loop, **options)
        self._tasks.append(task)
        return task

    @types.coroutine
    def _counted(self, coro: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        error: BaseException | None = None
        while True:
            try:
                future = coro.send(None) if error is None else coro.throw(error)
            except StopIteration as stop:
                return stop.value
            self.waits += 1
            if self.waits == self._at:
                self._tasks[0].cancel()
            try:
                error = yield future
            except BaseException as thrown:
                error = thrown


async def send_slowly(writer: asyncio.StreamWriter, body: bytes) -> None:
    """Send a body in five parts, so that its recipient has to wait for it several times."""
    step = len(body) // 5 + 1
    for start in range(0, len(body), step):
        writer.write(body[start : start + step])
        await writer.drain()
        await asyncio.sleep(0.001)


@asynccontextmanager
async def open_repo(fake: FakeGitHub, case: Case) -> AsyncIterator[Repo]:
    """Open a client of the server, whose connections suffice only if none is lost."""
    trust = ssl.create_default_context()
    case.authority.configure_trust(trust)
    connector = aiohttp.TCPConnector(ssl=trust, limit=3)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        Client(fake.token, base_url=fake.url, session=session, retry=QUICK) as gh,
    ):
        yield gh.repo(REPOSITORY)


def descriptors(start: str) -> list[str]:
    """Return the targets of all open descriptors of this process that have this start."""
    found = []
    for entry in DESCRIPTORS.iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue  # the descriptor that listed the directory
    return sorted(target for target in found if target.startswith(start))


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="the system does not list open descriptors")
@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("job", [download, stream, read])
def test_cancelling_anywhere_leaves_nothing(
    job: Job, size: int, tls: bool, uvloop: bool, tmp_path: Path
) -> None:
    """A call that is cancelled anywhere leaves only what the next call resumes, which succeeds."""
    case = Case(tls, uvloop)
    content = os.urandom(size)
    payload = build_zip(ZipMember("report.bin", content)) if job is read else content
    target = tmp_path / "dist.zip"

    async def test() -> None:
        async with FakeGitHub() as fake, case.store(send_slowly, payload=payload) as store:
            artifact = fake.add_artifact(
                REPOSITORY, "dist", payload, location=lambda _: store.url
            ).id
            async with open_repo(fake, case) as repo:
                for at in range(1, 10_000):
                    result = await CancelledAt(at).run(job(repo, artifact, target))
                    assert descriptors(str(tmp_path)) == []
                    if result is not None:
                        break
                    assert published_below(tmp_path) in ([], ["dist.zip"])
                    assert job is download or files_below(tmp_path) == []
                    assert await job(repo, artifact, target) == content
                    assert files_below(tmp_path) == (["dist.zip"] if job is download else [])
                    target.unlink(missing_ok=True)
                else:
                    pytest.fail("the call does not end")
        assert result == content
        assert at > 4

    before = descriptors("socket:")
    case.run(test())
    assert descriptors("socket:") == before
