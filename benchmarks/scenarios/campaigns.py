"""Scenarios that run a campaign of `benchmarks.campaigns` with a fixed seed."""

from __future__ import annotations

import sys

from benchmarks._comparison import Competitor, Row, measure_once
from benchmarks._scenario import CPU, OURS, WALL, Column, Context, Result, figures

SEED = 1


def faults(context: Context) -> Result:
    """Run random fault schedules (see `benchmarks.campaigns.faults`)."""
    count = context.choose(10_000, 50)
    row = _campaign("faults", "schedules", count)
    columns = (
        Column("broken promises", "failed", 0),
        Column("faults injected", "faults", 0),
        Column("GB received", "received", 2, 1e-9),
        Column("GB resumed", "resumed", 2, 1e-9),
        WALL,
        CPU,
    )
    return Result(
        f"random faults of the store and the network, seed {SEED}",
        columns,
        [row],
        figures([row], "failed", broken=row.name),
        [
            "After each run, the target is absent, unchanged or exact, and nothing leaks.",
            "A run whose faults are all transient succeeds.",
        ],
    )


def kills(context: Context) -> Result:
    """Kill downloads at random moments (see `benchmarks.campaigns.kills`)."""
    count = context.choose(200, 4)
    row = _campaign("kills", "kills", count)
    columns = (
        Column("exact artifacts", "artifacts", 0),
        Column("max. MiB fetched again per connection", "most_each", 2, 2**-20),
        Column("MiB fetched again", "again", 1, 2**-20),
        Column("MiB received", "received", 0, 2**-20),
        WALL,
        CPU,
    )
    return Result(
        f"downloads killed and resumed, seed {SEED}",
        columns,
        [row],
        {"broken": 0.0},
        ["A broken promise ends the campaign with an error."],
    )


def _campaign(name: str, what: str, count: int) -> Row:
    command = [sys.executable, "-m", f"benchmarks.campaigns.{name}", f"--{what}", str(count)]
    command += ["--seed", str(SEED), "--json"]
    return measure_once(Competitor(f"{OURS}, {count:,} {what}", command, "ours", timeout=3600))
