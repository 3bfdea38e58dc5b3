"""A long listing from a GitHub that is far away."""

from __future__ import annotations

from benchmarks._race import Entry, Figures, alone
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    WALL,
    Column,
    Result,
    Stage,
    figures,
)
from benchmarks._servers import distant

LATENCY = 0.04

_LONG = 250_000


def play(stage: Stage) -> Result:
    """All pages."""
    count = stage.runs(10_000, 2_000)

    def check(told: Figures) -> None:
        if told["count"] != count:
            raise ValueError(f"{told['count']} came")

    with distant(count, 0, LATENCY) as url:

        def command(client: str, *more: object) -> list[str]:
            return stage.client(client, "listing", url, "token", *more)

        ours = Entry(f"{OURS}, concurrency=32", command("ours", 32), "ours", check=check)
        rows = stage.race(
            [
                (ours, ()),
                (Entry(f"{OURS}, as it is", command("ours", 8), "ours", check=check), ()),
                (Entry("githubkit", command("githubkit"), check=check), ["py:githubkit"]),
                (Entry("gidgethub", command("gidgethub"), check=check), ["py:gidgethub"]),
                (Entry("PyGithub", command("pygithub"), check=check), ["py:PyGithub"]),
                (Entry("aiohttp, page by page", command("recipe"), check=check), ["py:aiofiles"]),
            ],
            stage.runs(5),
        )
        profile = stage.profile(ours)
    if not stage.quick:
        with distant(_LONG, 0, 0.0) as url:
            rows.append(alone(Entry(f"{OURS}, {_LONG:,} of them, no latency", command("ours", 8))))
    return Result(
        f"{count:,} artifacts listed, {LATENCY * 1e3:.0f} ms an answer",
        (WALL, CALL, CALL_RATIO, Column("grown MiB", "grown MiB", 1), CPU, PEAK),
        rows,
        {
            "seconds": rows[0].median("call") or 0.0,
            **figures(rows, "call_ratios", githubkit="githubkit"),
        },
        ["What memory has grown by is its peak over what it was before the first call."],
        profile,
    )
