"""One member of a big archive, without the rest of it."""

from __future__ import annotations

import os
from shlex import quote

from benchmarks._programs import curl_to
from benchmarks._race import Entry, Figures
from benchmarks._scenario import (
    CALL,
    CPU,
    OURS,
    PEAK,
    RATIO,
    WALL,
    Column,
    Result,
    Stage,
    figures,
    remover,
)
from benchmarks._servers import github
from tests.archive.zip_writer import write_sparse_zip

LATENCY = 0.04


def play(stage: Stage) -> Result:
    """100 KiB of 1 GiB, from FakeGitHub, which counts."""
    size, expected = stage.runs(2**30, 2**28), os.urandom(100 * 1024)
    source, target = stage.directory / "huge.zip", stage.directory / "member"
    archive = target.with_suffix(".zip")
    write_sparse_zip(source, size, expected)
    with github(source, nginx=False, latency=LATENCY) as server:

        def check(_: object) -> Figures:
            if target.read_bytes() != expected:
                raise ValueError("other bytes came")
            asked = server.asked()
            return {"requests": asked["blob"], "KiB": asked["bytes"] / 1024}

        unzip = f"unzip -p {quote(str(archive))} report.bin > {quote(str(target))}"
        whole = ["sh", "-c", f"{curl_to(server, archive)} && {unzip}"]
        command = stage.client("ours", "member", server.url, server.token, target)
        ours = Entry(OURS, command, "ours", remover(target), check)
        theirs = Entry("curl && unzip -p", whole, "theirs", remover(target), check)
        rows = stage.race([(ours, ()), (theirs, ["curl", "unzip"])], stage.runs(3))
        profile = stage.profile(ours)
    requests, moved = Column("requests", "requests", 0), Column("KiB moved", "KiB", 0)
    return Result(
        f"one member of 100 KiB of an archive of {size / 2**30:g} GiB",
        (WALL, RATIO, requests, moved, CALL, CPU, PEAK),
        rows,
        {**figures(rows, "requests", requests=OURS), **figures(rows, "KiB", KiB=OURS)},
        [f"Requests and bytes are the store's, {LATENCY * 1e3:.0f} ms an answer. {server.note}"],
        profile,
    )
