"""Reading one member of a large archive without downloading the rest."""

from __future__ import annotations

import os
from shlex import quote

from benchmarks._comparison import Competitor, Figures
from benchmarks._programs import curl_command
from benchmarks._scenario import (
    CALL,
    CPU,
    OURS,
    PEAK,
    RATIO,
    WALL,
    Column,
    Context,
    Result,
    figures,
    remover,
)
from benchmarks._servers import github
from tests.archive.zip_writer import write_sparse_zip

LATENCY = 0.04


def run_scenario(context: Context) -> Result:
    """Read 100 KiB of 1 GiB from FakeGitHub, which counts requests and bytes."""
    size, expected = context.choose(2**30, 2**28), os.urandom(100 * 1024)
    source, target = context.directory / "huge.zip", context.directory / "member"
    archive = target.with_suffix(".zip")
    write_sparse_zip(source, size, expected)
    with github(source, nginx=False, latency=LATENCY) as server:

        def check(_: object) -> Figures:
            if target.read_bytes() != expected:
                raise ValueError("the member has the wrong content")
            counts = server.take_counts()
            return {"requests": counts["blob"], "KiB": counts["bytes"] / 1024}

        unzip = f"unzip -p {quote(str(archive))} report.bin > {quote(str(target))}"
        whole = ["sh", "-c", f"{curl_command(server, archive)} && {unzip}"]
        command = context.client("ours", "member", server.url, server.token, target)
        ours = Competitor(OURS, command, "ours", remover(target), check)
        theirs = Competitor("curl && unzip -p", whole, "theirs", remover(target), check)
        rows = context.compare([(ours, ()), (theirs, ["curl", "unzip"])], context.choose(3))
        profile = context.profile(ours)
    requests, moved = Column("requests", "requests", 0), Column("KiB received", "KiB", 0)
    return Result(
        f"one member of 100 KiB from an archive of {size / 2**30:g} GiB",
        (WALL, RATIO, requests, moved, CALL, CPU, PEAK),
        rows,
        {**figures(rows, "requests", requests=OURS), **figures(rows, "KiB", KiB=OURS)},
        [
            f"Requests and bytes are those of the blob store, with {LATENCY * 1e3:.0f} ms latency.",
            server.note,
        ],
        profile,
    )
