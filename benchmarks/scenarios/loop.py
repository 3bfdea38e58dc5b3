"""How long the event loop is kept from others while eight downloads run."""

from __future__ import annotations

from benchmarks._race import Entry, Role
from benchmarks._scenario import (
    CALL,
    CPU,
    OURS,
    PEAK,
    WALL,
    Column,
    Result,
    Stage,
    payload,
    remover,
    sized,
)
from benchmarks._servers import github

AT_ONCE = 8


def play(stage: Stage) -> Result:
    """Every callback of the loop is timed."""
    size = stage.runs(2**28, 2**25)
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    payload(source, size)
    with github(source) as server:

        def entry(name: str, client: str, role: Role, most_runs: int, *more: object) -> Entry:
            arguments = (server.url, server.token, target, AT_ONCE, *more)
            command = stage.client(client, "side_by_side", *arguments)
            check = sized(target, size, AT_ONCE)
            return Entry(name, command, role, remover(target), check, most_runs=most_runs)

        ours = entry(OURS, "ours", "ours", 5)
        streamed = entry("githubkit, streamed", "githubkit", "theirs", 2, "stream")
        rows = stage.race(
            [
                (ours, ()),
                (entry("aiohttp and aiofiles", "recipe", "theirs", 5), ["py:aiofiles"]),
                (streamed, ["py:githubkit"]),
                (entry("githubkit", "githubkit", "theirs", 1), ["py:githubkit"]),
            ],
            stage.runs(5),
        )
        profile = stage.profile(ours)
    longest = Column("longest callback ms", "longest callback", 0, 1e3)
    return Result(
        f"{AT_ONCE} downloads of {size // 2**20} MiB at once",
        (longest, WALL, CALL, CPU, PEAK),
        rows,
        {"longest callback ms": max(rows[0].told["longest callback"]) * 1e3},
        [f"{server.note} The bar is held against the longest of all runs, the table has medians."],
        profile,
    )
