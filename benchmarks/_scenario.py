"""What a scenario is, what it works with, and what it returns."""

from __future__ import annotations

import os
import pstats
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, evolve, field, frozen

from benchmarks._machine import found, has_package
from benchmarks._race import Entry, FailedError, Figures, Row, race, run

OURS = "ghartifacts_async"

SHOWN = 12
"""Lines of a profile."""


class SkippedError(Exception):
    """A scenario that cannot be played here."""


@define
class Stage:
    """Where a scenario is played.

    Attributes:
        directory: For its files, on a disk of memory where there is one.
        quick: Whether it is to take seconds.
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

    def race(self, entries: Sequence[tuple[Entry, Sequence[str]]], runs: int) -> list[Row]:
        """Let those run who are able to; the others are remembered.

        Args:
            entries: Each with what it needs: programs, and packages, which begin with ``py:``.
            runs: How many count.
        """
        able = []
        for entry, needs in entries:
            missing = [need.removeprefix("py:") for need in needs if not _is_here(need)]
            if missing:
                self.skipped.append(f"{entry.name}: {', '.join(missing)} is not installed")
            else:
                able.append(self.at_home(entry))
        return race(able, runs, failed=self.skipped)

    def at_home(self, entry: Entry) -> Entry:
        """One whose temporary files lie where those of the others do."""
        return evolve(entry, environment={"TMPDIR": str(self.directory), **entry.environment})

    def profile(self, entry: Entry) -> str:
        """Where the time of one more run goes, on the thread of the event loop; ``""`` if quick."""
        path = self.directory / "profile"
        try:
            if self.quick:
                return ""
            run(evolve(entry, environment={**entry.environment, "BENCHMARK_PROFILE": str(path)}))
            stats = pstats.Stats(str(path)).get_stats_profile().func_profiles
        except FailedError as error:
            return str(error)
        finally:
            path.unlink(missing_ok=True)
        most = sorted(stats.items(), key=lambda item: -item[1].tottime)[:SHOWN]
        lines = [
            f"{one.tottime:7.3f} s  {one.ncalls:>12}  {_where(one)}{name}" for name, one in most
        ]
        return "\n".join([f"{'own time':>9}  {'calls':>12}", *lines])


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
        figure: Which figure of a row: see `Row.values`.
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
    figures: Figures = field(factory=dict)
    notes: Sequence[str] = ()
    profile: str = ""


Play = Callable[[Stage], Result]


def figures(rows: Sequence[Row], figure: str, **names: str) -> dict[str, float]:
    """A median of each of the competitors that took part, by another name for each."""
    medians = {row.name: row.median(figure) for row in rows}
    known = {key: medians.get(name) for key, name in names.items()}
    return {key: value for key, value in known.items() if value is not None}


def payload(path: Path, size: int) -> None:
    """Bytes that are neither all zeros, which some disks do not store, nor slow to make."""
    block = os.urandom(2**20)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def remover(path: Path) -> Callable[[], None]:
    """Removes a file or a directory, and those whose names begin alike, before each run."""

    def remove() -> None:
        for one in path.parent.glob(f"{path.name}*"):
            if one.is_dir():
                shutil.rmtree(one)
            else:
                one.unlink()

    return remove


def sized(path: Path, size: int, count: int = 1) -> Callable[[object], None]:
    """Checks that so many files of a size are there: below a directory, or called alike."""

    def check(_: object) -> None:
        below = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.name}*")
        sizes = [one.stat().st_size for one in below if one.is_file()]
        if sizes != [size] * count:
            raise ValueError(f"{len(sizes)} files of {sum(sizes)} bytes are there")

    return check
