"""What the tests of bulk work have in common."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ghartifacts_async
from ghartifacts_async import MirrorReport, Outcome, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

LARGE = os.urandom(400_000)
"""More than memory is used for."""

MANIFEST = "artifacts.jsonl"

_PACKAGE = Path(ghartifacts_async.__file__).parent


def at_work() -> list[str]:
    """Tasks of the library, the fake's not, that have not ended."""
    code = {task: getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()}
    return [
        repr(task)
        for task, one in code.items()
        if one is not None and Path(one.co_filename).parent == _PACKAGE
    ]


async def until(it_is_so: Callable[[], bool]) -> None:
    """Wait for something that another task, or a server, is about to do."""
    async with asyncio.timeout(20):
        while not it_is_so():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


def add(fake: FakeGitHub, count: int, content: bytes = b"hello", **more: Any) -> None:
    """So many artifacts, each of other bytes."""
    for number in range(count):
        fake.add_artifact(REPOSITORY, "dist", content + b"%d" % number, **more)


def counts(report: MirrorReport) -> tuple[int, int, int, int, int]:
    """What was downloaded, linked, skipped, expired and failed."""
    return (
        report.downloaded,
        report.linked,
        report.skipped,
        report.expired,
        report.failed,
    )


async def all_of(repo: Repo, directory: Path, **more: Any) -> list[Outcome]:
    """The outcomes of the whole listing."""
    wanted = more.pop("artifacts", None) or repo.list_artifacts()
    return [one async for one in repo.download_artifacts(wanted, directory, **more)]
