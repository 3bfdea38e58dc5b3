"""How far a download is, told to whoever wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TypeAlias

from ghartifacts_async.errors import InvalidArgument, ProgressError
from ghartifacts_async.models import Artifact, Progress

OnProgress: TypeAlias = Callable[[Progress], None]

_SECONDS = 0.1


def check_callback(tell: OnProgress | None) -> None:
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
        except Exception as error:
            raise ProgressError(f"on_progress raised {type(error).__name__}") from error
