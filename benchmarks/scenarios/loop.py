"""How long the callbacks of eight concurrent downloads block the event loop."""

from __future__ import annotations

from benchmarks._comparison import Competitor, Role
from benchmarks._scenario import (
    CALL,
    CPU,
    OURS,
    PEAK,
    WALL,
    Column,
    Context,
    Result,
    payload,
    remover,
    size_check,
)
from benchmarks._servers import github

CONCURRENCY = 8


def run_scenario(context: Context) -> Result:
    """Time every callback of the event loop."""
    size = context.choose(2**28, 2**25)
    source, target = context.directory / "source.zip", context.directory / "target.zip"
    payload(source, size)
    with github(source) as server:

        def entry(name: str, client: str, role: Role, most_runs: int, *more: object) -> Competitor:
            arguments = (server.url, server.token, target, CONCURRENCY, *more)
            command = context.client(client, "download_concurrently", *arguments)
            check = size_check(target, size, CONCURRENCY)
            return Competitor(name, command, role, remover(target), check, most_runs=most_runs)

        ours = entry(OURS, "ours", "ours", 5)
        streamed = entry("githubkit, streamed", "githubkit", "theirs", 2, "stream")
        rows = context.compare(
            [
                (ours, ()),
                (entry("aiohttp and aiofiles", "recipe", "theirs", 5), ["py:aiofiles"]),
                (streamed, ["py:githubkit"]),
                (entry("githubkit", "githubkit", "theirs", 1), ["py:githubkit"]),
            ],
            context.choose(5),
        )
        profile = context.profile(ours)
    longest = Column("longest callback ms", "longest callback", 0, 1e3)
    return Result(
        f"{CONCURRENCY} concurrent downloads of {size // 2**20} MiB",
        (longest, WALL, CALL, CPU, PEAK),
        rows,
        {"longest callback ms": max(rows[0].reported["longest callback"]) * 1e3},
        [server.note, "The target limits the longest callback of all runs. The table has medians."],
        profile,
    )
