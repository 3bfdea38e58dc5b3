"""Zip archives to the byte: as the official uploader writes them, and as only an attacker would."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ghartifacts_async._archive import inflate, member_paths
from ghartifacts_async._archive.central_directory import TAIL, View, WantedError, parse
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async.models import ArchiveLimits

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END64, LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
STORED, DEFLATED = 0, 8
DEFERRED, UTF8 = 0x8, 0x800
DATE = (2026 - 1980) << 9 | 3 << 5 | 10


@frozen
class Part:
    """A member as it is to stand in an archive.

    Attributes:
        name: Its name, as bytes or, marked as UTF-8 where it must be, as text.
        data: What it holds.
        method: How it is compressed.
        mode: Type and permissions.
        flags: Its general purpose bits, to which UTF-8's is added.
        packed: Compressed bytes, where they are not those of the data.
        local: What its local header says instead: ``crc packed size name flags method extra``.
        central: What the directory says instead: these, and ``offset system comment``.
        descriptor: Whether a data descriptor follows it.
    """

    name: str | bytes
    data: bytes = b""
    method: int = DEFLATED
    mode: int = 0o100644
    flags: int = DEFERRED
    packed: bytes | None = None
    local: Mapping[str, Any] = field(factory=dict)
    central: Mapping[str, Any] = field(factory=dict)

    @property
    def raw_name(self) -> bytes:
        """Its name in the archive."""
        return self.name.encode() if isinstance(self.name, str) else self.name

    def fields(self, packed: bytes) -> dict[str, Any]:
        """What an honest header says."""
        utf8 = UTF8 if isinstance(self.name, str) and not self.name.isascii() else 0
        return {
            "name": self.raw_name,
            "flags": self.flags | utf8,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(packed),
            "size": len(self.data),
            "extra": b"",
            "comment": b"",
            "system": 3,
        }


def deflate(data: bytes) -> bytes:
    """Raw deflate."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def forge(
    *parts: Part,
    prefix: bytes = b"",
    between: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
    zip64: bool = False,
) -> bytes:
    """An archive of these members.

    Args:
        parts: In this order.
        prefix: What stands before it all.
        between: What stands behind each member.
        comment: Of the archive.
        end: What the end record says instead: ``count size offset``.
        zip64: Whether zip64's end records are there, too.
    """
    body, directory = bytearray(prefix), bytearray()
    for part in parts:
        packed = part.packed
        if packed is None:
            packed = deflate(part.data) if part.method == DEFLATED else part.data
        honest = part.fields(packed)
        hidden = {"crc": 0, "packed": 0, "size": 0} if part.flags & DEFERRED else {}
        central = {**honest, "offset": len(body), **part.central}
        local = {**honest, **hidden, **part.local}
        body += _local(local) + packed
        if part.flags & DEFERRED:
            body += b"PK\x07\x08" + struct.pack("<3I", honest["crc"], len(packed), len(part.data))
        body += between
        directory += _central(central, part.mode)
    told = {"count": len(parts), "size": len(directory), "offset": len(body), **(end or {})}
    records = b""
    if zip64:
        records = END64 + struct.pack(
            "<Q2H2I4Q", 44, 45, 45, 0, 0, told["count"], told["count"], told["size"], told["offset"]
        )
        records += LOCATOR + struct.pack("<IQI", 0, told["offset"] + told["size"], 1)
        told = {"count": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    record = struct.pack(
        "<4H2IH",
        0,
        0,
        *[min(told["count"], 0xFFFF)] * 2,
        told["size"],
        told["offset"],
        len(comment),
    )
    return bytes(body + directory) + records + END + record + comment


def _local(told: Mapping[str, Any]) -> bytes:
    header: bytes = (
        LOCAL
        + struct.pack(
            "<5H3I2H",
            20,
            told["flags"],
            told["method"],
            0,
            DATE,
            told["crc"],
            told["packed"],
            told["size"],
            len(told["name"]),
            told.get("extra_length", len(told["extra"])),
        )
        + told["name"]
        + told["extra"]
    )
    return header


def _central(told: Mapping[str, Any], mode: int) -> bytes:
    header: bytes = (
        CENTRAL
        + struct.pack(
            "<6H3I5H2I",
            told["system"] << 8 | 45,
            told.get("version", 20),
            told["flags"],
            told["method"],
            0,
            told.get("date", DATE),
            told["crc"],
            told["packed"],
            told["size"],
            len(told["name"]),
            len(told["extra"]),
            len(told["comment"]),
            0,
            0,
            mode << 16,
            told["offset"],
        )
        + told["name"]
        + told["extra"]
        + told["comment"]
    )
    return header


def index_of(
    archive: bytes, limits: ArchiveLimits = ArchiveLimits(), *, tail: int = TAIL
) -> MemberIndex:
    """The members of an archive, of which only what is wanted is looked at."""
    view = View(len(archive), limits)
    view.prepend(archive[-tail:])
    while True:
        try:
            return MemberIndex(parse(view))
        except WantedError as wanted:
            view.prepend(archive[wanted.start : view.begins])


def unpacked(
    archive: bytes,
    limits: ArchiveLimits = ArchiveLimits(),
    *,
    wanted: str | Sequence[str] | None = None,
    strip: int = 0,
    portable: bool = False,
    chunk: int = 2**16,
    gap: int = 2**16,
) -> dict[str, bytes]:
    """What the archive becomes, by path; directories end in a slash. No disk, no network."""
    index = index_of(archive, limits)
    layout = member_paths.layout(index.select(wanted), limits, strip=strip, portable=portable)
    paths = {entry.start: "/".join(parts) for entry, parts in layout.files}
    found = {"/".join(parts) + "/": b"" for parts in layout.directories}
    entries = [entry for entry, _ in layout.files]
    for run in inflate.runs(entries, gap=gap, size=2**20, members=100):
        at = run.start
        while not run.done:
            piece = run.next()
            if piece is not None:
                path = paths[piece[0].start]
                found[path] = found.get(path, b"") + piece[1]
            elif not run.done:
                assert at < run.stop
                data = archive[at : min(at + chunk, run.stop)]
                at += len(data)
                run.feed(data)
    return found


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
