"""FakeGitHub's archives have the same zip layout as those of the official uploader."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub

ARCHIVES = Path(__file__).parent.parent / "data" / "archives"


def layout(path: Path) -> list[tuple[object, ...]]:
    """Return the content and the zip fields of each member, except sizes and times."""
    data = path.read_bytes()
    rows: list[tuple[object, ...]] = []
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            at = entry.header_offset
            local = struct.unpack("<4s5H3I2H", data[at : at + 30])
            after = at + 30 + local[9] + local[10] + entry.compress_size
            descriptor = data[after : after + 16]
            has_descriptor = descriptor == struct.pack(
                "<4sIII", b"PK\x07\x08", entry.CRC, entry.compress_size, entry.file_size
            )
            rows.append(
                (
                    entry.filename,
                    archive.read(entry),
                    entry.create_system,
                    entry.create_version,
                    entry.extract_version,
                    entry.flag_bits,
                    entry.compress_type,
                    entry.internal_attr,
                    entry.external_attr,
                    entry.extra,
                    (local[1], local[2], local[3], local[6:9], local[10]),
                    has_descriptor,
                )
            )
    return rows


@pytest.mark.parametrize("name", ["small.zip", "tree.zip"])
async def test_the_layout_is_that_of_the_uploader(name: str) -> None:
    """FakeGitHub zips the members of a real archive with the same headers as the original."""
    real = ARCHIVES / name
    with zipfile.ZipFile(real) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
        modes = {entry.filename: entry.external_attr for entry in archive.infolist()}
    fake = FakeGitHub()
    try:
        made = layout(fake.add_artifact("o/r", "made", members).path)
    finally:
        await fake.close()
    # The uploader keeps the executable bits of files; a mapping of contents cannot express them.
    executable = {entry for entry, mode in modes.items() if mode >> 16 == 0o100755}
    for ours, theirs in zip(made, layout(real), strict=True):
        if ours[0] in executable:
            assert ours[:8] + ours[9:] == theirs[:8] + theirs[9:]
        else:
            assert ours == theirs


async def test_text_is_utf8_and_members_keep_their_order() -> None:
    """Text is encoded as UTF-8, and members keep their order."""
    async with FakeGitHub() as fake:
        path = fake.add_artifact("o/r", "a", {"z.txt": "größe", "a.txt": b""}).path
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == ["z.txt", "a.txt"]
            assert archive.read("z.txt").decode() == "größe"


async def test_unsafe_names_are_kept() -> None:
    """Unsafe member names are written unchanged, so tests can create hostile archives."""
    async with FakeGitHub() as fake:
        path = fake.add_artifact("o/r", "a", {"../../evil": b"", "/etc/x": b""}).path
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == ["../../evil", "/etc/x"]


async def test_times_before_1980() -> None:
    """Times before 1980, which zip cannot express, become 1980."""
    async with FakeGitHub(now=lambda: 0.0) as fake:
        artifact = fake.add_artifact("o/r", "a", {"a": b""})
        assert artifact.created_at.timestamp() == 0
        with zipfile.ZipFile(artifact.path) as archive:
            assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)
