"""Output for a terminal. Artifact names are untrusted, so their control characters are escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from ghartifacts_async import Artifact, Progress, Wait
from ghartifacts_async.cli.fetch import Failure, Outcome, Skipped

_UNLIMITED_WIDTH = 2**16

console: Console = Console()
if not console.file.isatty():
    console.width = _UNLIMITED_WIDTH
errors: Console = Console(stderr=True)


def printable(text: str) -> str:
    """Return the text with its control characters escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def note(text: str) -> None:
    """Print trusted text, which may span several lines."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """Print one line. Control characters in the text are escaped."""
    console.print(Text(printable(text), style), soft_wrap=True)


def error(text: str) -> None:
    """Print an error message to standard error."""
    errors.print(Text(printable(f"error: {text}")), soft_wrap=True)


def waiting(wait: Wait) -> None:
    """Print to standard error why and until when the command waits."""
    until = f"until {wait.until:%H:%M:%S} UTC " if wait.until else ""
    text = f"waiting {until}({wait.seconds:.0f} s): {wait.reason}"
    errors.print(Text(printable(text)), soft_wrap=True)


def table(artifacts: Sequence[Artifact]) -> None:
    """Print artifacts as a table, one per row."""
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
    """Print one line for each outcome, and the number of downloaded artifacts."""
    downloaded = 0
    for result in results:
        if isinstance(result, Failure):
            say(f"✗ {result.artifact.name}: {result.error}", "red")
        elif isinstance(result, Skipped):
            say(f"- {result.artifact.name}: skipped: {result.skipped}", "dim")
        else:
            downloaded += 1
            status = "verified" if result.verified else "complete, but GitHub reported no digest"
            say(f"✓ {result.path}  {decimal(result.size)}  {result.digest}  {status}", "green")
    if downloaded:
        say(f"{downloaded} of {len(results)} artifacts are in {directory.absolute()}")


@contextmanager
def bars(*, quiet: bool = False) -> Iterator[ProgressBars]:
    """Draw a progress bar for each running download.

    Args:
        quiet: Whether to hide the bars. If standard error is not a terminal, they are never drawn.
    """
    drawn = RichProgress(
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
    """Progress bars of the running downloads."""

    def __init__(self, drawn: RichProgress) -> None:
        self._drawn = drawn
        self._tasks: dict[int, TaskID] = {}

    def begin(self, artifact: Artifact) -> None:
        """Add a bar for a download."""
        self._tasks[artifact.id] = self._drawn.add_task(
            printable(artifact.name), total=artifact.size_in_bytes, rate=""
        )

    def update(self, progress: Progress) -> None:
        """Update the bar of a download."""
        self._drawn.update(
            self._tasks[progress.artifact.id],
            completed=progress.received,
            total=progress.total,
            rate=f"{decimal(int(progress.rate))}/s",
        )

    def end(self, artifact: Artifact) -> None:
        """Remove the bar of a download."""
        self._drawn.remove_task(self._tasks.pop(artifact.id))
