"""An artifact of many files: fetched, and unpacked into a directory."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks._programs import curl_to, gh
from benchmarks._race import Entry
from benchmarks._scenario import (
    CALL,
    CPU,
    PEAK,
    RATIO,
    WALL,
    Result,
    Stage,
    remover,
)
from benchmarks._servers import github
from benchmarks.scenarios.large import OURS
from tests.forge import Part, deflate, forge


def play(stage: Stage) -> Result:
    """As compressible as source code is."""
    files, size = stage.runs(5000, 1000), stage.runs(2**30, 2**27)
    source, target = stage.directory / "tree.zip", stage.directory / "unpacked"
    packed = stage.directory / "unpacked.zip"
    write_tree(source, files, size)

    def check(_: object) -> None:
        count = sum(1 for path in target.rglob("*") if path.is_file())
        if count != files:
            raise ValueError(f"{count} files are there")

    with github(source) as server:
        before = remover(target)
        curl = f"{curl_to(server, packed)} && unzip -q {packed} -d {target}"
        run = gh(
            server,
            f"run download 2332938 -n dist -D {target} -R github.localhost/octo-org/octo-docs",
        )
        ours = stage.client("ours", "unpacked", server.url, server.token, target)
        rows = stage.race(
            [
                (Entry(OURS, ours, before, check), ()),
                (Entry("curl && unzip -q", ["sh", "-c", curl], before, check), ["curl", "unzip"]),
                (Entry("gh run download", ["sh", "-c", run], before, check), ["gh"]),
            ],
            stage.runs(5),
        )
    mib = source.stat().st_size / 2**20
    source.unlink()
    before()
    return Result(
        f"{size / 2**30:g} GiB in {files:,} files, {mib:.0f} MiB packed, fetched and unpacked",
        (WALL, RATIO, CALL, CPU, PEAK),
        rows,
        notes=["Ours verifies the payload first, and each member by its CRC-32 as unzip does."],
    )


def write_tree(path: Path, files: int, size: int) -> None:
    """An archive of so many files and bytes."""
    chance = random.Random(6)
    words = [chance.randbytes(chance.randint(2, 9)).hex() for _ in range(4000)]
    kinds = []
    for _ in range(20):
        text = " ".join(chance.choices(words, k=size // files // 8)).encode()[: size // files]
        text = text.ljust(size // files, b"\n")
        kinds.append((text, deflate(text)))
    parts = []
    for number in range(files):
        text, packed = kinds[number % len(kinds)]
        parts.append(Part(f"src/{number % 70}/file_{number}.txt", text, packed=packed))
    path.write_bytes(forge(*parts))
