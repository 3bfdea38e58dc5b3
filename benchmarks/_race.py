"""Competitors in child processes, one after another, A B A B …, after a warm-up.

What counts is the ratio of a run to ours of the same round: the machine's pace drifts, and strikes
both. A competitor's last line of output may be JSON, of what only it can know of itself: the
``seconds`` of the call alone, without the start of its interpreter and its imports, for instance.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from attrs import define, field, frozen

ROOT = Path(__file__).parents[1]

_STOPWATCH = Path(__file__).with_name("_stopwatch.py")
_PROXIES = ("all_proxy", "http_proxy", "https_proxy")

Figures: TypeAlias = Mapping[str, float]
Role: TypeAlias = Literal["ours", "theirs", "part"]


class FailedError(Exception):
    """A competitor ended with an error, or did not do what it was to."""


@frozen
class Entry:
    """One competitor.

    Attributes:
        name: Of its row.
        command: The program and its arguments.
        role: Whose it is; or part of what all of them do, to be seen beside them.
        before: Makes room for a run, and is not timed.
        check: Makes sure that a run did what it was for, given what it told; raises `OSError` or
            `ValueError`, or returns what else there is to tell.
        environment: Beside that of this process.
        most_runs: Counted runs at most, of one that is very slow.
        patience: Seconds that a run may take.
    """

    name: str
    command: Sequence[str]
    role: Role = "theirs"
    before: Callable[[], None] = lambda: None
    check: Callable[[Figures], Figures | None] = lambda _: None
    environment: Mapping[str, str] = field(factory=dict)
    most_runs: int = 100
    patience: float = 300.0


@define
class Row:
    """What was measured of a competitor, a figure of each counted run.

    Attributes:
        name: Of the competitor.
        role: As that of `Entry`.
        seconds: Of the whole process.
        cpu: Seconds of the processor, of the process and its children.
        peak_mib: Resident memory at most, of the largest process.
        told: What it told of itself, ``call`` being the seconds of the call alone.
        ratios: Its seconds over those of the first competitor, in the same round.
        call_ratios: The same of the calls alone.
    """

    name: str
    role: Role = "theirs"
    seconds: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)
    peak_mib: list[float] = field(factory=list)
    told: dict[str, list[float]] = field(factory=dict)
    ratios: list[float] = field(factory=list)
    call_ratios: list[float] = field(factory=list)

    def values(self, figure: str) -> list[float]:
        """One of the lists, or of something told by its name; empty where there is none."""
        values: list[float] = self.told.get(figure) or getattr(self, figure, [])
        return values

    def median(self, figure: str) -> float | None:
        """Of `values`, if there are any."""
        values = self.values(figure)
        return statistics.median(values) if values else None

    def count(self, accounts: Figures, told: Figures) -> None:
        """Take in a run."""
        self.seconds.append(accounts["seconds"])
        self.cpu.append(accounts["cpu"])
        self.peak_mib.append(accounts["peak_kib"] / 1024)
        for name, value in told.items():
            self.told.setdefault(name, []).append(value)


def race(entries: Sequence[Entry], runs: int, *, failed: list[str] | None = None) -> list[Row]:
    """Let them run, the first of them being who the others are compared with.

    Args:
        entries: Who takes part.
        runs: How many runs of each count.
        failed: Takes the words of competitors who cannot do it, and have no row.

    Raises:
        FailedError: Ours cannot do it, or one of theirs where nobody takes the words.
    """
    rows = {entry.name: Row(entry.name, entry.role) for entry in entries}
    for number in range(-1, runs):
        first: dict[str, float] = {}
        for entry in entries:
            if number >= entry.most_runs or entry.name not in rows:
                continue
            try:
                accounts, told = run(entry)
            except FailedError as error:
                if entry.role == "ours" or failed is None:
                    raise
                failed.append(str(error))
                del rows[entry.name]
                continue
            first = first or {"seconds": accounts["seconds"], "call": told.get("call", 0.0)}
            if number < 0:
                continue
            row = rows[entry.name]
            row.count(accounts, told)
            row.ratios.append(accounts["seconds"] / first["seconds"])
            if first["call"] and "call" in told:
                row.call_ratios.append(told["call"] / first["call"])
    return list(rows.values())


def alone(entry: Entry) -> Row:
    """What one run of its own kind takes, which is compared with nothing."""
    row = Row(entry.name, "part")
    row.count(*run(entry))
    return row


def run(entry: Entry) -> tuple[dict[str, float], dict[str, float]]:
    """One run: what the kernel accounts for it, and what it told."""
    entry.before()
    # A user's Python keeps what it compiled; and no proxy is asked for loopback.
    hidden = {"PYTHONDONTWRITEBYTECODE", *_PROXIES, *map(str.upper, _PROXIES)}
    plain = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_STOPWATCH), *entry.command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**plain, **entry.environment},
        start_new_session=True,
    )
    try:
        output, words = process.communicate(timeout=entry.patience)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{entry.name} took longer than {entry.patience:.0f} s") from None
    finally:
        # All of them, whatever ended the wait: a shell's child outlives the shell.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    last = words.rstrip().rpartition("\n")[2]
    try:
        accounts: dict[str, float] = json.loads(output)
        if accounts["exit"]:
            raise FailedError(f"{entry.name} ended with {accounts['exit']:.0f}: {_shown(last)}")
        told: dict[str, float] = json.loads(last) if last.startswith("{") else {}
        if "seconds" in told:
            told["call"] = told.pop("seconds")
        told.update(entry.check(told) or {})
    except (OSError, ValueError) as error:
        raise FailedError(f"{entry.name}: {error}; {_shown(last)}") from error
    return accounts, told


def _shown(line: str) -> str:
    """The words of a failed program, without the query of a URL, which would open it."""
    return re.sub(r"\?\S+", "?…", line)[:300]
