"""One member of a big archive, without the rest of it."""

from __future__ import annotations

import os

from benchmarks._programs import curl_to
from benchmarks._race import Entry
from benchmarks._scenario import CALL, CPU, PEAK, RATIO, WALL, Column, Result, Stage, remover
from benchmarks._servers import GitHub, github
from benchmarks.scenarios.large import OURS
from tests.forge import write_huge


def play(stage: Stage) -> Result:
    """100 KiB of 1 GiB, from FakeGitHub, which counts."""
    size, expected = stage.runs(2**30, 2**28), os.urandom(100 * 1024)
    source, target = stage.directory / "huge.zip", stage.directory / "member"
    write_huge(source, size, expected)
    moved: dict[str, list[int]] = {"requests": [], "bytes": []}

    def check(_: object) -> None:
        if target.read_bytes() != expected:
            raise ValueError("other bytes came")

    with github(source, nginx=False) as server:
        ours = stage.client("ours", "member", server.url, server.token, target)
        rows = stage.race(
            [
                (Entry(OURS, ours, remover(target), check), ()),
                (Entry("curl && unzip -p", _whole(server, stage), remover(target), check),
                 ["curl", "unzip"]),
            ],
            stage.runs(3),
        )  # fmt: skip
        for row, runner in zip(rows, (ours, _whole(server, stage)), strict=False):
            server.asked()
            stage.race([(Entry(row.name, runner, remover(target), check), ())], 0)
            asked = server.asked()
            row.told["blob requests"] = [asked["blob"]]
            row.told["KiB moved"] = [asked["bytes"] / 1024]
            moved["requests"].append(asked["blob"])
            moved["bytes"].append(asked["bytes"])
    source.unlink()
    remover(target)()
    requests, kib = Column("requests", "blob requests", 0), Column("KiB moved", "KiB moved", 0)
    return Result(
        f"one member of 100 KiB of an archive of {size / 2**30:g} GiB",
        (WALL, RATIO, requests, kib, CALL, CPU, PEAK),
        rows,
        {"requests": moved["requests"][0], "KiB": moved["bytes"][0] / 1024},
        ["Requests and bytes are the blob host's, as FakeGitHub logs them."],
    )


def _whole(server: GitHub, stage: Stage) -> list[str]:
    archive, target = stage.directory / "member.zip", stage.directory / "member"
    shell = f"{curl_to(server, archive)} && unzip -p {archive} report.bin > {target}"
    return ["sh", "-c", shell]
