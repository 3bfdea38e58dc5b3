"""The context of a scenario, its result, and helpers for scenarios."""

from __future__ import annotations

import os
import pstats
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, evolve, field, frozen

from benchmarks._comparison import Competitor, CompetitorError, Figures, Row, compare, run
from benchmarks._machine import found, has_package

OURS = "ghartifacts_async"

PROFILE_LINES = 12
"""Number of functions in a profile."""


class SkippedError(Exception):
    """A scenario cannot run on this machine."""


@define
class Context:
    """The settings of a scenario, and methods to compare and profile competitors with them.

    Attributes:
        directory: Directory for temporary files, in memory if possible.
        quick: Whether to use small sizes and few runs, without a warm-up.
        skipped: Reasons why competitors were skipped.
    """

    directory: Path
    quick: bool
    skipped: list[str] = field(factory=list)

    def choose(self, full: int, quick: int = 1) -> int:
        """Return `quick` in a quick run, else `full`."""
        return quick if self.quick else full

    def client(self, name: str, task: str, *arguments: object) -> list[str]:
        """Return the command that performs a task with a module of `benchmarks.clients`."""
        return [sys.executable, "-m", f"benchmarks.clients.{name}", task, *map(str, arguments)]

    def compare(self, entries: Sequence[tuple[Competitor, Sequence[str]]], runs: int) -> list[Row]:
        """Compare the competitors whose requirements are installed. Add the others to `skipped`.

        Args:
            entries: Competitors, each with its requirements: names of programs, and names of
                packages as ``py:NAME``.
            runs: Number of measured runs of each competitor.
        """
        available = []
        for entry, needs in entries:
            missing = [need.removeprefix("py:") for need in needs if not _is_installed(need)]
            if missing:
                self.skipped.append(f"{entry.name}: {', '.join(missing)} is not installed")
            else:
                available.append(self._with_temporary_directory(entry))
        return compare(available, runs, warm_up=not self.quick, failed=self.skipped)

    def _with_temporary_directory(self, entry: Competitor) -> Competitor:
        """Return a copy of the competitor with ``TMPDIR`` set to the scenario's directory."""
        return evolve(entry, environment={"TMPDIR": str(self.directory), **entry.environment})

    def profile(self, entry: Competitor) -> str:
        """Profile another run of the competitor. Return a table of its slowest functions.

        Only the event loop's thread is profiled. In a quick run, the result is ``""``.
        """
        path = self.directory / "profile"
        try:
            if self.quick:
                return ""
            run(evolve(entry, environment={**entry.environment, "BENCHMARK_PROFILE": str(path)}))
            stats = pstats.Stats(str(path)).get_stats_profile().func_profiles
        except CompetitorError as error:
            return str(error)
        finally:
            path.unlink(missing_ok=True)
        slowest = sorted(stats.items(), key=lambda item: -item[1].tottime)[:PROFILE_LINES]
        lines = [
            f"{function.tottime:7.3f} s  {function.ncalls:>12}  {_location(function)}{name}"
            for name, function in slowest
        ]
        return "\n".join([f"{'own time':>9}  {'calls':>12}", *lines])


def _is_installed(need: str) -> bool:
    if need.startswith("py:"):
        return has_package(need.removeprefix("py:"))
    return found(need) is not None


def _location(profile: pstats.FunctionProfile) -> str:
    """Return the file and line of a function, or ``""`` if the function is not from a file."""
    if profile.file_name == "~":
        return ""
    return f"{'/'.join(Path(profile.file_name).parts[-2:])}:{profile.line_number} "


@frozen
class Column:
    """A column of a scenario's table.

    Attributes:
        title: The heading, with the unit.
        figure: The name of the figure, as for `Row.values`.
        digits: Number of decimal places.
        factor: Factor that converts the figure's unit into the column's unit.
    """

    title: str
    figure: str
    digits: int = 2
    factor: float = 1.0


WALL = Column("s", "seconds")
RATIO = Column("× ours", "ratios")
CALL = Column("call s", "call")
CALL_RATIO = Column("call × ours", "call_ratios")
CPU = Column("CPU s", "cpu")
PEAK = Column("peak MiB", "peak_mib", 0)


@frozen
class Result:
    """The result of a scenario.

    Attributes:
        title: A line that says what was measured.
        columns: The columns of the table.
        rows: The rows of the table, this library first.
        figures: Figures to compare with the targets, by name.
        notes: Sentences below the table.
        profile: A profile of this library as text, or ``""``.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    figures: Figures = field(factory=dict)
    notes: Sequence[str] = ()
    profile: str = ""


Scenario = Callable[[Context], Result]


def figures(rows: Sequence[Row], figure: str, **names: str) -> dict[str, float]:
    """Return the median of one figure for several competitors.

    Args:
        rows: The rows of the competitors.
        figure: The name of the figure, as for `Row.values`.
        names: The keys of the result, and for each the name of the competitor. Competitors without
            the figure are left out.
    """
    medians = {row.name: row.median(figure) for row in rows}
    known = {key: medians.get(name) for key, name in names.items()}
    return {key: value for key, value in known.items() if value is not None}


def payload(path: Path, size: int) -> None:
    """Write a file that repeats one random block.

    That is fast. Zeros would be faster, but some file systems do not store them.
    """
    block = os.urandom(2**20)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def remover(path: Path) -> Callable[[], None]:
    """Return a function that removes the files and directories whose paths start with `path`."""

    def remove() -> None:
        for existing in path.parent.glob(f"{path.name}*"):
            if existing.is_dir():
                shutil.rmtree(existing)
            else:
                existing.unlink()

    return remove


def size_check(path: Path, size: int, count: int = 1) -> Callable[[object], None]:
    """Return a function that raises `ValueError` unless there are `count` files of `size` bytes.

    Args:
        path: A directory that contains the files, or a prefix of their paths.
        size: Size of each file in bytes.
        count: Number of files.
    """

    def check(_: object) -> None:
        paths = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.name}*")
        sizes = [file.stat().st_size for file in paths if file.is_file()]
        if sizes != [size] * count:
            raise ValueError(
                f"found {len(sizes)} files with {sum(sizes)} bytes, expected {count} files with "
                f"{count * size} bytes"
            )

    return check
