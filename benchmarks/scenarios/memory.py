"""Memory against size and connections, from nginx."""

from __future__ import annotations

import os

from benchmarks._race import Entry
from benchmarks._scenario import CPU, PEAK, WALL, Result, Stage, remover
from benchmarks._servers import github
from benchmarks.scenarios.large import OURS

_MIB = (64, 1024, 8192)


def play(stage: Stage) -> Result:
    """64 MiB to 8 GiB, as far as there is room."""
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    status = os.statvfs(stage.directory)
    room = status.f_bavail * status.f_frsize / 2**20
    sizes = [mib for mib in _MIB[: stage.runs(3, 2)] if 1.5 * mib < room]
    rows = []
    for mib in sizes:
        with source.open("wb") as file:
            file.truncate(mib * 2**20)
        with github(source) as server:
            entries: list[tuple[Entry, list[str]]] = []
            for connections in (8,) if stage.quick else (1, 4, 8):
                arguments = (server.url, server.token, target, server.ca, connections)
                command = stage.client("ours", "fetch", *arguments)
                name = f"{OURS}, {mib:,} MiB, {connections} connections"
                entries.append((Entry(name, command, remover(target)), []))
            rows += stage.race(entries, 1)
        source.unlink()
    remover(target)()
    peaks = [peak for row in rows for peak in row.peak_mib]
    return Result(
        "memory against size",
        (PEAK, WALL, CPU),
        rows,
        {"peak MiB": max(peaks), "MiB": max(sizes)},
    )
