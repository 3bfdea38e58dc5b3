"""Concurrent downloads for the command line. A failed download does not stop the others."""

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

CONCURRENCY = 4
"""Number of artifacts that are downloaded at the same time."""


@frozen
class Failure:
    """An artifact whose download failed, with the error message."""

    artifact: Artifact
    error: str


@frozen
class Skipped:
    """An artifact that was not downloaded, with the reason."""

    artifact: Artifact
    skipped: str


Outcome: TypeAlias = Download | Failure | Skipped


class ProgressDisplay(Protocol):
    """A display of the progress of downloads."""

    def begin(self, artifact: Artifact) -> None:
        """Show that a download begins."""

    def update(self, progress: Progress) -> None:
        """Show the progress of a download."""

    def end(self, artifact: Artifact) -> None:
        """Show that a download has ended, with or without an error."""


def destinations(artifacts: Sequence[Artifact], directory: Path) -> list[Path]:
    """Return a directory for each artifact.

    A single artifact gets `directory` itself. If there are several artifacts, each gets
    ``directory/<name>``. If two of the names are equal or differ only in case, each artifact gets
    ``directory/<name>-<id>`` instead.
    """
    if len(artifacts) == 1:
        return [directory]
    names = [safe_filename(artifact.name) for artifact in artifacts]
    if len({name.casefold() for name in names}) < len(names):
        names = [safe_filename(artifact.name, f"-{artifact.id}") for artifact in artifacts]
    return [directory / name for name in names]


async def fetch(
    repo: Repo, artifacts: Sequence[Artifact], directory: Path, display: ProgressDisplay
) -> list[Outcome]:
    """Download all artifacts that have not expired, `CONCURRENCY` at a time.

    Returns:
        An outcome for each artifact, in the order of `artifacts`.
    """
    outcomes: dict[int, Outcome] = {a.id: Skipped(a, "expired") for a in artifacts}
    unexpired = [artifact for artifact in artifacts if not artifact.expired]
    pending = iter(zip(unexpired, destinations(unexpired, directory), strict=True))

    async def worker() -> None:
        for artifact, destination in pending:
            display.begin(artifact)
            try:
                outcomes[artifact.id] = await repo.download_artifact(
                    artifact, f"{destination}{os.sep}", on_progress=display.update
                )
            except ArtifactExpired:
                pass  # The artifact expired after it was listed. Its outcome remains `Skipped`.
            except ArtifactsError as error:
                outcomes[artifact.id] = Failure(artifact, str(error))
            finally:
                display.end(artifact)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(CONCURRENCY, len(unexpired))):
            tasks.create_task(worker())
    return [outcomes[artifact.id] for artifact in artifacts]
