"""What a scenario is, what it works with, and what it returns."""

from __future__ import annotations

import pstats
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, evolve, field, frozen

from benchmarks._machine import found, has_package
from benchmarks._race import Entry, Row, race, run


@define
class Stage:
    """Where scenarios are played.

    Attributes:
        directory: For files, on a disk of memory where there is one.
        quick: Whether it is to take a minute for all of them.
        skipped: Who could not take part, and why.
    """

    directory: Path
    quick: bool
    skipped: list[str] = field(factory=list)

    def runs(self, full: int, quick: int = 1) -> int:
        """How many runs count."""
        return quick if self.quick else full

    def client(self, name: str, task: str, *arguments: object) -> list[str]:
        """The command of one of `benchmarks.clients`."""
        return [sys.executable, "-m", f"benchmarks.clients.{name}", task, *map(str, arguments)]

    def able(self, entries: Sequence[tuple[Entry, Sequence[str]]]) -> list[Entry]:
        """Those whose packages and programs are here; the others are remembered.

        Args:
            entries: Each with what it needs; packages begin with ``py:``.
        """
        able = []
        for entry, needs in entries:
            missing = [need for need in needs if not _is_here(need)]
            if missing:
                named = ", ".join(need.removeprefix("py:") for need in missing)
                self.skipped.append(f"{entry.name}: {named} is not installed")
            else:
                able.append(entry)
        return able

    def profile(self, entry: Entry) -> str:
        """Where the time of one more run goes, on the thread of the event loop; ``""`` if quick."""
        if self.quick:
            return ""
        path = self.directory / "profile"
        run(evolve(entry, environment={**entry.environment, "BENCHMARK_PROFILE": str(path)}))
        stats = pstats.Stats(str(path)).get_stats_profile().func_profiles
        path.unlink()
        most = sorted(stats.items(), key=lambda item: -item[1].tottime)[:12]
        lines = [
            f"{one.tottime:7.3f} s  {one.ncalls:>12}  {_where(one)}{name}" for name, one in most
        ]
        return "\n".join([f"{'own time':>9}  {'calls':>12}", *lines])

    def race(self, entries: Sequence[tuple[Entry, Sequence[str]]], runs: int) -> list[Row]:
        """Let those who are able run."""
        return race(self.able(entries), runs, failed=self.skipped)


def _is_here(need: str) -> bool:
    if need.startswith("py:"):
        return has_package(need.removeprefix("py:"))
    return found(need) is not None


def _where(profile: pstats.FunctionProfile) -> str:
    """A place in a program, without the directories of this machine."""
    if profile.file_name == "~":
        return ""
    return f"{'/'.join(Path(profile.file_name).parts[-2:])}:{profile.line_number} "


@frozen
class Column:
    """A column of a scenario's table, beside the names.

    Attributes:
        title: Its head, unit included.
        figure: Which figure of a row: see `Row.median`.
        digits: Behind the point.
        factor: From the figure's unit to the column's.
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
    """What a scenario found.

    Attributes:
        title: What was done, in a line.
        columns: Of the table.
        rows: Ours first.
        figures: What the bars are held against, by name.
        notes: What there is to say to it.
        profile: Where the time of ours goes, ``""`` where nobody asked.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    figures: dict[str, float] = field(factory=dict)
    notes: Sequence[str] = ()
    profile: str = ""


Play = Callable[[Stage], Result]


def remover(path: Path) -> Callable[[], None]:
    """Removes a file or a directory, and those whose names begin alike, before each run."""

    def remove() -> None:
        for one in path.parent.glob(f"{path.name}*"):
            if one.is_dir():
                shutil.rmtree(one)
            else:
                one.unlink()

    return remove


def ratio(row: Row, other: Row, figure: str = "seconds") -> float:
    """How many times as much another takes as this one, by their medians."""
    mine, theirs = row.median(figure), other.median(figure)
    assert mine is not None
    assert theirs is not None
    return theirs / mine


def named(rows: Sequence[Row], name: str) -> Row | None:
    """The row of a competitor, ``None`` where it did not take part."""
    return next((row for row in rows if row.name == name), None)
