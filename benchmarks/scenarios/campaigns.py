"""The campaigns: what may go wrong does, at random and by seed."""

from __future__ import annotations

import sys

from benchmarks._race import Entry, Row, race
from benchmarks._scenario import CPU, WALL, Column, Result, Stage
from benchmarks.scenarios.large import OURS

SEED = 1


def faults(stage: Stage) -> Result:
    """Random schedules of faults; see `benchmarks.campaigns.faults`."""
    count = stage.runs(10_000, 200)
    command = [sys.executable, "-m", "benchmarks.campaigns.faults"]
    command += ["--schedules", str(count), "--seed", str(SEED), "--json"]
    rows = _once(f"{OURS}, {count:,} schedules", command)
    columns = [
        Column("failed", "failed", 0),
        Column("faults met", "faults", 0),
        Column("GB received", "received", 2, 1e-9),
        Column("GB resumed", "resumed", 2, 1e-9),
    ]
    failed = rows[0].median("failed")
    assert failed is not None
    return Result(
        f"random faults of stores and networks, seed {SEED}",
        (*columns, WALL, CPU),
        rows,
        {"failed": failed, "count": count},
        ["The final path is absent, as before, or exact; nothing is left; what may end well does."],
    )


def kills(stage: Stage) -> Result:
    """SIGKILL at random moments; see `benchmarks.campaigns.kills`."""
    count = stage.runs(200, 10)
    command = [sys.executable, "-m", "benchmarks.campaigns.kills"]
    command += ["--kills", str(count), "--seed", str(SEED), "--json"]
    rows = _once(f"{OURS}, {count} kills", command)
    columns = [
        Column("exact in the end", "artifacts", 0),
        Column("MiB again at most, a connection", "most_each", 2, 2**-20),
        Column("MiB again in all", "again", 1, 2**-20),
        Column("MiB received", "received", 0, 2**-20),
    ]
    most = rows[0].median("most_each")
    assert most is not None
    return Result(
        f"killed and gone on with, seed {SEED}",
        (*columns, WALL, CPU),
        rows,
        {"most": most / 2**20, "count": count},
    )


def _once(name: str, command: list[str]) -> list[Row]:
    return race([Entry(name, command)], 1, warm_up=False)
