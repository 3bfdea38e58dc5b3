"""Artifacts for the tests that read and extract archives."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from ghartifacts_async import Artifact, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

Extract = Callable[..., Coroutine[Any, Any, list[Path]]]
"""A function that extracts an artifact to a directory, with `Repo.extract_artifact`'s options."""

DATA = Path(__file__).parents[1] / "data" / "archives"
"""Archives that the official uploader wrote."""

LARGE = os.urandom(700_000)
FILES: dict[str, bytes | str] = {
    "report.json": '{"passed": 3}',
    "logs/build.log": "compiling\n" * 5000,
    "bin/tool": LARGE,
    "docs/": "",
    "docs/ünïcode.md": "# Hello\n",
    "empty.txt": "",
}
"""The members of the artifact that most tests use. Names of directories end with a slash."""


def file_contents() -> dict[str, bytes]:
    """Return the contents of the files in `FILES`, without the directories."""
    texts = {name: text for name, text in FILES.items() if not name.endswith("/")}
    return {name: t.encode() if isinstance(t, str) else t for name, t in texts.items()}


def read_files(directory: Path) -> dict[str, bytes]:
    """Return the contents of all files below a directory, by relative path."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def list_tree(directory: Path) -> list[str]:
    """Return the relative paths of all files and directories below a directory."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))


async def add_artifact(
    fake: FakeGitHub, repo: Repo, content: bytes | Path | None = None
) -> Artifact:
    """Add an artifact with the given content, by default `FILES`, and fetch its metadata."""
    artifact = fake.add_artifact(REPOSITORY, "dist", FILES if content is None else content)
    return await repo.get_artifact(artifact.id)


def requested_ranges(fake: FakeGitHub) -> list[str | None]:
    """Return the ``Range`` header of each request to the store, or None for one without."""
    return [request.headers.get("Range") for request in fake.requests_to("blob")]
