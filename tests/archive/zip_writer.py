"""Build zip archives byte by byte, valid or malformed, and unzip them in memory."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ghartifacts_async._archive.extraction_plan import plan_extraction
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import PathRules
from ghartifacts_async._archive.zip_format.archive_tail import (
    TAIL_SIZE,
    ArchiveTail,
    MissingBytesError,
)
from ghartifacts_async._archive.zip_format.central_directory import parse_central_directory
from ghartifacts_async._archive.zip_format.member_decoder import group_members
from ghartifacts_async.models import ArchiveLimits

LOCAL_SIGNATURE, CENTRAL_SIGNATURE, END_SIGNATURE = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ZIP64_END_SIGNATURE, ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x06", b"PK\x06\x07"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
STORED, DEFLATED = 0, 8
DATA_DESCRIPTOR_FLAG, UTF8_FLAG = 0x8, 0x800
DATE = (2026 - 1980) << 9 | 3 << 5 | 10


@frozen
class ZipMember:
    """A member to write to an archive.

    Attributes:
        name: Name. Non-ASCII text is written as UTF-8, with the flag for UTF-8. Bytes are written
            without the flag.
        data: Uncompressed data.
        method: Compression method.
        mode: File type and permissions.
        flags: General purpose bit flags, without the flag for UTF-8. With `DATA_DESCRIPTOR_FLAG`,
            the local header holds zeros and a data descriptor follows the data.
        compressed_data: Bytes to write in place of the compressed `data`.
        local: Values to write into the local header instead of the correct ones. Keys: ``crc32
            compressed_size size name flags method extra extra_length``.
        central: Values to write into the central directory instead of the correct ones. Keys: those
            of `local` except ``extra_length``, and ``offset system version date comment``.
    """

    name: str | bytes
    data: bytes = b""
    method: int = DEFLATED
    mode: int = 0o100644
    flags: int = DATA_DESCRIPTOR_FLAG
    compressed_data: bytes | None = None
    local: Mapping[str, Any] = field(factory=dict)
    central: Mapping[str, Any] = field(factory=dict)

    @property
    def raw_name(self) -> bytes:
        """The encoded name."""
        return self.name.encode() if isinstance(self.name, str) else self.name

    @property
    def payload(self) -> bytes:
        """The bytes that follow the local header."""
        if self.compressed_data is not None:
            return self.compressed_data
        return deflate(self.data) if self.method == DEFLATED else self.data

    def header_values(self, payload: bytes) -> dict[str, Any]:
        """Return the correct values for the local header and the central directory entry."""
        utf8 = UTF8_FLAG if isinstance(self.name, str) and not self.name.isascii() else 0
        return {
            "name": self.raw_name,
            "flags": self.flags | utf8,
            "method": self.method,
            "crc32": zlib.crc32(self.data),
            "compressed_size": len(payload),
            "size": len(self.data),
            "extra": b"",
            "comment": b"",
            "system": 3,
        }


def deflate(data: bytes) -> bytes:
    """Compress data as raw deflate."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def build_zip(
    *members: ZipMember,
    prefix: bytes = b"",
    between: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
    zip64: bool = False,
) -> bytes:
    """Build an archive.

    Args:
        members: Members in the order of the archive.
        prefix: Bytes before the first member.
        between: Bytes after each member.
        comment: Comment of the archive.
        end: Values to write into the end record instead of the correct ones. Keys: ``count size
            offset``.
        zip64: Whether to write the zip64 end records.
    """
    body, directory = bytearray(prefix), bytearray()
    for member in members:
        payload = member.payload
        values = member.header_values(payload)
        deferred = member.flags & DATA_DESCRIPTOR_FLAG
        zeros = {"crc32": 0, "compressed_size": 0, "size": 0} if deferred else {}
        directory += _central_entry({**values, "offset": len(body), **member.central}, member.mode)
        body += _local_header({**values, **zeros, **member.local}) + payload
        if deferred:
            body += DESCRIPTOR_SIGNATURE
            body += struct.pack("<3I", values["crc32"], len(payload), len(member.data))
        body += between
    end_values = {"count": len(members), "size": len(directory), "offset": len(body), **(end or {})}
    return bytes(body + directory) + _end_records(end_values, comment, zip64=zip64)


def _local_header(values: Mapping[str, Any]) -> bytes:
    fields = struct.pack(
        "<5H3I2H",
        20,
        values["flags"],
        values["method"],
        0,
        DATE,
        values["crc32"],
        values["compressed_size"],
        values["size"],
        len(values["name"]),
        values.get("extra_length", len(values["extra"])),
    )
    return b"".join([LOCAL_SIGNATURE, fields, values["name"], values["extra"]])


