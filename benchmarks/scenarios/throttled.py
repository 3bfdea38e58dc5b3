"""A store that gives each connection 30 MB/s, as real ones do more or less."""

from __future__ import annotations

from benchmarks._programs import aria2c_to, curl_to
from benchmarks._race import Entry
from benchmarks._scenario import (
    CALL,
    CPU,
    PEAK,
    RATIO,
    WALL,
    Result,
    Stage,
    named,
    ratio,
    remover,
)
from benchmarks._servers import github
from benchmarks.scenarios.large import OURS, payload

RATE = 30_000_000


def play(stage: Stage) -> Result:
    """Eight ranges beside one stream."""
    size = stage.runs(2**30, 2**26)
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    payload(source, size)
    with github(source, rate=RATE) as server:
        before, arguments = remover(target), (server.url, server.token, target, server.ca)

        def ours(connections: int) -> list[str]:
            return stage.client("ours", "fetch", *arguments, connections)

        one = f"{OURS}, 1 connection"
        aria2c = ["sh", "-c", aria2c_to(server, target, 8)]
        rows = stage.race(
            [
                (Entry(f"{OURS}, 8 connections", ours(8), before), ()),
                (Entry("aria2c -x8", aria2c, before), ["aria2c", "curl"]),
                (Entry(one, ours(1), before, most_runs=1), ()),
                (Entry("curl", ["sh", "-c", curl_to(server, target)], before, most_runs=1),
                 ["curl"]),
            ],
            stage.runs(3),
        )  # fmt: skip
    source.unlink()
    before()
    figures = {}
    for name, key in ((one, "one stream"), ("curl", "curl"), ("aria2c -x8", "aria2c")):
        if (row := named(rows, name)) is not None:
            figures[key] = ratio(rows[0], row)
            if row.told:
                figures[f"{key}, call"] = ratio(rows[0], row, "call")
    least = size / (8 * RATE)
    return Result(
        f"{size / 2**30:g} GiB at {RATE / 1e6:.0f} MB/s a connection",
        (WALL, RATIO, CALL, CPU, PEAK),
        rows,
        figures,
        [f"Eight connections at that rate take {least:.2f} s, one {8 * least:.1f} s."],
    )
