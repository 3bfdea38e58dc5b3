"""Download from a store that limits each connection to 30 MB/s, much like real blob stores."""

from __future__ import annotations

from benchmarks._comparison import Competitor, Role
from benchmarks._programs import aria2c_command, curl_command
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    WALL,
    Context,
    Result,
    figures,
    payload,
    remover,
    size_check,
)
from benchmarks._servers import github

RATE = 30_000_000


def run_scenario(context: Context) -> Result:
    """Compare downloads over eight connections with downloads over one."""
    size = context.choose(2**30, 2**26)
    source, target = context.directory / "source.zip", context.directory / "target.zip"
    payload(source, size)
    with github(source, rate=RATE) as server:

        def entry(name: str, command: list[str], role: Role, most_runs: int) -> Competitor:
            before, check = remover(target), size_check(target, size)
            return Competitor(
                name,
                command,
                role,
                before,
                check,
                most_runs=most_runs,
                verifies=role == "ours",
                is_program=role == "theirs",
            )

        def ours(connections: int) -> list[str]:
            arguments = (server.url, server.token, target, server.ca, connections)
            return context.client("ours", "fetch", *arguments)

        eight = entry(f"{OURS}, connections=8", ours(8), "ours", 100)
        one = entry(f"{OURS}, connections=1", ours(1), "ours", 1)
        aria2c = entry("aria2c -x8", ["sh", "-c", aria2c_command(server, target, 8)], "theirs", 100)
        curl = entry("curl", ["sh", "-c", curl_command(server, target)], "theirs", 1)
        entries = [(eight, ()), (aria2c, ("aria2c", "curl")), (one, ()), (curl, ("curl",))]
        rows = context.compare(entries, context.choose(5))
        profile = context.profile(eight)
    least = size / (8 * RATE)
    return Result(
        f"{size / 2**30:g} GiB at {RATE / 1e6:.0f} MB/s per connection",
        (WALL, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        figures(rows, "call_ratios", one=one.name, aria2c="aria2c -x8"),
        [f"At this rate, eight connections take {least:.2f} s, and one takes {8 * least:.1f} s."],
        profile,
    )
