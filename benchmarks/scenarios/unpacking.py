"""Download and extraction of an artifact with many files."""

from __future__ import annotations

import random
from pathlib import Path
from shlex import quote

from benchmarks._comparison import Competitor, Role
from benchmarks._programs import curl_command, gh_command
from benchmarks._scenario import (
    CALL,
    CPU,
    OURS,
    PEAK,
    RATIO,
    WALL,
    Context,
    Result,
    remover,
    size_check,
)
from benchmarks._servers import github
from tests.archive.zip_writer import ZipMember, build_zip, deflate


def run_scenario(context: Context) -> Result:
    """Download and extract files that are about as compressible as source code."""
    files, size = context.choose(5000, 1000), context.choose(2**30, 2**27)
    source, target = context.directory / "tree.zip", context.directory / "unpacked"
    packed = context.directory / "packed.zip"
    write_tree(source, files, size)
    with github(source) as server:

        def entry(name: str, command: list[str], role: Role = "theirs") -> Competitor:
            check = size_check(target, size // files, files)
            verifies = role == "ours"
            return Competitor(name, command, role, remover(target), check, verifies=verifies)

        into = quote(str(target))
        unzip = f"unzip -q {quote(str(packed))} -d {into}"
        repository = "github.localhost/octo-org/octo-docs"
        run = gh_command(server, f"run download 2332938 -n dist -D {into} -R {repository}")
        command = context.client("ours", "unpacked", server.url, server.token, target)
        ours = entry(OURS, command, "ours")
        both = entry("curl && unzip -q", ["sh", "-c", f"{curl_command(server, packed)} && {unzip}"])
        rows = context.compare(
            [
                (ours, ()),
                (both, ["curl", "unzip"]),
                (entry("gh run download", ["sh", "-c", run]), ["gh"]),
            ],
            context.choose(5),
        )
    mib = source.stat().st_size / 2**20
    return Result(
        f"{size / 2**30:g} GiB in {files:,} files, {mib:.0f} MiB compressed, "
        "downloaded and extracted",
        (WALL, RATIO, CALL, CPU, PEAK),
        rows,
        notes=[
            server.note,
            "This library verifies the payload before extraction, and each member's CRC-32.",
        ],
    )


def write_tree(path: Path, files: int, size: int) -> None:
    """Write a zip of `files` files, with `size` bytes in total before compression."""
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
