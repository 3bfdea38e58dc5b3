"""Artifacts that are archives, for the tests that look into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from ghartifacts_async import Artifact, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

Extract = Callable[..., Coroutine[Any, Any, list[Path]]]

DATA = Path(__file__).parents[1] / "data" / "archives"
LARGE = os.urandom(700_000)
FILES: dict[str, bytes | str] = {
    "report.json": '{"passed": 3}',
    "logs/build.log": "compiling\n" * 5000,
    "bin/tool": LARGE,
    "docs/": "",
    "docs/ünïcode.md": "# Hello\n",
    "empty.txt": "",
}


def contents() -> dict[str, bytes]:
    """What the files of `FILES` hold."""
    texts = {name: text for name, text in FILES.items() if not name.endswith("/")}
    return {name: t.encode() if isinstance(t, str) else t for name, t in texts.items()}


def read_below(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by its path from there."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def everything_below(directory: Path) -> list[str]:
    """Files and directories, hidden ones too, by their paths from there."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))


async def added(fake: FakeGitHub, repo: Repo, content: bytes | Path | None = None) -> Artifact:
    """An artifact of these bytes, or of `FILES`."""
    artifact = fake.add_artifact(REPOSITORY, "dist", FILES if content is None else content)
    return await repo.get_artifact(artifact.id)


def blob_requests(fake: FakeGitHub) -> list[str | None]:
    """The ranges that were asked for, ``None`` for everything."""
    return [request.headers.get("Range") for request in fake.requests_to("blob")]
