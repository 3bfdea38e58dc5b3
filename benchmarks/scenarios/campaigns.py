"""The campaigns: what may go wrong does, at random and by seed."""

from __future__ import annotations

import sys

from benchmarks._race import Entry, Row, alone
from benchmarks._scenario import CPU, OURS, WALL, Column, Result, Stage, figures

SEED = 1


def faults(stage: Stage) -> Result:
    """Random schedules of faults; see `benchmarks.campaigns.faults`."""
    count = stage.runs(10_000, 200)
    row = _campaign("faults", "schedules", count)
    columns = (
        Column("broken", "failed", 0),
        Column("faults met", "faults", 0),
        Column("GB received", "received", 2, 1e-9),
        Column("GB resumed", "resumed", 2, 1e-9),
        WALL,
        CPU,
    )
    return Result(
        f"random faults of stores and networks, seed {SEED}",
        columns,
        [row],
        figures([row], "failed", broken=row.name),
        ["The final path is absent, as before, or exact; nothing is left; what may end well does."],
    )


def kills(stage: Stage) -> Result:
    """SIGKILL at random moments; see `benchmarks.campaigns.kills`."""
    count = stage.runs(200, 10)
    row = _campaign("kills", "kills", count)
    columns = (
        Column("exact in the end", "artifacts", 0),
        Column("MiB again at most, a connection", "most_each", 2, 2**-20),
        Column("MiB again in all", "again", 1, 2**-20),
        Column("MiB received", "received", 0, 2**-20),
        WALL,
        CPU,
    )
    return Result(
        f"killed and gone on with, seed {SEED}",
        columns,
        [row],
        figures([row], "most_each", most=row.name),
    )


def _campaign(name: str, what: str, count: int) -> Row:
    command = [sys.executable, "-m", f"benchmarks.campaigns.{name}", f"--{what}", str(count)]
    command += ["--seed", str(SEED), "--json"]
    return alone(Entry(f"{OURS}, {count:,} {what}", command, "ours", patience=3600))
