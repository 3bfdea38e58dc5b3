"""One download of a fault campaign: it may complete, is cancelled, or its client is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from attrs import define

from benchmarks.campaigns._leftovers import BrokenPromiseError
from benchmarks.campaigns._schedules import Run
from ghartifacts_async import Client
from ghartifacts_async.models import Artifact, Download, IfExists, Progress
from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"

_END_TIMEOUT = 5.0


@define
class Result:
    """The result of one download.

    Attributes:
        download: What the download returned, or None if it failed.
        error: The exception that the download raised, or None if it succeeded.
        received: Payload bytes that the client received.
    """

    download: Download | None = None
    error: BaseException | None = None
    received: int = 0

    @property
    def outcome(self) -> str:
        """A word for the result: ``downloaded``, ``skipped``, or the name of the exception."""
        if self.download is None:
            return type(self.error).__name__
        return "skipped" if self.download.skipped else "downloaded"


async def download_once(
    fake: FakeGitHub, run: Run, artifact: int, destination: str, if_exists: IfExists
) -> Result:
    """Download an artifact with a new client, and end the download as `run` says.

    Raises:
        BrokenPromiseError: The reported progress decreased, or the download outlived its client.
    """
    reports: deque[Progress] = deque()
    result = Result()
    async with _open_client(fake) as gh:
        repo = gh.repo(REPOSITORY)
        source: Artifact | int = artifact if run.by_id else await repo.get_artifact(artifact)
        task = asyncio.create_task(
            repo.download_artifact(
                source,
                destination,
                if_exists=if_exists,
                connections=run.connections,
                keep_partial=run.keep_partial,
                durable=run.durable,
                on_progress=reports.append,
            )
        )
        if run.ending == "completed":
            await asyncio.wait([task])
        else:
            await _wait_for_ending(run, task)
        if run.ending == "cancelled":
            await _cancel(run, task)
    await asyncio.wait([task], timeout=_END_TIMEOUT)
    if not task.done():
        raise BrokenPromiseError("the download is still running after its client was closed")
    result.received = gh.stats.bytes_received
    try:
        result.download = task.result()
    except BaseException as error:
        result.error = error
    _check_progress(reports, result.download)
    return result


@asynccontextmanager
async def _open_client(fake: FakeGitHub) -> AsyncIterator[Client]:
    """Open a client that trusts the certificate of the server, if it serves HTTPS."""
    if not fake.url.startswith("https:"):
        async with Client(fake.token, base_url=fake.url) as gh:
            yield gh
        return
    connector = aiohttp.TCPConnector(ssl=fake.ssl_context)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        Client(fake.token, base_url=fake.url, session=session) as gh,
    ):
        yield gh


async def _wait_for_ending(run: Run, task: asyncio.Task[Download]) -> None:
    """Wait until it is time to end the download, or until it has finished."""
    if run.seconds is not None:
        await asyncio.wait([task], timeout=run.seconds)
        return
    remaining = run.iterations
    while remaining and not task.done():
        remaining -= 1
        await asyncio.sleep(0)


async def _cancel(run: Run, task: asyncio.Task[Download]) -> None:
    task.cancel()
    if run.cancel_again_after is not None:
        for _ in range(run.cancel_again_after):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])


def _check_progress(reports: deque[Progress], download: Download | None) -> None:
    counts = [progress.received for progress in reports]
    if counts != sorted(counts):
        raise BrokenPromiseError(f"the reported progress decreased: {counts}")
    if download is not None and (reports[-1].received, reports[-1].total) != (download.size,) * 2:
        raise BrokenPromiseError(
            f"the last progress report is {reports[-1]}, but the payload has {download.size} bytes"
        )
