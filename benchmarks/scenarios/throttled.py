"""A store that gives each connection 30 MB/s, as real ones do more or less."""

from __future__ import annotations

from benchmarks._programs import aria2c_to, curl_to
from benchmarks._race import Entry, Role
from benchmarks._scenario import (
    CALL,
    CPU,
    OURS,
    PEAK,
    RATIO,
    WALL,
    Result,
    Stage,
    figures,
    payload,
    remover,
    sized,
)
from benchmarks._servers import github

RATE = 30_000_000


def play(stage: Stage) -> Result:
    """Eight ranges beside one stream."""
    size = stage.runs(2**30, 2**26)
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    payload(source, size)
    with github(source, rate=RATE) as server:

        def entry(name: str, command: list[str], role: Role, most_runs: int) -> Entry:
            before, check = remover(target), sized(target, size)
            return Entry(name, command, role, before, check, most_runs=most_runs)

        def ours(connections: int) -> list[str]:
            arguments = (server.url, server.token, target, server.ca, connections)
            return stage.client("ours", "fetch", *arguments)

        eight = entry(f"{OURS}, connections=8", ours(8), "ours", 100)
        one = entry(f"{OURS}, connections=1", ours(1), "ours", 1)
        aria2c = entry("aria2c -x8", ["sh", "-c", aria2c_to(server, target, 8)], "theirs", 100)
        curl = entry("curl", ["sh", "-c", curl_to(server, target)], "theirs", 1)
        entries = [(eight, ()), (aria2c, ("aria2c", "curl")), (one, ()), (curl, ("curl",))]
        rows = stage.race(entries, stage.runs(5))
        profile = stage.profile(eight)
    least = size / (8 * RATE)
    return Result(
        f"{size / 2**30:g} GiB at {RATE / 1e6:.0f} MB/s a connection",
        (WALL, RATIO, CALL, CPU, PEAK),
        rows,
        figures(rows, "ratios", one=one.name, aria2c="aria2c -x8"),
        [f"Eight connections at that rate take {least:.2f} s, one {8 * least:.1f} s."],
        profile,
    )
