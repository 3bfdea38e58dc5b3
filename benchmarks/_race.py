"""Competitors in child processes, one after another, A B A B …, after a warm-up.

What counts is the ratio of a run to ours of the same round: the machine's pace drifts, and strikes
both. A competitor's last line of output may be JSON, of what only it can know of itself: the
``seconds`` of the call alone, without the start of its interpreter and its imports, for instance.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import define, field, frozen

ROOT = Path(__file__).parents[1]

_STOPWATCH = Path(__file__).with_name("_stopwatch.py")
_PATIENCE = 600


def nothing() -> None:
    """What there is to do before a run, as a rule."""


@frozen
class Entry:
    """One competitor.

    Attributes:
        name: Of its row.
        command: The program and its arguments.
        before: Makes room for a run, and is not timed.
        check: Makes sure that a run did what it was for, given what it told.
        environment: Beside that of this process.
        most_runs: Counted runs at most, of one that is very slow.
    """

    name: str
    command: Sequence[str]
    before: Callable[[], None] = nothing
    check: Callable[[Mapping[str, float]], None] = lambda _: None
    environment: Mapping[str, str] = field(factory=dict)
    most_runs: int = 100


@define
class Row:
    """What was measured of a competitor, a figure of each counted run.

    Attributes:
        name: Of the competitor.
        seconds: Of the whole process.
        cpu: Seconds of the processor, of the process and its children.
        peak_mib: Resident memory at most, of the largest process.
        told: What it told of itself, ``call`` being the seconds of the call alone.
        ratios: Its seconds over those of the first competitor, in the same round.
        call_ratios: The same of the calls alone.
    """

    name: str
    seconds: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)
    peak_mib: list[float] = field(factory=list)
    told: dict[str, list[float]] = field(factory=dict)
    ratios: list[float] = field(factory=list)
    call_ratios: list[float] = field(factory=list)

    def median(self, figure: str) -> float | None:
        """Of one of the lists, or of something told by its name; ``None`` where there is none."""
        values = self.told.get(figure, []) or getattr(self, figure, [])
        return statistics.median(values) if values else None

    def count(self, accounts: Mapping[str, float], told: Mapping[str, float]) -> None:
        """Take in a run."""
        self.seconds.append(accounts["seconds"])
        self.cpu.append(accounts["cpu"])
        self.peak_mib.append(accounts["peak_kib"] / 1024)
        for name, value in told.items():
            self.told.setdefault(name, []).append(value)


class FailedError(Exception):
    """A competitor ended with an error, or did not do what it was to."""


def race(
    entries: Sequence[Entry], runs: int, *, warm_up: bool = True, failed: list[str] | None = None
) -> list[Row]:
    """Let them run, the first of them being who the others are compared with.

    Args:
        entries: Who takes part.
        runs: How many runs of each count.
        warm_up: Whether one more goes before them.
        failed: Takes the words of those but the first who cannot do it, and have no row.

    Raises:
        FailedError: The first cannot do it, or one of them where nobody takes the words.
    """
    rows = {entry.name: Row(entry.name) for entry in entries}
    for number in range(-1 if warm_up else 0, runs):
        first: dict[str, float] = {}
        for entry in entries:
            if number >= entry.most_runs or entry.name not in rows:
                continue
            try:
                accounts, told = run(entry)
            except FailedError as error:
                if entry is entries[0] or failed is None:
                    raise
                failed.append(str(error))
                del rows[entry.name]
                continue
            call = told.pop("seconds", 0.0)
            first = first or {"seconds": accounts["seconds"], "call": call}
            if number < 0:
                continue
            row = rows[entry.name]
            row.count(accounts, told | ({"call": call} if call else {}))
            row.ratios.append(accounts["seconds"] / first["seconds"])
            if call and first["call"]:
                row.call_ratios.append(call / first["call"])
    return list(rows.values())


def run(entry: Entry) -> tuple[dict[str, float], dict[str, float]]:
    """One run: what the kernel accounts for it, and what it told."""
    entry.before()
    # A user's Python keeps what it compiled; and no proxy is asked for loopback.
    hidden = {"PYTHONDONTWRITEBYTECODE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"}
    plain = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(_STOPWATCH), str(_PATIENCE), *entry.command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**plain, **entry.environment},
        check=False,
    )
    last = done.stderr.rstrip().rpartition("\n")[2]
    if done.returncode:
        raise FailedError(f"{entry.name}: {_shown(last)}")
    accounts: dict[str, float] = json.loads(done.stdout)
    if accounts["exit"]:
        raise FailedError(f"{entry.name} ended with {accounts['exit']:.0f}: {_shown(last)}")
    told: dict[str, float] = json.loads(last) if last.startswith("{") else {}
    try:
        entry.check(told)
    except (OSError, ValueError) as error:
        raise FailedError(f"{entry.name}: {error}") from error
    return accounts, told


def _shown(line: str) -> str:
    """The words of a failed program, without the query of a URL, which would open it."""
    return re.sub(r"\?\S+", "?…", line)[:300]
