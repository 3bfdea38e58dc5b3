"""Parse the central directory of a zip archive.

The central directory lies at the end of an archive. Member sizes are read from it because the
local headers may lack them: the official uploader writes archives as a stream and leaves zeros
there.

The entries are untrusted. Sizes are checked again while the members are decompressed, and names are
checked when they are turned into paths.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3 to 4.6
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

from attrs import evolve, frozen

from ghartifacts_async._archive.zip_format.archive_tail import (
    ArchiveTail,
    quote_name,
    too_many_members,
)
from ghartifacts_async._archive.zip_format.end_record import (
    CENTRAL_SIGNATURE,
    LOCAL_SIGNATURE,
    EndRecord,
    damaged,
    find_end_record,
)
from ghartifacts_async._archive.zip_format.extra_fields import extra_fields, zip64_values
from ghartifacts_async._archive.zip_format.member_names import UNIX_SYSTEMS, decode_name
from ghartifacts_async.errors import DamagedArchive, UnsafeMember
from ghartifacts_async.models import ArchiveLimits, Member

LOCAL_HEADER = struct.Struct("<4s5H3I2H")

_ENTRY = struct.Struct("<4s4B4H3I5H2I")
_DIRECTORY_TYPE = 0o040000
_TYPE_MASK = 0o170000
_MAX_VERSION = 63
_MAX_NAME_SIZE = 4096
_MAX_SIZE_OF_NAMES = 2**24


@frozen
class CentralDirectoryEntry:
    """A member's entry in the central directory.

    Attributes:
        member: Name, sizes, checksum and mode.
        raw_name: The name as encoded in the archive.
        header_offset: Offset of the local header.
        next_offset: Offset of the next member's local header or, for the last member, of the
            central directory.
        flags: General purpose bit flags.
        method: Compression method.
        has_two_names: Whether an extra field gives the member another name than the header does.
    """

    member: Member
    raw_name: bytes
    header_offset: int
    next_offset: int
    flags: int
    method: int
    has_two_names: bool = False

    def check_name(self) -> None:
        """Check that the archive gives the member only one name.

        Raises:
            UnsafeMember: It has two names.
        """
        if self.has_two_names:
            raise UnsafeMember(
                f"{quote_name(self.member.name)} has another name in a Unicode Path extra field",
                member=self.member.name,
            )


@frozen
class CentralDirectory:
    """The central directory of an archive.

    Attributes:
        entries: The entries in recorded order.
        unexpected: Signatures by offset within the archive. If the archive has one of them at its
            offset, programs that read it from its start, or with its recorded offsets, see other
            members.
    """

    entries: list[CentralDirectoryEntry]
    unexpected: Mapping[int, bytes]

    def check_signature(self, offset: int, data: bytes) -> None:
        """Check the bytes at one of the offsets in `unexpected`.

        Raises:
            DamagedArchive: They are the signature, so there is a second archive.
        """
        if data == self.unexpected[offset]:
            raise DamagedArchive(
                "the archive is damaged: another archive precedes it, so it is ambiguous which "
                "members it has"
            )


def parse_central_directory(tail: ArchiveTail, encoding: str | None = None) -> CentralDirectory:
    """Parse the central directory.

    Args:
        tail: The last bytes of the archive.
        encoding: Encoding of names for which the archive does not specify one.

    Raises:
        MissingBytesError: More bytes are needed. Prepend them to `tail` and call again.
        NotAZip: The payload does not end with a zip end record.
        DamagedArchive: The records contradict each other, or members overlap.
        ArchiveLimitExceeded: There are too many members.
        UnsafeMember: A name is too long, or all names together.
    """
    end = find_end_record(tail)
    entries = _parse_entries(tail.read(end.start, end.stop), end, encoding, tail.limits)
    if not end.has_count(len(entries)):
        raise damaged(f"it has {len(entries)} members, but its end record says {end.count}")
    entries = _set_next_offsets(entries, end.start)
    first = min((entry.header_offset for entry in entries), default=end.start)
    unexpected = {0: LOCAL_SIGNATURE} if first >= len(LOCAL_SIGNATURE) else {}
    if end.recorded_start != end.start and end.recorded_start < tail.total:
        unexpected[end.recorded_start] = CENTRAL_SIGNATURE
    return CentralDirectory(entries, unexpected)


def _parse_entries(
    data: memoryview, end: EndRecord, encoding: str | None, limits: ArchiveLimits
) -> list[CentralDirectoryEntry]:
    shift = end.start - end.recorded_start
    to_datetime = cache(_datetime)
    entries: list[CentralDirectoryEntry] = []
    position = size_of_names = 0
    while position < len(data):
        if len(data) - position < _ENTRY.size:
            raise damaged("its central directory is truncated")
        (
            signature, _, system, version, _, flags, method, time, date, crc32, compressed_size,
            size, name_length, extra_length, comment_length, _, _, attributes, offset,
        ) = _ENTRY.unpack_from(data, position)  # fmt: skip
        start = position + _ENTRY.size
        position = start + name_length + extra_length + comment_length
        if signature != CENTRAL_SIGNATURE or position > len(data):
            raise damaged("its central directory has an invalid entry")
        if len(entries) >= limits.max_members:
            raise too_many_members(limits)
        raw_name = bytes(data[start : start + name_length])
        size_of_names += name_length
        _check_name_length(raw_name, size_of_names)
        if version > _MAX_VERSION:
            raise damaged(
                f"a member needs version {version / 10} of the zip format; at most "
                f"{_MAX_VERSION / 10} is supported"
            )
        fields = []
        if extra_length:
            extra = data[start + name_length : start + name_length + extra_length]
            try:
                fields = [*extra_fields(extra)]
                size, compressed_size, offset = zip64_values(
                    fields, (size, compressed_size, offset)
                )
            except ValueError as error:
                raise damaged(str(error)) from error
        name, has_two_names = decode_name(raw_name, flags, system, fields, encoding)
        mode = attributes >> 16 if system in UNIX_SYSTEMS else 0
        is_directory = name.endswith("/") or mode & _TYPE_MASK == _DIRECTORY_TYPE
        modified = to_datetime(date, time)
        member = Member(name, size, compressed_size, crc32, modified, mode, is_directory)
        entries.append(
            CentralDirectoryEntry(
                member, raw_name, offset + shift, end.start, flags, method, has_two_names
            )
        )
    return entries


def _check_name_length(raw_name: bytes, size_of_names: int) -> None:
    if len(raw_name) > _MAX_NAME_SIZE:
        reason = f"has a name of {len(raw_name)} bytes; at most {_MAX_NAME_SIZE} are allowed"
    elif size_of_names > _MAX_SIZE_OF_NAMES:
        reason = f"brings the total size of all names to more than {_MAX_SIZE_OF_NAMES} bytes"
    else:
        return
    name = raw_name.decode("utf-8", "replace")
    raise UnsafeMember(f"{quote_name(name)} {reason}", member=name)


def _set_next_offsets(
    entries: list[CentralDirectoryEntry], directory_offset: int
) -> list[CentralDirectoryEntry]:
    """Return the entries with their `next_offset`, after checking that they do not overlap."""
    order = sorted(range(len(entries)), key=lambda n: entries[n].header_offset)
    next_offsets = [directory_offset] * len(entries)
    for index, next_index in pairwise(order):
        next_offsets[index] = entries[next_index].header_offset
    for index, next_offset in enumerate(next_offsets):
        entry = entries[index]
        size = LOCAL_HEADER.size + len(entry.raw_name) + entry.member.compressed_size
        if entry.header_offset < 0 or entry.header_offset + size > next_offset:
            raise DamagedArchive(
                f"{quote_name(entry.member.name)} overlaps another member or lies outside of the "
                "archive",
                member=entry.member.name,
            )
        entries[index] = evolve(entry, next_offset=next_offset)
    return entries


def _datetime(date: int, time: int) -> datetime | None:
    """Convert a date and a time in the format of MS-DOS."""
    try:
        return datetime(
            1980 + (date >> 9),
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            (time & 31) * 2,
            tzinfo=UTC,
        )
    except ValueError:
        return None
