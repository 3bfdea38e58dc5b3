"""A bot that asks for the same artifact for weeks."""

from __future__ import annotations

from benchmarks._race import Entry, Role, alone
from benchmarks._scenario import CALL, CALL_RATIO, CPU, OURS, PEAK, Column, Result, Stage
from benchmarks._servers import distant


def play(stage: Stage) -> Result:
    """What has not changed costs nothing of GitHub's limits, and no memory."""
    count, few = stage.runs(50_000, 2_000), stage.runs(5_000, 300)
    with distant(1, 0, 0.0) as url:

        def entry(name: str, client: str, polls: int, role: Role = "theirs") -> Entry:
            command = stage.client(client, "polls", url, "token", polls)
            return Entry(f"{name}, {polls:,} polls", command, role)

        rows = stage.race(
            [
                (entry(OURS, "ours", few, "ours"), ()),
                (entry("gidgethub", "gidgethub", few), ["py:gidgethub"]),
                (entry("githubkit", "githubkit", few), ["py:githubkit"]),
            ],
            stage.runs(2),
        )
        rows.append(alone(entry(OURS, "ours", count)))
    return Result(
        f"{count:,} polls, all answered 304",
        (CALL, CALL_RATIO, Column("grown MiB", "grown MiB", 1), CPU, PEAK),
        rows,
        {"grown MiB": rows[-1].told["grown MiB"][0]},
        ["Memory is what it grew by behind the first tenth of the polls, which is not counted."],
    )
