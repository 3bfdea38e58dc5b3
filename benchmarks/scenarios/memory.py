"""Peak memory of downloads from nginx, by payload size and number of connections."""

from __future__ import annotations

import shutil

from benchmarks._comparison import Competitor, measure_once
from benchmarks._scenario import (
    CPU,
    OURS,
    PEAK,
    WALL,
    Context,
    Result,
    SkippedError,
    remover,
    size_check,
)
from benchmarks._servers import github

_MIB = (64, 1024, 8192)


def run_scenario(context: Context) -> Result:
    """Download payloads of 64 MiB to 8 GiB. Skip those for which the directory has no room."""
    source, target = context.directory / "source.zip", context.directory / "target.zip"
    room = shutil.disk_usage(context.directory).free / 2**20
    sizes = _MIB[: context.choose(3, 2)]
    rows = []
    for mib in sizes:
        if room < 1.5 * mib:
            context.skipped.append(f"{mib:,} MiB: only {room:,.0f} MiB are free")
            continue
        with source.open("wb") as file:
            file.truncate(mib * 2**20)
        with github(source) as server:
            for connections in (8,) if context.quick else (1, 4, 8):
                arguments = (server.url, server.token, target, server.ca, connections)
                command = context.client("ours", "fetch", *arguments)
                name = f"{OURS}, {mib:,} MiB, connections={connections}"
                check = size_check(target, mib * 2**20)
                rows.append(measure_once(Competitor(name, command, "ours", remover(target), check)))
    if not rows:
        raise SkippedError(f"only {room:,.0f} MiB are free")
    peak = max(peak for row in rows for peak in row.peak_mib)
    return Result(
        "memory by payload size",
        (PEAK, WALL, CPU),
        rows,
        {"peak MiB": peak} if room >= 1.5 * sizes[-1] else {},
        [server.note],
    )
