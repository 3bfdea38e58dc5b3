"""Progress of one download, reported to the caller's callback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from ghartifacts_async.errors import ProgressError
from ghartifacts_async.models import Artifact, Progress

OnProgress: TypeAlias = Callable[[Progress], None]

REPORT_INTERVAL = 0.1
"""Minimum number of seconds between two reports, except for the last one."""


class Meter:
    """Counts the bytes of one download, and reports at most ten times a second and at the end.

    Args:
        artifact: Artifact that is downloaded.
        on_progress: The caller's callback, or None.

    Attributes:
        total: Size of the payload in bytes, or None if it is unknown.
        resumed: Bytes kept from an earlier download.
    """

    def __init__(self, artifact: Artifact, on_progress: OnProgress | None) -> None:
        self._artifact = artifact
        self._on_progress = on_progress
        self._done = self._received = self._max_reported = 0
        self._started_at = self._reported_at = asyncio.get_running_loop().time()
        self.total: int | None = None
        self.resumed = 0

    def begin(self, total: int | None, resumed: int = 0) -> None:
        """Start to count.

        Args:
            total: Size of the payload in bytes, or None if it is unknown.
            resumed: Bytes kept from an earlier download.
        """
        self.total, self.resumed, self._done = total, resumed, resumed

    def add(self, received: int) -> None:
        """Count received bytes.

        Raises:
            ProgressError: The callback raised.
        """
        self._done += received
        self._received += received
        now = asyncio.get_running_loop().time()
        if now - self._reported_at >= REPORT_INTERVAL:
            self._reported_at = now
            self._report(now)

    def finish(self) -> None:
        """Report that the payload is complete and verified.

        Raises:
            ProgressError: The callback raised.
        """
        self.total = self._done
        self._report(asyncio.get_running_loop().time())

    def _report(self, now: float) -> None:
        if self._on_progress is None:
            return
        # A download that starts over reports no smaller number than before.
        self._max_reported = max(self._max_reported, self._done)
        rate = self._received / max(now - self._started_at, 1e-9)
        progress = Progress(self._artifact, self._max_reported, self.total, rate, self.resumed)
        try:
            self._on_progress(progress)
        except ProgressError:
            raise  # from the callback of a bulk operation
        except Exception as error:
            raise ProgressError(f"on_progress raised {type(error).__name__}") from error
