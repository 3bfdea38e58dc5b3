"""Progress bars on a terminal. Importing rich takes long, so only commands that draw bars do."""

from __future__ import annotations

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
from ghartifacts_async.cli.printing.progress import Display

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, BulkProgress, Progress


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
def draw_bars(out: Output, total: int | None) -> Iterator[Display]:
    """Draw bars while the block runs, and print the results after it."""
    console = Console(stderr=True)
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
