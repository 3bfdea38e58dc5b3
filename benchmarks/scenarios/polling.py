"""A bot that asks for the same artifact for weeks."""

from __future__ import annotations

from benchmarks._race import Entry
from benchmarks._scenario import CALL, CALL_RATIO, CPU, PEAK, Column, Result, Stage
from benchmarks._servers import distant
from benchmarks.scenarios.large import OURS


def play(stage: Stage) -> Result:
    """What has not changed costs nothing of GitHub's limits, and no memory."""
    count, few = stage.runs(50_000, 2_000), stage.runs(5_000, 300)
    with distant(1, 0, 0.0) as url:

        def entry(name: str, client: str, polls: int) -> Entry:
            return Entry(name, stage.client(client, "polls", url, "token", polls))

        rows = stage.race(
            [
                (entry(f"{OURS}, {few:,} polls", "ours", few), ()),
                (entry(f"gidgethub, {few:,} polls", "gidgethub", few), ["py:gidgethub"]),
                (entry(f"githubkit, {few:,} polls", "githubkit", few), ["py:githubkit"]),
            ],
            stage.runs(3),
        )
        long = Entry(f"{OURS}, {count:,} polls", stage.client("ours", "polls", url, "token", count))
        rows += stage.race([(long, ())], 1)
    grown = Column("grown MiB", "grown MiB", 1)
    return Result(
        f"{count:,} polls, all answered 304",
        (CALL, CALL_RATIO, grown, CPU, PEAK),
        rows,
        {"grown MiB": rows[-1].told["grown MiB"][0], "count": count},
        ["Memory is resident memory behind the first tenth of the polls, which is not counted."],
    )
