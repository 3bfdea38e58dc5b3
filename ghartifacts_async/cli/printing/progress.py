"""Progress of downloads: bars on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from ghartifacts_async.cli.printing.output import Output, printable
from ghartifacts_async.cli.values import format_seconds, format_size

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, BulkProgress, Progress

LINE_INTERVAL = 10.0
"""Seconds between two lines about the progress, if standard error is no terminal."""


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
    count += f" of {progress.total} artifacts" if progress.total is not None else " artifacts"
    parts = [count, format_size(progress.received), f"{format_size(progress.rate)}/s"]
    if total is not None:
        parts[1] += f" of {format_size(total)}"
        if progress.rate > 0 and total > progress.received:
            left = (total - progress.received) / progress.rate
            parts.append(f"{format_seconds(left)} left")
    return ", ".join(parts)


class BarDisplay(Display):
    """Draws a bar for each running download, and one for all of them together."""

    def __init__(self, out: Output, bars: Bars, total: int | None) -> None:
        super().__init__(out, total)
        self._bars = bars
        self._tasks: dict[int, TaskID] = {}
        self._all = bars.add_task("all", total=total)
        self.results: list[Callable[[], None]] = []

    def update(self, progress: Progress) -> None:
        """Update the bar of a download."""
        artifact = progress.artifact
        if artifact.id not in self._tasks:
            self._tasks[artifact.id] = self._bars.add_task(printable(artifact.name))
        self._bars.update(
            self._tasks[artifact.id], completed=progress.received, total=progress.total
        )

    def end(self, artifact: Artifact | int) -> None:
        """Remove the bar of a download."""
        number = artifact if isinstance(artifact, int) else artifact.id
        if number in self._tasks:
            self._bars.remove_task(self._tasks.pop(number))

    def result(self, show: Callable[[], None]) -> None:
        """Keep a result until the bars have disappeared."""
        self.results.append(show)

    def update_total(self, progress: BulkProgress) -> None:
        """Update the bar of all downloads."""
        count = f"{progress.done + progress.failed}"
        count += f"/{progress.total}" if progress.total is not None else ""
        self._bars.update(self._all, completed=progress.received, description=f"{count} artifacts")


@contextmanager
def display(out: Output, total: int | None = None) -> Iterator[Display]:
    """Show the progress while downloads run. Bars are removed at the end.

    Args:
        out: The output of the command.
        total: Number of bytes of all artifacts, or None if it is unknown.
    """
    console = Console(stderr=True)
    if out.quiet or not (console.is_terminal and sys.stderr.isatty()):
        yield Display(out, total)
        return
    bars = Bars(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(overflow="ellipsis", no_wrap=True, max_width=30),
        ),
        BarColumn(bar_width=None),
        DownloadColumn(table_column=Column(no_wrap=True)),
        TransferSpeedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        expand=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    drawn = BarDisplay(out, bars, total)
    notes = out.redirected_notes(lambda text: console.print(Text(text), soft_wrap=True))
    try:
        with bars, notes:
            yield drawn
    finally:
        for show in drawn.results:
            show()
