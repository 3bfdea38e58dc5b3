"""How long the event loop is kept from others while eight downloads run."""

from __future__ import annotations

from benchmarks._race import Entry
from benchmarks._scenario import CALL, CPU, PEAK, WALL, Column, Result, Stage, remover
from benchmarks._servers import github
from benchmarks.scenarios.large import OURS, payload

AT_ONCE = 8


def play(stage: Stage) -> Result:
    """Every callback of the loop is timed."""
    size = stage.runs(2**28, 2**25)
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    payload(source, size)
    with github(source) as server:

        def entry(name: str, client: str) -> Entry:
            arguments = (server.url, server.token, target, AT_ONCE)
            return Entry(name, stage.client(client, "side_by_side", *arguments), remover(target))

        rows = stage.race(
            [
                (entry(OURS, "ours"), ()),
                (entry("aiohttp and aiofiles", "recipe"), ["py:aiofiles"]),
                (entry("githubkit", "githubkit"), ["py:githubkit"]),
            ],
            stage.runs(5),
        )
    source.unlink()
    remover(target)()
    longest = Column("longest callback ms", "longest callback", 0, 1e3)
    return Result(
        f"{AT_ONCE} downloads of {size // 2**20} MiB at once",
        (longest, WALL, CALL, CPU, PEAK),
        rows,
        {"longest callback ms": max(rows[0].told["longest callback"]) * 1e3},
    )
