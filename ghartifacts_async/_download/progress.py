"""Report the progress of a download to the caller's callback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from ghartifacts_async.errors import ProgressError
from ghartifacts_async.models import Artifact, Progress

OnProgress: TypeAlias = Callable[[Progress], None]

_P = TypeVar("_P")

_REPORT_INTERVAL = 0.1


class ProgressReporter(Generic[_P]):
    """Calls the caller's callback at most ten times per second.

    Args:
        on_progress: The caller's callback, or None.
        start: Time on the event loop's clock. The first report is due a tenth of a second later.
    """

    def __init__(
        self, on_progress: Callable[[_P], None] | None, start: float = float("-inf")
    ) -> None:
        self._on_progress = on_progress
        self._next_report = start + _REPORT_INTERVAL

    def is_due(self, now: float) -> bool:
        """Return True if a tenth of a second has passed since the last report."""
        return self._on_progress is not None and now >= self._next_report

    def report(self, progress: _P, now: float) -> None:
        """Call the callback, even if no report is due.

        Raises:
            ProgressError: The callback raised.
        """
        if self._on_progress is None:
            return
        self._next_report = now + _REPORT_INTERVAL
        try:
            self._on_progress(progress)
        except ProgressError:
            raise  # already converted, by the reporter of a bulk operation
        except Exception as error:
            raise ProgressError(f"on_progress raised {type(error).__name__}") from error


class Meter:
    """Counts the bytes of one download and reports them to the caller's callback.

    It reports at most ten times per second while bytes arrive, and once at the end.

    Args:
        artifact: Artifact that is downloaded.
        on_progress: The caller's callback, or None.

    Attributes:
        total: Size of the payload in bytes, or None if it is unknown.
        resumed: Number of bytes kept from an earlier download.
    """

    def __init__(self, artifact: Artifact, on_progress: OnProgress | None) -> None:
        self._artifact = artifact
        self._done = self._received = self._max_reported = 0
        self._started_at = asyncio.get_running_loop().time()
        self._reporter = ProgressReporter(on_progress, self._started_at)
        self.total: int | None = None
        self.resumed = 0

    def begin(self, total: int | None, resumed: int = 0) -> None:
        """Start counting at the number of bytes kept from an earlier download.

        Args:
            total: Size of the payload in bytes, or None if it is unknown.
            resumed: Number of bytes kept from an earlier download.
        """
        self.total, self.resumed, self._done = total, resumed, resumed

    def add(self, received: int) -> None:
        """Add a number of received bytes, and report the progress if a report is due.

        Raises:
            ProgressError: The callback raised.
        """
        self._done += received
        self._received += received
        now = asyncio.get_running_loop().time()
        if self._reporter.is_due(now):
            self._report(now)

    def finish(self) -> None:
        """Report that the payload is complete and verified.

        Raises:
            ProgressError: The callback raised.
        """
        self.total = self._done
        self._report(asyncio.get_running_loop().time())

    def _report(self, now: float) -> None:
        # If a download starts over, the reported number of bytes must not decrease.
        self._max_reported = max(self._max_reported, self._done)
        rate = self._received / max(now - self._started_at, 1e-9)
        progress = Progress(self._artifact, self._max_reported, self.total, rate, self.resumed)
        self._reporter.report(progress, now)
