"""What a person sees. Names come from anybody: nothing in them reaches the terminal unescaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from ghartifacts_async import Artifact, Progress
from ghartifacts_async.cli.fetch import Failure, Outcome, Skipped

_UNBOUNDED = 2**16

console: Console = Console()
if not console.file.isatty():
    console.width = _UNBOUNDED
errors: Console = Console(stderr=True)


def printable(text: str) -> str:
    """The text with control characters escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def note(text: str) -> None:
    """Our own words, lines and all."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """A line for a person."""
    console.print(Text(printable(text), style), soft_wrap=True)


def error(text: str) -> None:
    """Why the command failed."""
    errors.print(Text(printable(f"error: {text}")), soft_wrap=True)


def table(artifacts: Sequence[Artifact]) -> None:
    """Artifacts, one a row."""
    rows = Table(box=None, header_style="bold")
    for title in ("id", "name", "size", "created", "run", "digest"):
        rows.add_column(title, overflow="fold")
    for artifact in artifacts:
        rows.add_row(
            str(artifact.id),
            Text(printable(artifact.name), "dim strike" if artifact.expired else ""),
            decimal(artifact.size_in_bytes),
            f"{artifact.created_at:%Y-%m-%d %H:%M}" if artifact.created_at else "",
            str(artifact.workflow_run.id or "") if artifact.workflow_run else "",
            f"{artifact.digest.hex[:12]}…" if artifact.digest else "",
        )
    console.print(rows)
    say(f"{len(artifacts)} artifacts")


def outcomes(results: Sequence[Outcome], directory: Path) -> None:
    """What became of each."""
    done = 0
    for result in results:
        if isinstance(result, Failure):
            say(f"✗ {result.artifact.name}: {result.error}", "red")
        elif isinstance(result, Skipped):
            say(f"- {result.artifact.name}: skipped: {result.skipped}", "dim")
        else:
            done += 1
            how = "verified" if result.verified else "complete, GitHub gives no digest"
            say(f"✓ {result.path}  {decimal(result.size)}  {result.digest}  {how}", "green")
    if done:
        say(f"{done} of {len(results)} artifacts are in {directory.absolute()}")


@contextmanager
def bars(*, quiet: bool = False) -> Iterator[ProgressBars]:
    """A bar for each download under way, where somebody sees it."""
    drawn = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}"),
        console=errors,
        transient=True,
    )
    with drawn if errors.is_terminal and not quiet else nullcontext():
        yield ProgressBars(drawn)


class ProgressBars:
    """Progress of downloads, drawn."""

    def __init__(self, drawn: Bars) -> None:
        self._drawn = drawn
        self._tasks: dict[int, TaskID] = {}

    def begin(self, artifact: Artifact) -> None:
        """A bar appears."""
        self._tasks[artifact.id] = self._drawn.add_task(
            printable(artifact.name), total=artifact.size_in_bytes, rate=""
        )

    def update(self, progress: Progress) -> None:
        """It grows."""
        self._drawn.update(
            self._tasks[progress.artifact.id],
            completed=progress.received,
            total=progress.total,
            rate=f"{decimal(int(progress.rate))}/s",
        )

    def end(self, artifact: Artifact) -> None:
        """It disappears."""
        self._drawn.remove_task(self._tasks.pop(artifact.id))
