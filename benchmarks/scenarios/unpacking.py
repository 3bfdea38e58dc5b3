"""An artifact of many files: fetched, and unpacked into a directory."""

from __future__ import annotations

import random
from pathlib import Path
from shlex import quote

from benchmarks._programs import curl_to, gh
from benchmarks._race import Entry, Role
from benchmarks._scenario import CALL, CPU, OURS, PEAK, RATIO, WALL, Result, Stage, remover, sized
from benchmarks._servers import github
from tests.archive.zip_writer import ZipMember, build_zip, deflate


def play(stage: Stage) -> Result:
    """As compressible as source code is."""
    files, size = stage.runs(5000, 1000), stage.runs(2**30, 2**27)
    source, target = stage.directory / "tree.zip", stage.directory / "unpacked"
    packed = stage.directory / "packed.zip"
    write_tree(source, files, size)
    with github(source) as server:

        def entry(name: str, command: list[str], role: Role = "theirs") -> Entry:
            check = sized(target, size // files, files)
            return Entry(name, command, role, remover(target), check)

        into = quote(str(target))
        unzip = f"unzip -q {quote(str(packed))} -d {into}"
        repository = "github.localhost/octo-org/octo-docs"
        run = gh(server, f"run download 2332938 -n dist -D {into} -R {repository}")
        command = stage.client("ours", "unpacked", server.url, server.token, target)
        ours = entry(OURS, command, "ours")
        both = entry("curl && unzip -q", ["sh", "-c", f"{curl_to(server, packed)} && {unzip}"])
        rows = stage.race(
            [
                (ours, ()),
                (both, ["curl", "unzip"]),
                (entry("gh run download", ["sh", "-c", run]), ["gh"]),
            ],
            stage.runs(5),
        )
    mib = source.stat().st_size / 2**20
    return Result(
        f"{size / 2**30:g} GiB in {files:,} files, {mib:.0f} MiB packed, fetched and unpacked",
        (WALL, RATIO, CALL, CPU, PEAK),
        rows,
        notes=[
            server.note,
            "Ours verifies the payload before it unpacks it, and then each member by its CRC-32.",
        ],
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
        parts.append(
            ZipMember(f"src/{number % 70}/file_{number}.txt", text, compressed_data=packed)
        )
    path.write_bytes(build_zip(*parts))
