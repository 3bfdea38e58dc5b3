"""Memory against size and connections, from nginx."""

from __future__ import annotations

import shutil

from benchmarks._race import Entry, alone
from benchmarks._scenario import CPU, OURS, PEAK, WALL, Result, SkippedError, Stage, remover, sized
from benchmarks._servers import github

_MIB = (64, 1024, 8192)


def play(stage: Stage) -> Result:
    """64 MiB to 8 GiB, as far as there is room."""
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    room = shutil.disk_usage(stage.directory).free / 2**20
    wanted = _MIB[: stage.runs(3, 2)]
    rows = []
    for mib in wanted:
        if room < 1.5 * mib:
            stage.skipped.append(f"{mib:,} MiB: there are {room:,.0f} MiB of room")
            continue
        with source.open("wb") as file:
            file.truncate(mib * 2**20)
        with github(source) as server:
            for connections in (8,) if stage.quick else (1, 4, 8):
                arguments = (server.url, server.token, target, server.ca, connections)
                command = stage.client("ours", "fetch", *arguments)
                name = f"{OURS}, {mib:,} MiB, connections={connections}"
                check = sized(target, mib * 2**20)
                rows.append(alone(Entry(name, command, "ours", remover(target), check)))
    if not rows:
        raise SkippedError(f"there are {room:,.0f} MiB of room")
    peak = max(peak for row in rows for peak in row.peak_mib)
    return Result(
        "memory against size",
        (PEAK, WALL, CPU),
        rows,
        {"peak MiB": peak} if room >= 1.5 * wanted[-1] else {},
        [server.note],
    )
