"""A long listing from a server with latency."""

from __future__ import annotations

from benchmarks._comparison import Competitor, Figures, measure_once
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    WALL,
    Column,
    Context,
    Result,
    figures,
)
from benchmarks._servers import latency_server

LATENCY = 0.04

_LONG = 250_000
_PAGE_BY_PAGE = "aiohttp, page by page"


def run_scenario(context: Context) -> Result:
    """List all artifacts of a repository."""
    count = context.choose(10_000, 2_000)

    def check(reported: Figures) -> None:
        if reported["count"] != count:
            raise ValueError(f"{reported['count']} of {count} artifacts were listed")

    with latency_server(count, 0, LATENCY) as url:

        def command(client: str, *more: object) -> list[str]:
            return context.client(client, "listing", url, "token", *more)

        ours = Competitor(f"{OURS}, defaults", command("ours"), "ours", check=check)
        most = Competitor(f"{OURS}, concurrency=32", command("ours", 32), "ours", check=check)
        rows = context.compare(
            [
                (ours, ()),
                (most, ()),
                (Competitor("githubkit", command("githubkit"), check=check), ["py:githubkit"]),
                (Competitor("gidgethub", command("gidgethub"), check=check), ["py:gidgethub"]),
                (Competitor("PyGithub", command("pygithub"), check=check), ["py:PyGithub"]),
                (
                    Competitor(_PAGE_BY_PAGE, command("recipe"), check=check),
                    ["py:aiofiles"],
                ),
            ],
            context.choose(5),
        )
        profile = context.profile(ours)
    if not context.quick:
        with latency_server(_LONG, 0, 0.0) as url:
            rows.append(
                measure_once(
                    Competitor(f"{OURS}, {_LONG:,} artifacts, no latency", command("ours"))
                )
            )
    return Result(
        f"{count:,} artifacts listed, {LATENCY * 1e3:.0f} ms latency",
        (WALL, CALL, CALL_RATIO, Column("grown MiB", "grown MiB", 1), CPU, PEAK),
        rows,
        figures(rows, "call_ratios", pages=_PAGE_BY_PAGE),
        ["`grown MiB` is the peak memory minus the memory before the first call."],
        profile,
    )
