"""Helpers for the tests of bulk operations."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import ghartifacts_async
from ghartifacts_async import MirrorReport, Outcome, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

LARGE = os.urandom(400_000)
"""A payload too large to be held in memory by a bulk download."""

MANIFEST = "artifacts.jsonl"

_PACKAGE = Path(ghartifacts_async.__file__).parent
_FAKE = _PACKAGE / "testing"


def library_tasks() -> list[str]:
    """Return the running tasks of the library, without those of the fake server."""
    code = {task: getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()}
    return [
        repr(task)
        for task, one in code.items()
        if one is not None
        and Path(one.co_filename).is_relative_to(_PACKAGE)
        and not Path(one.co_filename).is_relative_to(_FAKE)
    ]


def add(fake: FakeGitHub, count: int, content: bytes = b"hello", **more: Any) -> None:
    """Add `count` artifacts with the same name and different contents."""
    for number in range(count):
        fake.add_artifact(REPOSITORY, "dist", content + b"%d" % number, **more)


def counts(report: MirrorReport) -> tuple[int, int, int, int, int]:
    """Return the numbers of downloaded, linked, skipped, expired and failed artifacts."""
    return (
        report.downloaded,
        report.linked,
        report.skipped,
        report.expired,
        report.failed,
    )


async def download_all(repo: Repo, directory: Path, **more: Any) -> list[Outcome]:
    """Download all listed artifacts, or those in `artifacts`, and return the outcomes."""
    artifacts = more.pop("artifacts", None) or repo.list_artifacts()
    return [outcome async for outcome in repo.download_artifacts(artifacts, directory, **more)]
