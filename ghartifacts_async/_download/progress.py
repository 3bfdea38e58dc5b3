"""How far a download is, told to whoever wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TypeAlias

from ghartifacts_async.errors import InvalidArgument, ProgressError
from ghartifacts_async.models import Artifact, Progress
from ghartifacts_async.reports import BulkProgress

OnProgress: TypeAlias = Callable[[Progress], None]

_SECONDS = 0.1


def check_callback(tell: Callable[..., object] | None) -> None:
    """Make sure that a progress callback is one that can be called in the event loop.

    Raises:
        InvalidArgument: It cannot, or nobody would await it.
    """
    called = getattr(tell, "__call__", None)  # noqa: B004 - an object may have an async one
    if tell is not None and (called is None or any(map(iscoroutinefunction, (tell, called)))):
        raise InvalidArgument("on_progress is a plain function, called in the event loop")


class Meter:
    """Counts bytes, and tells of them: ten times a second at most, and at the end.

    Args:
        artifact: Which artifact.
        tell: The caller's function, if there is one.
    """

    def __init__(self, artifact: Artifact, tell: OnProgress | None) -> None:
        self._artifact = artifact
        self._tell = tell
        self._there = self._came = self._most = 0
        self._started = self._told = asyncio.get_running_loop().time()
        self.total: int | None = None
        self.resumed = 0

    def begin(self, total: int | None, resumed: int = 0) -> None:
        """So many bytes are there, of so many in all."""
        self.total, self.resumed, self._there = total, resumed, resumed

    def add(self, received: int) -> None:
        """So many bytes more.

        Raises:
            ProgressError: The caller's function raised.
        """
        self._there += received
        self._came += received
        now = asyncio.get_running_loop().time()
        if now - self._told >= _SECONDS:
            self._told = now
            self._report(now)

    def done(self) -> None:
        """All bytes are there, and right.

        Raises:
            ProgressError: The caller's function raised.
        """
        self.total = self._there
        self._report(asyncio.get_running_loop().time())

    def _report(self, now: float) -> None:
        if self._tell is None:
            return
        # What starts over has not lost what was told.
        self._most = max(self._most, self._there)
        rate = self._came / max(now - self._started, 1e-9)
        told = Progress(self._artifact, self._most, self.total, rate, self.resumed)
        try:
            self._tell(told)
        except ProgressError:
            raise  # of whoever is told of many downloads
        except Exception as error:
            raise ProgressError(f"on_progress raised {type(error).__name__}") from error


class BulkMeter:
    """Counts many downloads, and tells of all: ten times a second at most, and at the end.

    Args:
        tell: The caller's function, if there is one.
        total: How many artifacts there are, ``None`` where nobody knows.
    """

    def __init__(self, tell: Callable[[BulkProgress], None] | None, total: int | None) -> None:
        self._tell = tell
        self._total = total
        self._done = self._failed = self._running = 0
        self._started = asyncio.get_running_loop().time()
        self._told = float("-inf")
        self.received = 0

    def begin(self) -> None:
        """Another is at work on."""
        self._running += 1
        self._report_soon()

    def end(self, *, well: bool) -> None:
        """One of them has ended.

        Raises:
            ProgressError: The caller's function raised.
        """
        self._running -= 1
        self.found(1, well=well)

    def found(self, count: int, *, well: bool) -> None:
        """So many are done with, and were no work."""
        self._done += count if well else 0
        self._failed += 0 if well else count
        self._report_soon()

    def came(self, received: int) -> None:
        """So many bytes came, of one that is told of at once."""
        self.received += received
        self._report_soon()

    def watch(self) -> OnProgress:
        """A function that counts one download's bytes, resumed ones not."""
        seen = 0

        def told(progress: Progress) -> None:
            nonlocal seen
            came = progress.received - progress.resumed
            self.came(max(0, came - seen))
            seen = max(seen, came)

        return told

    def done(self) -> None:
        """All are.

        Raises:
            ProgressError: The caller's function raised.
        """
        self._report(asyncio.get_running_loop().time())

    def _report_soon(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told >= _SECONDS:
            self._report(now)

    def _report(self, now: float) -> None:
        if self._tell is None:
            return
        self._told = now
        rate = self.received / max(now - self._started, 1e-9)
        counts = (self._done, self._failed, self._running, self._total)
        try:
            self._tell(BulkProgress(*counts, self.received, rate))
        except Exception as error:
            raise ProgressError(f"on_progress raised {type(error).__name__}") from error
