"""Runs competitors alternately in child processes (A B A B …) after a warm-up.

The main figure is the ratio of a run to this library's run in the same round, because changes in
the machine's speed affect both. The last line of a competitor's output may be JSON with figures
that only it can measure, such as the ``seconds`` of the call alone, without the start of its
interpreter and its imports.
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
Role: TypeAlias = Literal["ours", "theirs", "reference"]


class CompetitorError(Exception):
    """A competitor exited with an error, or did not do its task."""


@frozen
class Competitor:
    """A command to measure.

    Attributes:
        name: The name of its row.
        command: The program and its arguments.
        role: Whether it uses this library (``ours``), another program (``theirs``), or measures
            only a part of the task, for reference.
        before: Prepares a run. Not timed.
        check: Checks that a run has done its task. It gets the reported figures, raises `OSError`
            or `ValueError` on failure, and may return more figures.
        environment: Environment variables in addition to those of this process.
        most_runs: Largest number of measured runs, for slow commands.
        timeout: Seconds that a run may take.
    """

    name: str
    command: Sequence[str]
    role: Role = "theirs"
    before: Callable[[], None] = lambda: None
    check: Callable[[Figures], Figures | None] = lambda _: None
    environment: Mapping[str, str] = field(factory=dict)
    most_runs: int = 100
    timeout: float = 300.0


@define
class Row:
    """The figures of a competitor, with one value for each measured run.

    Attributes:
        name: The name of the competitor.
        role: The role of the competitor.
        seconds: Seconds of the whole process.
        cpu: CPU seconds of the process and its children.
        peak_mib: Peak resident memory of the largest process, in MiB.
        reported: Figures that it reported, where ``call`` is the seconds of the call alone.
        ratios: `seconds` divided by those of the first competitor in the same round.
        call_ratios: The same for the call alone.
    """

    name: str
    role: Role = "theirs"
    seconds: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)
    peak_mib: list[float] = field(factory=list)
    reported: dict[str, list[float]] = field(factory=dict)
    ratios: list[float] = field(factory=list)
    call_ratios: list[float] = field(factory=list)

    def values(self, figure: str) -> list[float]:
        """Return the values of an attribute or of a reported figure, or an empty list."""
        values: list[float] = self.reported.get(figure) or getattr(self, figure, [])
        return values

    def median(self, figure: str) -> float | None:
        """Return the median of `values`, or None if there are none."""
        values = self.values(figure)
        return statistics.median(values) if values else None

    def add(self, accounts: Figures, reported: Figures) -> None:
        """Add the figures of a run."""
        self.seconds.append(accounts["seconds"])
        self.cpu.append(accounts["cpu"])
        self.peak_mib.append(accounts["peak_kib"] / 1024)
        for name, value in reported.items():
            self.reported.setdefault(name, []).append(value)


def compare(
    entries: Sequence[Competitor], runs: int, *, failed: list[str] | None = None
) -> list[Row]:
    """Run the competitors alternately. The ratios are relative to the first one.

    Args:
        entries: The competitors.
        runs: Number of measured runs of each.
        failed: List to which the errors of failed competitors are appended. They get no row.

    Raises:
        CompetitorError: This library failed, or another competitor failed and `failed` is None.
    """
    rows = {entry.name: Row(entry.name, entry.role) for entry in entries}
    for number in range(-1, runs):
        first: dict[str, float] = {}
        for entry in entries:
            if number >= entry.most_runs or entry.name not in rows:
                continue
            try:
                accounts, reported = run(entry)
            except CompetitorError as error:
                if entry.role == "ours" or failed is None:
                    raise
                failed.append(str(error))
                del rows[entry.name]
                continue
            first = first or {"seconds": accounts["seconds"], "call": reported.get("call", 0.0)}
            if number < 0:
                continue
            row = rows[entry.name]
            row.add(accounts, reported)
            row.ratios.append(accounts["seconds"] / first["seconds"])
            if first["call"] and "call" in reported:
                row.call_ratios.append(reported["call"] / first["call"])
    return list(rows.values())


def measure_once(entry: Competitor) -> Row:
    """Measure a single run without comparing it."""
    row = Row(entry.name, "reference")
    row.add(*run(entry))
    return row


def run(entry: Competitor) -> tuple[dict[str, float], dict[str, float]]:
    """Run a competitor once and return the kernel's figures and the reported figures."""
    entry.before()
    # Let Python write its bytecode cache, as on a user's machine, and use no proxy for loopback.
    hidden = {"PYTHONDONTWRITEBYTECODE", *_PROXIES, *map(str.upper, _PROXIES)}
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_STOPWATCH), *entry.command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**inherited, **entry.environment},
        start_new_session=True,
    )
    try:
        output, messages = process.communicate(timeout=entry.timeout)
    except subprocess.TimeoutExpired:
        raise CompetitorError(f"{entry.name} took longer than {entry.timeout:.0f} s") from None
    finally:
        # Kill the whole process group, because the child of a shell outlives the shell.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    last = messages.rstrip().rpartition("\n")[2]
    try:
        accounts: dict[str, float] = json.loads(output)
        if accounts["exit"]:
            raise CompetitorError(
                f"{entry.name} ended with {accounts['exit']:.0f}: {_redacted(last)}"
            )
        reported: dict[str, float] = json.loads(last) if last.startswith("{") else {}
        if "seconds" in reported:
            reported["call"] = reported.pop("seconds")
        reported.update(entry.check(reported) or {})
    except (OSError, ValueError) as error:
        raise CompetitorError(f"{entry.name}: {error}; {_redacted(last)}") from error
    return accounts, reported


def _redacted(line: str) -> str:
    """Return an error message without the queries of URLs, which may be signatures."""
    return re.sub(r"\?\S+", "?…", line)[:300]
