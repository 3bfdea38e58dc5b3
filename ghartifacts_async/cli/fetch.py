"""Several artifacts at once, a few at a time; one that fails does not stop the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from attrs import frozen

from ghartifacts_async import (
    Artifact,
    ArtifactExpired,
    ArtifactsError,
    Download,
    Progress,
    Repo,
)
from ghartifacts_async._disk.filenames import safe_filename

AT_ONCE = 4


@frozen
class Failure:
    """An artifact that could not be had, and why."""

    artifact: Artifact
    error: str


@frozen
class Skipped:
    """An artifact that was not asked for, and why."""

    artifact: Artifact
    skipped: str


Outcome: TypeAlias = Download | Failure | Skipped


class Watcher(Protocol):
    """Sees downloads begin, go on and end."""

    def begin(self, artifact: Artifact) -> None:
        """A download begins."""

    def update(self, progress: Progress) -> None:
        """It goes on."""

    def end(self, artifact: Artifact) -> None:
        """It has ended, well or not."""


def destinations(artifacts: Sequence[Artifact], directory: Path) -> list[Path]:
    """A directory for each: `directory` for a single one, else ``directory/<name>``.

    Where two names would meet on some system, every directory is ``<name>-<id>``.
    """
    if len(artifacts) == 1:
        return [directory]
    names = [safe_filename(artifact.name) for artifact in artifacts]
    if len({name.casefold() for name in names}) < len(names):
        names = [safe_filename(artifact.name, f"-{artifact.id}") for artifact in artifacts]
    return [directory / name for name in names]


async def fetch(
    repo: Repo, artifacts: Sequence[Artifact], directory: Path, watcher: Watcher
) -> list[Outcome]:
    """Download all that have not expired, `AT_ONCE` side by side; the outcomes in their order."""
    outcomes: dict[int, Outcome] = {a.id: Skipped(a, "expired") for a in artifacts}
    alive = [artifact for artifact in artifacts if not artifact.expired]
    pending = iter(zip(alive, destinations(alive, directory), strict=True))

    async def worker() -> None:
        for artifact, destination in pending:
            watcher.begin(artifact)
            try:
                outcomes[artifact.id] = await repo.download_artifact(
                    artifact, f"{destination}{os.sep}", on_progress=watcher.update
                )
            except ArtifactExpired:
                pass  # since it was listed
            except ArtifactsError as error:
                outcomes[artifact.id] = Failure(artifact, str(error))
            finally:
                watcher.end(artifact)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(AT_ONCE, len(alive))):
            tasks.create_task(worker())
    return [outcomes[artifact.id] for artifact in artifacts]
