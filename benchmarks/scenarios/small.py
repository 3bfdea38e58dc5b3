"""Many small artifacts from far away: how near the floor that latency sets they come.

Each takes a call and a blob, so with so many at a time none can do it in less than
``count / at once * 2 * latency``. The listing is read beforehand, and not counted.
"""

from __future__ import annotations

from benchmarks._race import Entry, Role
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    WALL,
    Result,
    Stage,
    figures,
    remover,
    sized,
)
from benchmarks._servers import distant

LATENCY = 0.04
AT_ONCE = 32
SIZE = 2**16


def play(stage: Stage) -> Result:
    """All of them, 32 at once."""
    count, target = stage.runs(1000, 320), stage.directory / "small"
    floor = count / AT_ONCE * 2 * LATENCY
    with distant(count, SIZE, LATENCY) as url:

        def entry(name: str, client: str, role: Role = "theirs") -> Entry:
            command = stage.client(client, "many", url, "token", target, AT_ONCE)
            return Entry(name, command, role, remover(target), sized(target, SIZE, count))

        ours = entry(OURS, "ours", "ours")
        rows = stage.race(
            [
                (ours, ()),
                (entry("aiohttp and aiofiles", "recipe"), ["py:aiofiles"]),
                (entry("githubkit", "githubkit"), ["py:githubkit"]),
            ],
            stage.runs(5),
        )
        profile = stage.profile(ours)
    return Result(
        f"{count:,} artifacts of 64 KiB, {LATENCY * 1e3:.0f} ms an answer, {AT_ONCE} at once",
        (WALL, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        {
            "floor": (rows[0].median("call") or 0.0) / floor,
            **figures(rows, "call_ratios", githubkit="githubkit"),
        },
        [
            f"Latency alone is {floor:.2f} s. Ours verifies each; the others do not.",
            "With GitHub's limits, which are off here, a thousand calls take more than a minute.",
        ],
        profile,
    )
