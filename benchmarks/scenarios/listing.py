"""A long listing from a GitHub that is far away."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._race import Entry, race
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    PEAK,
    WALL,
    Column,
    Result,
    Stage,
    named,
    ratio,
)
from benchmarks._servers import distant
from benchmarks.scenarios.large import OURS

LATENCY = 0.04

_LONG = 250_000


def play(stage: Stage) -> Result:
    """All pages."""
    count = stage.runs(10_000, 2_000)

    def check(told: Mapping[str, float]) -> None:
        if told["count"] != count:
            raise ValueError(f"{told['count']} came")

    with distant(count, 0, LATENCY) as url:

        def entry(name: str, client: str, *arguments: object) -> Entry:
            return Entry(
                name, stage.client(client, "listing", url, "token", *arguments), check=check
            )

        ours = entry(f"{OURS}, concurrency=32", "ours", 32)
        rows = stage.race(
            [
                (ours, ()),
                (entry(f"{OURS}, as it is", "ours", 8), ()),
                (entry("githubkit", "githubkit"), ["py:githubkit"]),
                (entry("gidgethub", "gidgethub"), ["py:gidgethub"]),
                (entry("PyGithub", "pygithub"), ["py:PyGithub"]),
                (entry("aiohttp, page by page", "recipe"), ["py:aiofiles"]),
            ],
            stage.runs(5),
        )
        profile = stage.profile(ours)
    if not stage.quick:
        with distant(_LONG, 0, 0.0) as url:
            long = stage.client("ours", "listing", url, "token", 8)
            rows += race([Entry(f"{OURS}, {_LONG:,} of them, no latency", long)], 1)
    figures = {"seconds": rows[0].median("call") or 0.0, "count": count}
    if (row := named(rows, "githubkit")) is not None:
        figures["githubkit"] = ratio(rows[0], row, "call")
    return Result(
        f"{count:,} artifacts listed, {LATENCY * 1e3:.0f} ms an answer",
        (WALL, CALL, CALL_RATIO, Column("grown MiB", "grown MiB", 1), CPU, PEAK),
        rows,
        figures,
        ["What memory has grown by is its peak over what it was before the first call."],
        profile,
    )
