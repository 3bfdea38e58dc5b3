"""Many small artifacts from far away: how near the floor that latency sets they come.

Each takes a call and a blob, so with so many at a time none can do it in less than
``count / at once * 2 * latency``. The listing is read beforehand, and not counted.
"""

from __future__ import annotations

from benchmarks._race import Entry
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    PEAK,
    WALL,
    Result,
    Stage,
    named,
    ratio,
    remover,
)
from benchmarks._servers import distant
from benchmarks.scenarios.large import OURS

LATENCY = 0.04
AT_ONCE = 32


def play(stage: Stage) -> Result:
    """All of them, 32 at once."""
    count, target = stage.runs(1000, 320), stage.directory / "small"
    floor = -(-count // AT_ONCE) * 2 * LATENCY

    def check(_: object) -> None:
        if len(list(target.iterdir())) != count:
            raise ValueError("some are missing")

    with distant(count, 2**16, LATENCY) as url:

        def entry(name: str, client: str) -> Entry:
            command = stage.client(client, "many", url, "token", target, AT_ONCE)
            return Entry(name, command, remover(target), check)

        ours = entry(OURS, "ours")
        rows = stage.race(
            [
                (ours, ()),
                (entry("aiohttp and aiofiles", "recipe"), ["py:aiofiles"]),
                (entry("githubkit", "githubkit"), ["py:githubkit"]),
            ],
            stage.runs(7),
        )
        profile = stage.profile(ours)
    remover(target)()
    figures = {"floor": (rows[0].median("call") or 0.0) / floor}
    if (row := named(rows, "githubkit")) is not None:
        figures["githubkit"] = ratio(rows[0], row, "call")
    return Result(
        f"{count:,} artifacts of 64 KiB, {LATENCY * 1e3:.0f} ms an answer, {AT_ONCE} at once",
        (WALL, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        figures,
        [f"Latency alone is {floor:.2f} s. Ours verifies each; the others do not."],
        profile,
    )
