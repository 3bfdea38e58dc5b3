"""Progress of a bulk operation, reported to the caller's callback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from ghartifacts_async._download.progress import OnProgress, ProgressReporter
from ghartifacts_async.models import Artifact, Progress
from ghartifacts_async.reports import BulkProgress


class BulkMeter:
    """Counts the artifacts and bytes of a bulk operation, and reports the numbers as progress.

    Progress is reported at most ten times a second, and once at the end.

    Args:
        on_progress: The caller's callback, or None.
        artifacts: The artifacts or their ids, whose number and sizes are counted if they are known
            before the operation starts.

    Attributes:
        total: Number of artifacts, or None if it is unknown.
        total_bytes: Number of bytes to receive, or None if it is unknown.
        received: Number of bytes received by all downloads. Bytes that earlier runs received are
            not counted.
    """

    def __init__(
        self, on_progress: Callable[[BulkProgress], None] | None, artifacts: object = None
    ) -> None:
        self._reporter = ProgressReporter(on_progress)
        known = list(artifacts) if isinstance(artifacts, Collection) else None
        self.total: int | None = None if known is None else len(known)
        self.total_bytes: int | None = None if known is None else _size(known)
        self._done = self._failed = self._running = 0
        self._started_at = asyncio.get_running_loop().time()
        self.received = 0

    def begin(self) -> None:
        """Count an artifact as running."""
        self._running += 1
        self._report_soon()

    def end(self, *, succeeded: bool) -> None:
        """Count a running artifact as finished.

        Raises:
            ProgressError: The caller's callback raised an exception.
        """
        self._running -= 1
        self.add_finished(1, succeeded=succeeded)

    def add_finished(self, count: int, *, succeeded: bool) -> None:
        """Count artifacts as finished, without having counted them as running.

        Raises:
            ProgressError: The caller's callback raised an exception.
        """
        self._done += count if succeeded else 0
        self._failed += 0 if succeeded else count
        self._report_soon()

    def add_bytes(self, received: int) -> None:
        """Count received bytes.

        Raises:
            ProgressError: The caller's callback raised an exception.
        """
        self.received += received
        self._report_soon()

    def callback(self, then: OnProgress | None = None) -> OnProgress:
        """Return a progress callback that counts the received bytes of one download.

        Args:
            then: The caller's callback for this download, or None.
        """
        counted = 0

        def count(progress: Progress) -> None:
            nonlocal counted
            received = progress.received - progress.resumed
            self.add_bytes(max(0, received - counted))
            counted = max(counted, received)
            if then is not None:
                then(progress)

        return count

    def finish(self) -> None:
        """Report the final numbers.

        Raises:
            ProgressError: The caller's callback raised an exception.
        """
        self._report(asyncio.get_running_loop().time())

    def _report_soon(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._reporter.is_due(now):
            self._report(now)

    def _report(self, now: float) -> None:
        rate = self.received / max(now - self._started_at, 1e-9)
        counts = (self._done, self._failed, self._running, self.total)
        self._reporter.report(BulkProgress(*counts, self.received, rate, self.total_bytes), now)


def _size(artifacts: list[object]) -> int | None:
    """Return the bytes of all artifacts that have not expired, or None if one is only an id."""
    known = [one for one in artifacts if isinstance(one, Artifact)]
    if len(known) < len(artifacts):
        return None
    return sum(one.size_in_bytes for one in known if not one.expired)
