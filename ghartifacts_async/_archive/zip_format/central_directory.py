"""Parse the end record and the central directory of a zip archive.

The central directory lies at the end of an archive. Member sizes are read from it because the
local headers may lack them: the official uploader writes archives as a stream and leaves zeros
there.

The standard library's `zipfile` does the parsing. It reads from an `ArchiveTail`, which holds the
last bytes of the archive and raises `MissingBytesError` if `zipfile` needs earlier bytes.

The entries are untrusted. Sizes are checked again while the members are decompressed, and names are
checked when they are turned into paths.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3 to 4.6
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

from attrs import frozen

from ghartifacts_async._archive.zip_format.archive_tail import ArchiveTail, quote_name
from ghartifacts_async._download.verification import END_OF_ZIP
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import DamagedArchive, NotAZip
from ghartifacts_async.models import Member

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
UTF8_FLAG = 0x800

_END_SIGNATURE = b"PK\x05\x06"
_END_RECORD = struct.Struct("<20xH")
_UNICODE_PATH_FIELD = 0x7075
_UNIX_SYSTEMS = frozenset({3, 19})
_DIRECTORY_TYPE = 0o040000
_TYPE_MASK = 0o170000


@frozen
class CentralDirectoryEntry:
    """A member's entry in the central directory.

    Attributes:
        member: Name, sizes, checksum and mode.
        header_offset: Offset of the local header.
        next_offset: Offset of the next member's local header or, for the last member, of the
            central directory.
        flags: General purpose bit flags.
        method: Compression method.
        has_unicode_path: Whether an extra field holds a second name, which some readers prefer.
    """

    member: Member
    header_offset: int
    next_offset: int
    flags: int
    method: int
    has_unicode_path: bool = False

    @property
    def raw_name(self) -> bytes:
        """The name as encoded in the archive."""
        name = self.member.name
        return name.encode("utf-8" if self.flags & UTF8_FLAG or name.isascii() else "cp437")


def parse_central_directory(tail: ArchiveTail) -> list[CentralDirectoryEntry]:
    """Parse the central directory and return its entries in recorded order.

    Raises:
        MissingBytesError: More bytes are needed. Prepend them to `tail` and call again.
        NotAZip: The payload does not end with a zip end record.
        DamagedArchive: The records contradict each other, or members overlap.
        ArchiveLimitExceeded: There are too many members.
        UnsafeMember: A name or its extra fields are too long.
    """
    tail.seek(max(0, tail.total - END_OF_ZIP))
    _check_end_record(tail.read(), tail.total)
    try:
        with zipfile.ZipFile(tail) as archive:
            archive.NameToInfo.clear()
            return _entries(archive.infolist(), archive.start_dir)
    except (zipfile.BadZipFile, NotImplementedError, struct.error, UserWarning) as error:
        reason = str(error)
    except (ValueError, OverflowError) as error:
        reason = f"the central directory cannot be parsed ({type(error).__name__})"
    raise DamagedArchive(f"the archive is damaged: {printable(reason)}")


def _check_end_record(data: bytes, total: int) -> None:
    """Check that exactly one end record, with its comment, ends at the last byte.

    `zipfile` accepts an end record that is followed by other bytes, so it would open a payload
    that merely contains an archive near its end.
    """
    position = data.rfind(_END_SIGNATURE)
    if position < 0 or not _ends_with_record(data, position):
        raise NotAZip(f"the payload of {total} bytes does not end with a zip end record")
    while (position := data.rfind(_END_SIGNATURE, 0, position)) >= 0:
        if _ends_with_record(data, position):
            raise DamagedArchive(
                "the archive is damaged: its comment contains the end record of another archive"
            )


def _ends_with_record(data: bytes, position: int) -> bool:
    """Return True if `data` ends with the end record at `position` and its comment."""
    stop = position + _END_RECORD.size
    if stop > len(data):
        return False
    (comment_length,) = _END_RECORD.unpack_from(data, position)
    return bool(stop + comment_length == len(data))


def _entries(infos: list[zipfile.ZipInfo], directory_offset: int) -> list[CentralDirectoryEntry]:
    order = sorted(range(len(infos)), key=lambda n: infos[n].header_offset)
    next_offsets = [directory_offset] * len(infos)
    for index, next_index in pairwise(order):
        next_offsets[index] = infos[next_index].header_offset
    to_datetime = cache(_datetime)
    entries: list[CentralDirectoryEntry] = []
    infos.reverse()
    for next_offset in next_offsets:
        # Release each ZipInfo as soon as it is converted, which halves the peak memory.
        info = infos.pop()
        entry = _entry(info, next_offset, to_datetime(info.date_time))
        entries.append(entry)
        size = LOCAL_HEADER.size + len(entry.raw_name) + entry.member.compressed_size
        if entry.header_offset < 0 or entry.header_offset + size > next_offset:
            raise DamagedArchive(
                f"{quote_name(entry.member.name)} overlaps another member or lies outside of the "
                "archive",
                member=entry.member.name,
            )
    return entries


def _entry(
    info: zipfile.ZipInfo, next_offset: int, modified: datetime | None
) -> CentralDirectoryEntry:
    # zipfile truncates `filename` at a NUL; `orig_filename` is the recorded name.
    name = info.orig_filename
    mode = info.external_attr >> 16 if info.create_system in _UNIX_SYSTEMS else 0
    member = Member(
        name,
        info.file_size,
        info.compress_size,
        info.CRC,
        modified,
        mode,
        name.endswith("/") or mode & _TYPE_MASK == _DIRECTORY_TYPE,
    )
    return CentralDirectoryEntry(
        member,
        info.header_offset,
        next_offset,
        info.flag_bits,
        info.compress_type,
        has_unicode_path(info.extra),
    )


def extra_fields(extra: bytes | memoryview) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield the header id and the data of each extra field."""
    position = 0
    while position + 4 <= len(extra):
        header_id, length = struct.unpack_from("<HH", extra, position)
        yield header_id, extra[position + 4 : position + 4 + length]
        position += 4 + length


def has_unicode_path(extra: bytes | memoryview) -> bool:
    """Return True if there is an Info-ZIP Unicode Path field, which holds a second name.

    Source: APPNOTE.TXT, section 4.6.9
    """
    return any(header_id == _UNICODE_PATH_FIELD for header_id, _ in extra_fields(extra))


def _datetime(parts: tuple[int, int, int, int, int, int]) -> datetime | None:
    try:
        return datetime(*parts, tzinfo=UTC)
    except ValueError:
        return None