def _central_entry(values: Mapping[str, Any], mode: int) -> bytes:
    fields = struct.pack(
        "<6H3I5H2I",
        values["system"] << 8 | 45,
        values.get("version", 20),
        values["flags"],
        values["method"],
        0,
        values.get("date", DATE),
        values["crc32"],
        values["compressed_size"],
        values["size"],
        len(values["name"]),
        len(values["extra"]),
        len(values["comment"]),
        0,
        0,
        mode << 16,
        values["offset"],
    )
    return b"".join([CENTRAL_SIGNATURE, fields, values["name"], values["extra"], values["comment"]])


def _end_records(values: Mapping[str, int], comment: bytes, *, zip64: bool) -> bytes:
    count, size, offset = values["count"], values["size"], values["offset"]
    records = b""
    if zip64:
        records += ZIP64_END_SIGNATURE
        records += struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, offset)
        records += ZIP64_LOCATOR_SIGNATURE + struct.pack("<IQI", 0, offset + size, 1)
        count, size, offset = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    count = min(count, 0xFFFF)
    records += END_SIGNATURE
    return records + struct.pack("<4H2IH", 0, 0, count, count, size, offset, len(comment)) + comment


def parse_index(
    archive: bytes,
    limits: ArchiveLimits = ArchiveLimits(),
    *,
    tail_size: int = TAIL_SIZE,
    encoding: str | None = None,
) -> MemberIndex:
    """Parse the central directory, starting with the last `tail_size` bytes of an archive."""
    tail = ArchiveTail(len(archive), limits)
    tail.prepend(archive[-tail_size:])
    while True:
        try:
            directory = parse_central_directory(tail, encoding)
            break
        except MissingBytesError as missing:
            tail.prepend(archive[missing.start : tail.start])
    for offset, signature in directory.unexpected.items():
        directory.check_signature(offset, archive[offset : offset + len(signature)])
    return MemberIndex(directory.entries)


def unzip(
    archive: bytes,
    limits: ArchiveLimits = ArchiveLimits(),
    *,
    members: str | Sequence[str] | None = None,
    rules: PathRules = PathRules(),
    encoding: str | None = None,
    chunk_size: int = 2**16,
    max_gap: int = 2**16,
) -> dict[str, bytes]:
    """Extract an archive in memory, with the library's pure functions.

    Args:
        archive: The archive.
        limits: Limits on the extracted members.
        members: The members to extract; see `MemberIndex.select`.
        rules: Which paths are accepted.
        encoding: Encoding of names for which the archive does not specify one.
        chunk_size: How many bytes to feed to a decoder at a time.
        max_gap: See `group_members`.

    Returns:
        A dict of paths and contents. A directory has a path that ends with ``/``, and no content.
        The content of a link is its target.
    """
    index = parse_index(archive, limits, encoding=encoding)
    plan = plan_extraction(index.select(members, rules.spelling), limits, rules)
    paths = {offset: "/".join(parts) for offset, parts in plan.paths().items()}
    contents = {"/".join(parts) + "/": b"" for parts in plan.directories}
    targets: dict[int, bytes] = {}
    for decoder in group_members(plan.entries, max_gap=max_gap, max_size=2**20, max_members=100):
        position = decoder.start
        while not decoder.done:
            decoded = decoder.next()
            if decoded is not None:
                entry, chunk = decoded
                path = paths.get(entry.header_offset)
                if path is not None:
                    contents[path] = contents.get(path, b"") + chunk
                    targets[entry.header_offset] = contents[path]
            elif not decoder.done:
                assert position < decoder.stop
                data = archive[position : min(position + chunk_size, decoder.stop)]
                position += len(data)
                decoder.feed(data)
    plan.check_links(targets)
    return contents


def write_sparse_zip(path: Path, size: int, member: bytes) -> None:
    """Write a sparse archive of about `size` bytes, with a member ``report.bin`` in its middle."""
    names = ["one.bin", "report.bin", "two.bin"]
    sizes = [size // 2, len(member), size // 2]
    directory = b""
    with path.open("wb") as file:
        for name, length in zip(names, sizes, strict=True):
            is_report = name == "report.bin"
            crc32 = zlib.crc32(member) if is_report else 0
            recorded = length if is_report else 0xFFFFFFFF
            offset = file.tell()
            raw = name.encode()
            fields = struct.pack("<5H3I2H", 45, 8, 0, 0, 0, 0, 0, 0, len(raw), 0)
            file.write(LOCAL_SIGNATURE + fields + raw)
            file.write(member) if is_report else file.seek(length, os.SEEK_CUR)
            file.write(DESCRIPTOR_SIGNATURE + struct.pack("<3I", crc32, 0, 0))
            extra = b"" if is_report else struct.pack("<2H2Q", 1, 16, length, length)
            directory += CENTRAL_SIGNATURE + struct.pack(
                "<6H3I5H2I", 0x32D, 45, 8, 0, 0, 33, crc32, recorded, recorded, len(raw),
                len(extra), 0, 0, 0, 0o644 << 16, offset,
            )  # fmt: skip
            directory += raw + extra
        start = file.tell()
        file.write(directory)
        file.write(END_SIGNATURE + struct.pack("<4H2IH", 0, 0, 3, 3, len(directory), start, 0))
