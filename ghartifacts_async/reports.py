"""What work on many artifacts tells: outcomes, progress and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from ghartifacts_async.errors import ArtifactsError
from ghartifacts_async.models import Artifact, Download

MOST_FAILURES = 1000
"""Failures that a report of a mirror tells one by one."""


@frozen
class Outcome:
    """What came of one download among many: the file, or why there is none.

    Attributes:
        artifact: Which artifact; its id, where it was given by that and could not be had.
        download: Where it succeeded.
        error: Where it did not: an `ArtifactExpired` also for one that was not asked for, because
            its listing says so.
    """

    artifact: Artifact | int
    download: Download | None = None
    error: ArtifactsError | None = None

    def result(self) -> Download:
        """The download.

        Raises:
            ArtifactsError: There is none; it is `error`.
        """
        if self.error is not None:
            raise self.error
        assert self.download is not None
        return self.download


@frozen
class Deletion:
    """What came of one deletion among many.

    Attributes:
        artifact: Which artifact, or id, as it was given.
        already_gone: Whether somebody else had deleted it, which is as good.
        error: Why it is still there, or ``None``.
    """

    artifact: Artifact | int
    already_gone: bool = False
    error: ArtifactsError | None = None

    def raise_for_error(self) -> None:
        """Raise `error`, if there is one."""
        if self.error is not None:
            raise self.error


@frozen
class BulkProgress:
    """How far the work on many artifacts is.

    Attributes:
        done: Artifacts that are there: fetched, linked or found.
        failed: Artifacts that could not be had, expired ones among them.
        running: Artifacts at work on.
        total: Artifacts in all, or ``None`` where what was given does not know its length.
        received: Bytes that came so far; what was there before does not count.
        rate: Of these, a second since the start.
    """

    done: int
    failed: int
    running: int
    total: int | None
    received: int
    rate: float


@frozen
class MirrorReport:
    """What a mirror did.

    Attributes:
        downloaded: Artifacts that were fetched.
        linked: Artifacts whose content was there already, as that of another.
        skipped: Artifacts that were there already.
        expired: Artifacts that are not there, and whose bytes are gone at GitHub.
        failed: Artifacts that could not be had.
        received: Bytes of payload that came.
        seconds: How long it took.
        failures: Which failed and why: the first 1,000 of them.
        unlisted: Repositories that could not be mirrored, or not to their end, and why.
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
        """Raise what went wrong, if anything did; expired artifacts do not count.

        Raises:
            ExceptionGroup: Of the errors of `unlisted` and `failures`.
        """
        errors = [*self.unlisted.values(), *_errors(self.failures)]
        what = f"{self.failed} artifacts"
        if self.unlisted:
            what += f", and {len(self.unlisted)} repositories"
        _raise(f"{what} could not be mirrored", errors)


@frozen
class PruneReport:
    """What a pruning did, or would do.

    Attributes:
        dry_run: Whether nothing was deleted.
        artifacts: What was, or would be, deleted: in that order, the oldest first.
        kept: Artifacts that stay.
        deleted: Artifacts that are gone, by whomever they were deleted; 0 in a dry run.
        size: Bytes of `artifacts`, expired ones not counted: what storage it frees.
        failures: Which are still there, and why.
    """

    dry_run: bool
    artifacts: tuple[Artifact, ...] = ()
    kept: int = 0
    deleted: int = 0
    size: int = 0
    failures: tuple[Deletion, ...] = ()

    def raise_for_errors(self) -> None:
        """Raise what went wrong, if anything did.

        Raises:
            ExceptionGroup: Of the errors of `failures`.
        """
        _raise(f"{len(self.failures)} artifacts could not be deleted", _errors(self.failures))


def _errors(outcomes: Iterable[Outcome | Deletion]) -> list[ArtifactsError]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def _raise(what: str, errors: list[ArtifactsError]) -> None:
    if errors:
        raise ExceptionGroup(what, errors)
