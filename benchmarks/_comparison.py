"""Runs competitors alternately in child processes (A B A B …) after a warm-up.

The main figure is a competitor's time divided by this library's time in the same round: a change in
the machine's speed affects both, so it hardly affects the ratio. The last line that a competitor
prints may be JSON with figures that only the competitor can measure, such as the ``seconds`` that
the call took without interpreter startup and imports.
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
    """A competitor exited with an error, took too long, or did not do its task."""


@frozen
class Competitor:
    """A command to measure.

    Attributes:
        name: The name of the competitor in tables.
        command: The program and its arguments.
        role: ``ours`` if the command uses this library, ``theirs`` if it uses another program, or
            ``reference`` if it performs only a part of the task.
        before: Called to prepare each run. Its time is not measured.
        check: Called after each run with the figures that the competitor reported. It raises
            `OSError` or `ValueError` if the task was not done, and may return more figures.
        environment: Environment variables in addition to those of this process.
        most_runs: Maximum number of measured runs, to limit the time of slow commands.
        timeout: Seconds that a run may take.
        verifies: Whether the command verifies the digest of what it downloads; None if it
            downloads nothing.
        is_program: Whether the command needs no interpreter, so that ``call`` is its whole run.
    """

    name: str
    command: Sequence[str]
    role: Role = "theirs"
    before: Callable[[], None] = lambda: None
    check: Callable[[Figures], Figures | None] = lambda _: None
    environment: Mapping[str, str] = field(factory=dict)
    most_runs: int = 100
    timeout: float = 300.0
    verifies: bool | None = None
    is_program: bool = False


@define
class Row:
    """The figures of a competitor, with one value for each measured run.

    Attributes:
        name: The name of the competitor.
        role: The role of the competitor.
        verifies: Whether the competitor verifies what it downloads, as for `Competitor`.
        seconds: Seconds of the whole process.
        cpu: CPU seconds of the process and its children.
        peak_mib: Peak resident memory of the largest process, in MiB.
        reported: Figures that the competitor reported, by name. ``call`` is the time in seconds of
            the call without interpreter startup and imports.
        ratios: `seconds` divided by the `seconds` of the first competitor in the same round.
        call_ratios: ``call`` divided by the ``call`` of the first competitor in the same round.
        cpu_ratios: `cpu` divided by the `cpu` of the first competitor in the same round.
    """

    name: str
    role: Role = "theirs"
    verifies: bool | None = None
    seconds: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)
    peak_mib: list[float] = field(factory=list)
    reported: dict[str, list[float]] = field(factory=dict)
    ratios: list[float] = field(factory=list)
    call_ratios: list[float] = field(factory=list)
    cpu_ratios: list[float] = field(factory=list)

    def values(self, figure: str) -> list[float]:
        """Return the values of a reported figure or an attribute, or an empty list."""
        values: list[float] = self.reported.get(figure) or getattr(self, figure, [])
        return values

    def median(self, figure: str) -> float | None:
        """Return the median of the values of a figure, or None if it has no values."""
        values = self.values(figure)
        return statistics.median(values) if values else None

    def add(self, accounts: Figures, reported: Figures) -> None:
        """Add the figures of one run: those of the kernel and those that were reported."""
        self.seconds.append(accounts["seconds"])
        self.cpu.append(accounts["cpu"])
        self.peak_mib.append(accounts["peak_kib"] / 1024)
        for name, value in reported.items():
            self.reported.setdefault(name, []).append(value)


def compare(
    entries: Sequence[Competitor],
    runs: int,
    *,
    warm_up: bool = True,
    failed: list[str] | None = None,
) -> list[Row]:
    """Run the competitors alternately, and compare each with the first one.

    Args:
        entries: The competitors.
        runs: Number of measured runs of each competitor.
        warm_up: Whether each competitor runs once before it is measured.
        failed: List to which the error of each failed competitor is appended. A competitor that
            fails gets no row. By default, its error is raised.

    Raises:
        CompetitorError: This library failed, or another competitor failed and `failed` is None.
    """
    rows = {entry.name: Row(entry.name, entry.role, entry.verifies) for entry in entries}
    for number in range(-1 if warm_up else 0, runs):
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
            first = first or {"call": reported.get("call", 0.0), **accounts}
            if number < 0:
                continue
            row = rows[entry.name]
            row.add(accounts, reported)
            row.ratios.append(accounts["seconds"] / first["seconds"])
            if first["cpu"]:
                row.cpu_ratios.append(accounts["cpu"] / first["cpu"])
            if first["call"] and "call" in reported:
                row.call_ratios.append(reported["call"] / first["call"])
    return list(rows.values())


def measure_once(entry: Competitor) -> Row:
    """Return a row with the figures of a single run, which is compared with nothing."""
    row = Row(entry.name, "reference")
    row.add(*run(entry))
    return row


def run(entry: Competitor) -> tuple[dict[str, float], dict[str, float]]:
    """Run a competitor once. Return the figures of the kernel and those that were reported."""
    entry.before()
    # Let Python write bytecode, as on a user's machine, and use no proxy for requests to loopback.
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
                f"{entry.name} exited with status {accounts['exit']:.0f}: {_redacted(last)}"
            )
        reported: dict[str, float] = json.loads(last) if last.startswith("{") else {}
        if "seconds" in reported:
            reported["call"] = reported.pop("seconds")
        elif entry.is_program:
            reported["call"] = accounts["seconds"]
        reported.update(entry.check(reported) or {})
    except (OSError, ValueError) as error:
        raise CompetitorError(f"{entry.name}: {error}; {_redacted(last)}") from error
    return accounts, reported


def _redacted(line: str) -> str:
    """Remove the query strings of URLs from an error message: they may contain signatures."""
    return re.sub(r"\?\S+", "?…", line)[:300]
