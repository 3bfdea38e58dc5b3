"""One client of a fault campaign: it downloads once, and ends as the schedule has it."""

from __future__ import annotations

import asyncio
from collections import deque

from attrs import define

from benchmarks.campaigns._schedules import Run
from benchmarks.campaigns._traces import BrokenPromiseError
from ghartifacts_async import Client
from ghartifacts_async.models import Artifact, Download, IfExists, Progress
from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"

_SOON = 5.0


@define
class Result:
    """What came of one download.

    Attributes:
        download: Where it succeeded.
        error: Where it did not.
        received: Bytes of payload that came.
    """

    download: Download | None = None
    error: BaseException | None = None
    received: int = 0

    @property
    def outcome(self) -> str:
        """In a word."""
        if self.download is None:
            return type(self.error).__name__
        return "skipped" if self.download.skipped else "downloaded"


async def download_once(
    fake: FakeGitHub, run: Run, artifact: int, destination: str, if_exists: IfExists
) -> Result:
    """Download with a client of its own.

    Raises:
        BrokenPromiseError: Progress went back, or the download outlived its client.
    """
    told: deque[Progress] = deque()
    result = Result()
    async with Client(fake.token, base_url=fake.url) as gh:
        repo = gh.repo(REPOSITORY)
        which: Artifact | int = artifact if run.by_id else await repo.get_artifact(artifact)
        task = asyncio.create_task(
            repo.download_artifact(
                which,
                destination,
                if_exists=if_exists,
                connections=run.connections,
                keep_partial=run.keep_partial,
                durable=run.durable,
                on_progress=told.append,
            )
        )
        if run.how == "through":
            await asyncio.wait([task])
        else:
            await _moment(run, task)
        if run.how == "cancelled":
            await _cancel(run, task)
    await asyncio.wait([task], timeout=_SOON)
    if not task.done():
        raise BrokenPromiseError("the download outlives its client")
    result.received = gh.stats.bytes_received
    try:
        result.download = task.result()
    except BaseException as error:
        result.error = error
    _check_progress(told, result.download)
    return result


async def _moment(run: Run, task: asyncio.Task[Download]) -> None:
    """Wait for the moment in which the download is to be ended, or until it has by itself."""
    if run.seconds is not None:
        await asyncio.wait([task], timeout=run.seconds)
        return
    turns = run.turns
    while turns and not task.done():
        turns -= 1
        await asyncio.sleep(0)


async def _cancel(run: Run, task: asyncio.Task[Download]) -> None:
    task.cancel()
    if run.again is not None:
        for _ in range(run.again):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])


def _check_progress(told: deque[Progress], download: Download | None) -> None:
    counts = [progress.received for progress in told]
    if counts != sorted(counts):
        raise BrokenPromiseError(f"progress went back: {counts}")
    if download is not None and (told[-1].received, told[-1].total) != (download.size,) * 2:
        raise BrokenPromiseError(f"the last progress is {told[-1]}, of {download.size} bytes")
