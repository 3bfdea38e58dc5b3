"""Artifacts that are archives, for the tests that look into them."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from ghartifacts_async import Artifact, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.forge import CENTRAL, END
from tests.support import REPOSITORY

Extract = Callable[..., Coroutine[Any, Any, list[Path]]]

DATA = Path(__file__).parents[1] / "data" / "archives"
LARGE = os.urandom(700_000)
FILES: dict[str, bytes | str] = {
    "report.json": '{"passed": 3}',
    "logs/build.log": "compiling\n" * 5000,
    "bin/tool": LARGE,
    "docs/": "",
    "docs/ünïcode.md": "# Hello\n",
    "empty.txt": "",
}


def contents() -> dict[str, bytes]:
    """What the files of `FILES` hold."""
    texts = {name: text for name, text in FILES.items() if not name.endswith("/")}
    return {name: t.encode() if isinstance(t, str) else t for name, t in texts.items()}


def read_below(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by its path from there."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def everything_below(directory: Path) -> list[str]:
    """Files and directories, hidden ones too, by their paths from there."""
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*"))


async def added(fake: FakeGitHub, repo: Repo, content: bytes | Path | None = None) -> Artifact:
    """An artifact of these bytes, or of `FILES`."""
    artifact = fake.add_artifact(REPOSITORY, "dist", FILES if content is None else content)
    return await repo.get_artifact(artifact.id)


def write_huge(path: Path, size: int, member: bytes) -> None:
    """An archive of a member in the middle of so many bytes, which take no room on the disk."""
    names = ["one.bin", "report.bin", "two.bin"]
    sizes = [size // 2, len(member), size // 2]
    directory = b""
    with path.open("wb") as file:
        for name, length in zip(names, sizes, strict=True):
            is_report = name == "report.bin"
            crc = zlib.crc32(member) if is_report else 0
            told = length if is_report else 0xFFFFFFFF
            offset = file.tell()
            raw = name.encode()
            file.write(b"PK\x03\x04" + struct.pack("<5H3I2H", 45, 8, 0, 0, 0, 0, 0, 0, len(raw), 0))
            file.write(raw)
            file.write(member) if is_report else file.seek(length, os.SEEK_CUR)
            file.write(b"PK\x07\x08" + struct.pack("<3I", crc, 0, 0))
            extra = b"" if is_report else struct.pack("<2H2Q", 1, 16, length, length)
            directory += CENTRAL + struct.pack(
                "<6H3I5H2I", 0x32D, 45, 8, 0, 0, 33, crc, told, told, len(raw), len(extra),
                0, 0, 0, 0o644 << 16, offset,
            )  # fmt: skip
            directory += raw + extra
        start = file.tell()
        file.write(directory)
        file.write(END + struct.pack("<4H2IH", 0, 0, 3, 3, len(directory), start, 0))


def blob_requests(fake: FakeGitHub) -> list[str | None]:
    """The ranges that were asked for, ``None`` for everything."""
    return [request.headers.get("Range") for request in fake.requests_to("blob")]
