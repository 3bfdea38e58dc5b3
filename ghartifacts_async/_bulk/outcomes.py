"""Outcomes of single artifacts: which errors become one, and the report of a mirror."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async.errors import (
    ArtifactExpired,
    ArtifactsError,
    AuthenticationError,
    ClientStateError,
    DiskFull,
    ProgressError,
    RateLimited,
    TokenProviderError,
)
from ghartifacts_async.models import Artifact, Download
from ghartifacts_async.reports import MOST_FAILURES, MirrorReport, Outcome

ENDS_OPERATION = (ClientStateError, ProgressError, MemoryError)
"""Exceptions that end a bulk operation. Any other exception concerns a single artifact."""

ENDS_MIRROR = (*ENDS_OPERATION, AuthenticationError, RateLimited, TokenProviderError)
"""Exceptions that end a mirror, because they would also occur for every following artifact."""

_log = logging.getLogger("ghartifacts_async")

_MAX_CONSECUTIVE_DISK_FULL = 16
"""Consecutive `DiskFull` errors after which the operation ends."""


def check_not_expired(artifact: Artifact) -> None:
    """Check that an artifact has not expired, so that no request is made for one that has.

    Raises:
        ArtifactExpired: It has expired.
    """
    if artifact.expired:
        when = f" on {artifact.expires_at:%Y-%m-%d}" if artifact.expires_at else ""
        raise ArtifactExpired(f"artifact {artifact.id} expired{when}, according to its listing")


def reported_error(error: Exception, subject: Artifact | int | str) -> ArtifactsError:
    """Return the error to report in an outcome: the given one, or one that has it as its cause.

    Its tracebacks are removed, because their frames would keep received bytes in memory as long as
    the error exists.

    Args:
        error: The exception that ended the work on an artifact or a repository.
        subject: The artifact, its id, or the name of the repository.
    """
    if isinstance(error, ArtifactsError):
        reported = error
    else:
        # The exception shows a bug in this library, or in a function that the caller passed.
        name = subject if isinstance(subject, str) else f"artifact {_id_of(subject)}"
        reported = ArtifactsError(f"{name}: unexpected {type(error).__name__}; see its __cause__")
        reported.__cause__ = error
        _log.error("%s", reported, exc_info=error)
    current: BaseException | None = reported
    while current is not None:
        current.__traceback__, current = None, current.__cause__ or current.__context__
    return reported


def _id_of(artifact: Artifact | int) -> int:
    return artifact.id if isinstance(artifact, Artifact) else artifact


@define
class ReportBuilder:
    """The results of one update of mirrors so far, for all of its repositories."""

    meter: BulkMeter
    mirrors: int
    on_outcome: Callable[[Outcome], object] | None
    downloaded: int = 0
    linked: int = 0
    skipped: int = 0
    expired: int = 0
    failed: int = 0
    consecutive_disk_full: int = 0
    failures: list[Outcome] = field(factory=list)
    unlisted: dict[str, ArtifactsError] = field(factory=dict)
    new_files: list[Path] = field(factory=list)
    totals: dict[str, int] = field(factory=dict)
    listed: int = 0
    bytes_to_receive: int = 0

    def set_total(self, repository: str, count: int) -> None:
        """Set the number of artifacts of a repository."""
        self.totals[repository] = count
        if len(self.totals) == self.mirrors:
            self.meter.total = sum(self.totals.values())

    def end_listing(self, repository: str, count: int) -> None:
        """Record that a repository has been listed, and the number of its artifacts."""
        self.listed += 1
        self.set_total(repository, count)
        self.expect(0)

    def expect(self, size: int) -> None:
        """Add a number of bytes to those that are to be received."""
        self.bytes_to_receive += size
        if self.listed == self.mirrors:
            self.meter.total_bytes = self.bytes_to_receive

    def add_new_file(self, download: Download) -> None:
        """Record a file that was downloaded or linked."""
        self.new_files.append(download.path)
        self.report_outcome(Outcome(download.artifact, download))

    def report_outcome(self, outcome: Outcome) -> None:
        """Pass an outcome to the caller's callback.

        Raises:
            ProgressError: The callback raised an exception.
        """
        if self.on_outcome is not None:
            try:
                self.on_outcome(outcome)
            except Exception as error:
                raise ProgressError(f"on_outcome raised {type(error).__name__}") from error

    def add_up_to_date(self, count: int) -> None:
        """Count artifacts whose files exist already and have not changed."""
        self.skipped += count
        self.meter.add_finished(count, succeeded=True)

    def add_expired(self, count: int) -> None:
        """Count expired artifacts that are not in the mirror."""
        self.expired += count
        self.meter.add_finished(count, succeeded=False)

    def add_failure(self, artifact: Artifact, error: ArtifactsError) -> None:
        """Record the error of one artifact.

        Raises:
            DiskFull: The disk was full for too many artifacts in a row.
        """
        self.failed += 1
        is_disk_full = isinstance(error, DiskFull)
        self.consecutive_disk_full = self.consecutive_disk_full + 1 if is_disk_full else 0
        if self.consecutive_disk_full >= _MAX_CONSECUTIVE_DISK_FULL:
            raise error
        outcome = Outcome(artifact, error=error)
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(outcome)
        self.report_outcome(outcome)

    def build(self, seconds: float) -> MirrorReport:
        """Return the report."""
        return MirrorReport(
            self.downloaded,
            self.linked,
            self.skipped,
            self.expired,
            self.failed,
            self.meter.received,
            seconds,
            tuple(self.failures),
            self.unlisted,
            tuple(self.new_files),
        )
