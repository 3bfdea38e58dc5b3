"""Polling of the same artifact, as a bot does for weeks."""

from __future__ import annotations

from benchmarks._comparison import Competitor, Role, measure_once
from benchmarks._scenario import CALL, CALL_RATIO, CPU, OURS, PEAK, Column, Context, Result
from benchmarks._servers import latency_server


def run_scenario(context: Context) -> Result:
    """Poll an unchanged artifact. The responses are 304, and memory must not grow."""
    count, few = context.choose(50_000, 2_000), context.choose(5_000, 300)
    with latency_server(1, 0, 0.0) as url:

        def entry(name: str, client: str, polls: int, role: Role = "theirs") -> Competitor:
            command = context.client(client, "polls", url, "token", polls)
            return Competitor(f"{name}, {polls:,} polls", command, role)

        rows = context.compare(
            [
                (entry(OURS, "ours", few, "ours"), ()),
                (entry("gidgethub", "gidgethub", few), ["py:gidgethub"]),
                (entry("githubkit", "githubkit", few), ["py:githubkit"]),
            ],
            context.choose(2),
        )
        rows.append(measure_once(entry(OURS, "ours", count)))
    return Result(
        f"{count:,} polls, all answered 304",
        (CALL, CALL_RATIO, Column("grown MiB", "grown MiB", 1), CPU, PEAK),
        rows,
        {"grown MiB": rows[-1].reported["grown MiB"][0]},
        ["`grown MiB` is the memory growth after a warm-up with a tenth of the polls."],
    )
