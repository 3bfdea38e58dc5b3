"""Check a member's local header against its central directory entry.

If the two differ, programs that read one or the other see different members, which attackers
exploit. Only the CRC-32 and the sizes may be missing from the local header, and only if a flag says
that they follow the data in a data descriptor, as in archives that are written as a stream. The
flag may be in the local header only. Then the data descriptor is checked too.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.3.9 and 4.4.4
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import (
    LOCAL_HEADER,
    CentralDirectoryEntry,
)
from ghartifacts_async._archive.zip_format.end_record import LOCAL_SIGNATURE
from ghartifacts_async._archive.zip_format.extra_fields import (
    IN_ZIP64_FIELD,
    extra_fields,
    unicode_paths,
    zip64_values,
)
from ghartifacts_async._archive.zip_format.member_names import UTF8_FLAG
from ghartifacts_async.errors import DamagedArchive

MAX_DESCRIPTOR_SIZE = 24

_DATA_DESCRIPTOR_FLAG = 0x8
_COMPRESSION_OPTION_FLAGS = 0x6
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"


class LocalHeader(NamedTuple):
    """A local header that agrees with its entry in the central directory.

    Attributes:
        data_offset: Offset of the member's data in the archive.
        check_descriptor: Whether the function `check_descriptor` must be called, because only the
            local header says that a data descriptor follows the data.
    """

    data_offset: int
    check_descriptor: bool


def parse_local_header(entry: CentralDirectoryEntry, header: memoryview) -> LocalHeader | None:
    """Parse and check a member's local header.

    Args:
        entry: The member's entry in the central directory.
        header: Bytes of the archive, starting at the entry's `header_offset`.

    Returns:
        The header, or ``None`` if `header` is too short.

    Raises:
        DamagedArchive: The local header contradicts the entry.
    """
    if len(header) < LOCAL_HEADER.size:
        return None
    (
        signature, _, flags, method, _, _, crc32, compressed_size, size, name_length, extra_length,
    ) = LOCAL_HEADER.unpack_from(header)  # fmt: skip
    length = LOCAL_HEADER.size + name_length + extra_length
    fits = entry.header_offset + length + entry.member.compressed_size <= entry.next_offset
    if signature != LOCAL_SIGNATURE or name_length != len(entry.raw_name) or not fits:
        raise contradiction(entry)
    if len(header) < length:
        return None
    raw_name = bytes(header[LOCAL_HEADER.size : LOCAL_HEADER.size + name_length])
    try:
        fields = [*extra_fields(header[LOCAL_HEADER.size + name_length : length])]
        if fields and IN_ZIP64_FIELD in (size, compressed_size):
            size, compressed_size = zip64_values(fields, (size, compressed_size))
    except ValueError:
        raise contradiction(entry) from None
    if (
        raw_name != entry.raw_name
        or method != entry.method
        or (flags ^ entry.flags) & ~_flags_that_may_differ(raw_name)
        or not _sizes_agree(entry, flags, (crc32, compressed_size, size))
        or (fields and unicode_paths(fields, raw_name) - {entry.member.name})
    ):
        raise contradiction(entry)
    return LocalHeader(
        entry.header_offset + length, bool(flags & ~entry.flags & _DATA_DESCRIPTOR_FLAG)
    )


def check_descriptor(entry: CentralDirectoryEntry, data: bytes) -> None:
    """Check that a data descriptor agrees with the central directory.

    Args:
        entry: The member's entry in the central directory.
        data: The bytes after the member's data: `MAX_DESCRIPTOR_SIZE` or, if the next member
            follows sooner, all of them.

    Raises:
        DamagedArchive: There is no data descriptor, or it contradicts the entry.
    """
    member = entry.member
    data = data.removeprefix(_DESCRIPTOR_SIGNATURE)
    for form in ("<3I", "<I2Q"):
        try:
            expected = struct.pack(form, member.crc32, member.compressed_size, member.size)
        except struct.error:
            continue
        if data.startswith(expected):
            return
    raise contradiction(entry)


def contradiction(entry: CentralDirectoryEntry) -> DamagedArchive:
    """Return the error for a member whose headers contradict each other."""
    name = entry.member.name
    return DamagedArchive(
        f"the archive is damaged: the local header of {quote_name(name)} contradicts the central "
        "directory",
        member=name,
    )


def _sizes_agree(entry: CentralDirectoryEntry, flags: int, local: tuple[int, int, int]) -> bool:
    member = entry.member
    recorded = (member.crc32, member.compressed_size, member.size)
    deferred = {0, IN_ZIP64_FIELD} if flags & _DATA_DESCRIPTOR_FLAG else set[int]()
    return all(
        value == expected or value in deferred
        for value, expected in zip(local, recorded, strict=True)
    )


def _flags_that_may_differ(raw_name: bytes) -> int:
    """Return the flags that may differ.

    These are the compression level, whether a data descriptor follows, and, for ASCII names, the
    encoding.
    """
    encoding = UTF8_FLAG if raw_name.isascii() else 0
    return _COMPRESSION_OPTION_FLAGS | _DATA_DESCRIPTOR_FLAG | encoding
