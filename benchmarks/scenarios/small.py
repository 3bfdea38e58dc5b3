"""Download of many small artifacts, compared with the least time that the latency allows.

Each artifact needs an API call and a blob request, so the least time is
``count / concurrency * 2 * latency``. The artifacts are listed first, which is not measured.
"""

from __future__ import annotations

from benchmarks._comparison import Competitor, Role
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    WALL,
    Context,
    Result,
    remover,
    size_check,
)
from benchmarks._servers import latency_server

LATENCY = 0.04
CONCURRENCY = 32
SIZE = 2**16


def run_scenario(context: Context) -> Result:
    """Download all artifacts, 32 concurrently."""
    count, target = context.choose(1000, 320), context.directory / "small"
    floor = count / CONCURRENCY * 2 * LATENCY
    with latency_server(count, SIZE, LATENCY) as url:

        def entry(name: str, client: str, role: Role = "theirs") -> Competitor:
            command = context.client(client, "many", url, "token", target, CONCURRENCY)
            check = size_check(target, SIZE, count)
            verifies = role == "ours"
            return Competitor(name, command, role, remover(target), check, verifies=verifies)

        ours = entry(OURS, "ours", "ours")
        rows = context.compare(
            [
                (ours, ()),
                (entry("aiohttp and aiofiles", "recipe"), ["py:aiofiles"]),
                (entry("githubkit", "githubkit"), ["py:githubkit"]),
            ],
            context.choose(5),
        )
        profile = context.profile(ours)
    return Result(
        f"{count:,} artifacts of 64 KiB, {LATENCY * 1e3:.0f} ms latency, concurrency={CONCURRENCY}",
        (WALL, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        {"floor": (rows[0].median("call") or 0.0) / floor},
        [
            f"The latencies alone take {floor:.2f} s.",
            "This library verifies each artifact; the others do not.",
            "With GitHub's rate limits, which are off here, 1,000 calls take more than a minute.",
        ],
        profile,
    )
