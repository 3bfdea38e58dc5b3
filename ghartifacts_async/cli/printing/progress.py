"""Progress of downloads: bars on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.values import counted, format_seconds, format_size

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, BulkProgress, Progress

LINE_INTERVAL = 10.0
"""Seconds between two lines about the progress, if standard error is no terminal."""

_DUMB_TERMINALS = ("dumb", "unknown")


class Display:
    """Shows the progress of the downloads of a command.

    Args:
        out: The output of the command.
        total: Number of bytes of all artifacts, or None if it is unknown.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, out: Output, total: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out, self._total, self._clock = out, total, clock
        self._printed_at = clock()

    def update(self, progress: Progress) -> None:
        """Show the progress of one download."""

    def end(self, artifact: Artifact | int) -> None:
        """Show that a download has ended, with or without an error."""

    def result(self, show: Callable[[], None]) -> None:
        """Print a result now, or after the bars have disappeared."""
        show()

    def update_total(self, progress: BulkProgress) -> None:
        """Show the progress of all downloads."""
        now = self._clock()
        if now - self._printed_at >= LINE_INTERVAL:
            self._printed_at = now
            self._out.note(summary(progress, self._total))


def summary(progress: BulkProgress, total: int | None) -> str:
    """Return a line about the progress of all downloads."""
    count = f"{progress.done + progress.failed}"
    if progress.total is None:
        count += " artifacts"
    else:
        count += f" of {counted(progress.total, 'artifact')}"
    parts = [count, format_size(progress.received), f"{format_size(progress.rate)}/s"]
    if total is not None:
        parts[1] += f" of {format_size(total)}"
        if progress.rate > 0 and total > progress.received:
            left = (total - progress.received) / progress.rate
            parts.append(f"{format_seconds(left)} left")
    return ", ".join(parts)


@contextmanager
def display(
    out: Output, total: int | None = None, after_interruption: str = "the same command resumes"
) -> Iterator[Display]:
    """Show the progress while downloads run. Bars are removed at the end.

    Args:
        out: The output of the command.
        total: Number of bytes of all artifacts, or None if it is unknown.
        after_interruption: Text to print after Ctrl-C, such as how to repeat the command.
    """
    from asyncio import CancelledError

    draws = not out.quiet and sys.stderr.isatty() and os.environ.get("TERM") not in _DUMB_TERMINALS
    try:
        if draws:
            bars = import_module("ghartifacts_async.cli.printing.bars")
            with bars.draw_bars(out, total) as drawn:
                yield drawn
        else:
            yield Display(out, total)
    except CancelledError:
        out.note(f"interrupted; {after_interruption}")
        raise
