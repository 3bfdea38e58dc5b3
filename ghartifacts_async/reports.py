"""Results of operations on many artifacts: outcomes, progress and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import field, frozen

from ghartifacts_async.errors import ArtifactsError
from ghartifacts_async.models import Artifact, Download

MOST_FAILURES = 1000
"""Maximum length of `MirrorReport.failures`."""


@frozen
class Outcome:
    """The result of one download by `Repo.download_artifacts` or `Repo.mirror`.

    Exactly one of `download` and `error` is set.

    Attributes:
        artifact: The artifact. If an id was passed and GitHub did not return its artifact, the id.
        download: The completed download, or None if it failed.
        error: The error that ended the download, or None if it succeeded. If the listing shows
            that the artifact has expired, no request is made and this is an `ArtifactExpired`.
    """

    artifact: Artifact | int
    download: Download | None = None
    error: ArtifactsError | None = None

    def result(self) -> Download:
        """Return the download.

        Raises:
            ArtifactsError: The download failed; this is `error`.
        """
        if self.error is not None:
            raise self.error
        assert self.download is not None
        return self.download


@frozen
class Extraction:
    """The result of extracting one artifact by `Repo.extract_artifacts`.

    Attributes:
        artifact: The artifact. If an id was passed and GitHub did not return its artifact, the id.
        files: Paths of the extracted files, in the order of the archive. Empty if it failed.
        directory: The directory of the artifact's files, or None if the extraction failed.
        error: The error that ended the extraction, or None if it succeeded. If the listing shows
            that the artifact has expired, no request is made and this is an `ArtifactExpired`.
    """

    artifact: Artifact | int
    files: tuple[Path, ...] = ()
    directory: Path | None = None
    error: ArtifactsError | None = None

    def result(self) -> tuple[Path, ...]:
        """Return the paths of the extracted files.

        Raises:
            ArtifactsError: The extraction failed; this is `error`.
        """
        if self.error is not None:
            raise self.error
        return self.files


@frozen
class Deletion:
    """The result of one deletion by `Repo.delete_artifacts` or `Repo.prune`.

    Attributes:
        artifact: The artifact or id, as it was passed.
        already_gone: Whether the artifact had already been deleted, which counts as success.
        error: The error that ended the deletion, or None if it succeeded.
    """

    artifact: Artifact | int
    already_gone: bool = False
    error: ArtifactsError | None = None

    def raise_for_error(self) -> None:
        """Raise `error` if the deletion failed.

        Raises:
            ArtifactsError: The deletion failed; this is `error`.
        """
        if self.error is not None:
            raise self.error


@frozen
class BulkProgress:
    """Progress of a bulk download, a bulk extraction or a mirror, as passed to `on_progress`.

    Attributes:
        done: Artifacts whose files are complete: downloaded, linked, or existing before.
        failed: Artifacts that failed or have expired.
        running: Artifacts in progress.
        total: Number of artifacts. None if it is not known, as for a listing.
        received: Bytes received so far. Bytes kept from earlier downloads do not count.
        rate: Average of `received` in bytes per second since the start.
    """

    done: int
    failed: int
    running: int
    total: int | None
    received: int
    rate: float


@frozen
class MirrorReport:
    """The result of `Repo.mirror` or `Client.mirror`.

    Attributes:
        downloaded: Number of artifacts that were downloaded.
        linked: Number of artifacts whose file was made from an existing file with the same
            content, as a link or copy.
        skipped: Number of artifacts whose files existed already.
        expired: Number of artifacts that are not in the mirror and have expired, so that they can
            no longer be downloaded.
        failed: Number of artifacts that failed.
        received: Bytes of payload received.
        seconds: Duration in seconds.
        failures: Outcomes of the artifacts that failed, at most the first 1,000.
        unlisted: Errors that kept a repository from being mirrored completely, because it could not
            be listed or its directory could not be used. They are keyed by ``owner/name``.
            `Repo.mirror` raises such an error instead.
    """

    downloaded: int = 0
    linked: int = 0
    skipped: int = 0
    expired: int = 0
    failed: int = 0
    received: int = 0
    seconds: float = 0.0
    failures: tuple[Outcome, ...] = ()
    unlisted: Mapping[str, ArtifactsError] = field(factory=dict)

    def raise_for_errors(self) -> None:
        """Raise all errors as a group if anything failed. Expired artifacts do not count.

        Raises:
            ExceptionGroup: The errors of `unlisted` and `failures`.
        """
        failed = f"{self.failed} artifacts"
        if self.unlisted:
            failed += f" and {len(self.unlisted)} repositories"
        errors = [*self.unlisted.values(), *_errors(self.failures)]
        _raise_group(f"{failed} could not be mirrored", errors)


@frozen
class PruneReport:
    """The result of `Repo.prune`.

    Attributes:
        dry_run: Whether nothing was deleted.
        artifacts: The artifacts that were selected for deletion, oldest first.
        kept: Number of artifacts that were not selected.
        deleted: Number of selected artifacts that were deleted, by this call or by another client
            in the meantime. 0 in a dry run.
        size: Bytes of storage that deleting `artifacts` frees. Expired artifacts count as 0.
        failures: The deletions that failed.
    """

    dry_run: bool
    artifacts: tuple[Artifact, ...] = ()
    kept: int = 0
    deleted: int = 0
    size: int = 0
    failures: tuple[Deletion, ...] = ()

    def raise_for_errors(self) -> None:
        """Raise all errors as a group if any deletion failed.

        Raises:
            ExceptionGroup: The errors of `failures`.
        """
        message = f"{len(self.failures)} artifacts could not be deleted"
        _raise_group(message, _errors(self.failures))


def _errors(outcomes: Iterable[Outcome | Deletion]) -> list[ArtifactsError]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def _raise_group(message: str, errors: list[ArtifactsError]) -> None:
    if errors:
        raise ExceptionGroup(message, errors)
