"""Peak memory of downloads from nginx: of one of any size, and of eight concurrent ones."""

from __future__ import annotations

import shutil

from benchmarks._comparison import Competitor, Row, measure_once
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
_CONCURRENT = 8


def run_scenario(context: Context) -> Result:
    """Download payloads of 64 MiB to 8 GiB. Skip those for which the directory has no room."""
    room = shutil.disk_usage(context.directory).free / 2**20
    sizes = _MIB[: context.choose(3, 2)]
    alone, rows = list[Row](), list[Row]()
    for mib in sizes:
        if room < 1.5 * mib:
            context.skipped.append(f"{mib:,} MiB: only {room:,.0f} MiB are free")
            continue
        for connections in (8,) if context.quick else (1, 4, 8):
            name = f"{OURS}, {mib:,} MiB, connections={connections}"
            alone.append(_measure(context, name, "fetch", mib, 1, "", connections))
    mib = context.choose(256, 32)
    if room >= 1.5 * mib * _CONCURRENT:
        name = f"{OURS}, {_CONCURRENT} × {mib} MiB, defaults"
        task = "download_concurrently"
        rows.append(_measure(context, name, task, mib, _CONCURRENT, _CONCURRENT))
    if not alone:
        raise SkippedError(f"only {room:,.0f} MiB are free")
    figures = {"eight MiB": rows[0].peak_mib[0]} if rows else {}
    if room >= 1.5 * sizes[-1]:
        figures["peak MiB"] = max(peak for row in alone for peak in row.peak_mib)
    return Result(
        "memory of one download by payload size, and of eight concurrent downloads",
        (PEAK, WALL, CPU),
        [*alone, *rows],
        figures,
    )


def _measure(
    context: Context, name: str, task: str, mib: int, files: int, *arguments: object
) -> Row:
    """Return the figures of one run that downloads a payload of `mib` MiB to `files` files."""
    source, target = context.directory / "source.zip", context.directory / "target.zip"
    with source.open("wb") as file:
        file.truncate(mib * 2**20)
    with github(source) as server:
        command = context.client("ours", task, server.url, server.token, target, *arguments)
        check = size_check(target, mib * 2**20, files)
        return measure_once(Competitor(name, command, "ours", remover(target), check))
