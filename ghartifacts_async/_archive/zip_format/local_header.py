"""Check a member's local header against its central directory entry.

If the two differ, programs that read one or the other see different members, which attackers
exploit. Only the CRC-32 and the sizes may be missing from the local header, and only if a flag says
that they follow the data in a data descriptor, as in archives that are written as a stream.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.4.4 and 4.5.3
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import (
    LOCAL_HEADER,
    UTF8_FLAG,
    CentralDirectoryEntry,
    extra_fields,
    has_unicode_path,
)
from ghartifacts_async.errors import DamagedArchive

_SIGNATURE = b"PK\x03\x04"
_DATA_DESCRIPTOR_FLAG = 0x8
_COMPRESSION_OPTION_FLAGS = 0x6
_ZIP64_FIELD = 1
_IN_ZIP64_FIELD = 0xFFFFFFFF


def data_offset(entry: CentralDirectoryEntry, header: memoryview) -> int | None:
    """Return the offset of a member's data, after checking its local header.

    Args:
        entry: The member's entry in the central directory.
        header: Bytes of the archive, starting at the entry's `header_offset`.

    Returns:
        The offset in the archive, or ``None`` if `header` is too short.

    Raises:
        DamagedArchive: The local header contradicts the entry.
    """
    if len(header) < LOCAL_HEADER.size:
        return None
    (
        signature, _, flags, method, _, _, crc32, compressed_size, size, name_length, extra_length,
    ) = LOCAL_HEADER.unpack_from(header)  # fmt: skip
    length = LOCAL_HEADER.size + name_length + extra_length
    member = entry.member
    fits = entry.header_offset + length + member.compressed_size <= entry.next_offset
    if signature != _SIGNATURE or name_length != len(entry.raw_name) or not fits:
        raise _contradiction(entry)
    if len(header) < length:
        return None
    raw_name = bytes(header[LOCAL_HEADER.size : LOCAL_HEADER.size + name_length])
    extra = header[LOCAL_HEADER.size + name_length : length]
    if _IN_ZIP64_FIELD in (compressed_size, size):
        size, compressed_size = _zip64_sizes(extra, size, compressed_size)
    if (
        raw_name != entry.raw_name
        or method != entry.method
        or (flags ^ entry.flags) & ~_flags_that_may_differ(raw_name)
        or not _sizes_agree(entry, flags, (crc32, compressed_size, size))
        or has_unicode_path(extra)
    ):
        raise _contradiction(entry)
    offset: int = entry.header_offset + length
    return offset


def _sizes_agree(entry: CentralDirectoryEntry, flags: int, local: tuple[int, int, int]) -> bool:
    member = entry.member
    recorded = (member.crc32, member.compressed_size, member.size)
    deferred = {0, _IN_ZIP64_FIELD} if flags & _DATA_DESCRIPTOR_FLAG else set[int]()
    return all(
        value == expected or value in deferred
        for value, expected in zip(local, recorded, strict=True)
    )


def _flags_that_may_differ(raw_name: bytes) -> int:
    """Return the flags that may differ: compression level and, for ASCII names, encoding."""
    return _COMPRESSION_OPTION_FLAGS | (UTF8_FLAG if raw_name.isascii() else 0)


def _zip64_sizes(extra: memoryview, size: int, compressed_size: int) -> tuple[int, int]:
    """Return the two sizes. Read each from the zip64 field if the header refers to that field."""
    for header_id, data in extra_fields(extra):
        if header_id == _ZIP64_FIELD:
            values = _integers(data)
            if size == _IN_ZIP64_FIELD:
                size = next(values, size)
            if compressed_size == _IN_ZIP64_FIELD:
                compressed_size = next(values, compressed_size)
            break
    return size, compressed_size


def _integers(data: bytes | memoryview) -> Iterator[int]:
    return (value for (value,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]))


def _contradiction(entry: CentralDirectoryEntry) -> DamagedArchive:
    name = entry.member.name
    return DamagedArchive(
        f"the archive is damaged: the local header of {quote_name(name)} contradicts the central "
        "directory",
        member=name,
    )
