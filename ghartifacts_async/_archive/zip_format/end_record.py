"""Find the end record of a zip archive, and the central directory that it describes.

Programs search for the end record in different ways. Some take the last one in the file, others the
one whose comment ends with the file. So an archive in which they would find different records is
refused. Padding and text after the only end record are harmless: archives that were written to a
tape or piped through a program have some.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.14 to 4.3.16
"""

from __future__ import annotations

import struct

from attrs import frozen

from ghartifacts_async._archive.zip_format.archive_tail import ArchiveTail, too_many_members
from ghartifacts_async._download.verification import END_OF_ZIP
from ghartifacts_async.errors import DamagedArchive, NotAZip

LOCAL_SIGNATURE, CENTRAL_SIGNATURE = b"PK\x03\x04", b"PK\x01\x02"

_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_END_SIGNATURE, _ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x06", b"PK\x06\x07"
_OTHER_SIGNATURES = (
    LOCAL_SIGNATURE,
    CENTRAL_SIGNATURE,
    _ZIP64_END_SIGNATURE,
    _ZIP64_LOCATOR_SIGNATURE,
)
_END_RECORD = struct.Struct("<4s4H2IH")
_ZIP64_END_RECORD = struct.Struct("<4sQ2H2I4Q")
_ZIP64_LOCATOR = struct.Struct("<4sIQI")
_ZIP64_SIZE_FIELD_END = 12
_IN_ZIP64 = (0xFFFF, 0xFFFFFFFF)
_MIN_ENTRY_SIZE = 46


@frozen
class EndRecord:
    """Where the central directory is, and how many entries it has.

    Attributes:
        start: Offset of the central directory.
        stop: Offset after the central directory.
        recorded_start: Offset of the central directory as recorded. It is smaller than `start` if
            other data was put before the archive. All recorded offsets are off by this difference.
        count: Recorded number of entries.
        is_zip64: Whether there is a zip64 end record. Without one, the number may have overflowed.
    """

    start: int
    stop: int
    recorded_start: int
    count: int
    is_zip64: bool

    def has_count(self, count: int) -> bool:
        """Return True if the recorded number of entries means this number."""
        if count == self.count:
            return True
        return not self.is_zip64 and count > 0xFFFF and self.count in {count & 0xFFFF, 0xFFFF}


def find_end_record(tail: ArchiveTail) -> EndRecord:
    """Find the end record.

    Raises:
        MissingBytesError: More bytes are needed. Prepend them to `tail` and call again.
        NotAZip: There is no complete end record near the end of the payload.
        DamagedArchive: There is a second end record, or the records contradict each other.
        ArchiveLimitExceeded: There are too many members.
    """
    offset = max(0, tail.total - END_OF_ZIP)
    data = bytes(tail.read(offset, tail.total))
    position = data.rfind(_END_SIGNATURE)
    if position < 0 or not _is_complete(data, position):
        raise NotAZip(
            f"the payload of {tail.total} bytes is not a complete zip archive: it has no end record"
        )
    _check_is_only_record(data, position, offset)
    fields = _END_RECORD.unpack_from(data, position)
    values, is_zip64, stop = fields[1:7], False, offset + position
    locator_start = stop - _ZIP64_LOCATOR.size
    if locator_start >= 0:
        locator = tail.read(locator_start, stop)
        if locator[:4] == _ZIP64_LOCATOR_SIGNATURE:
            values, stop = _zip64_values(tail, locator, locator_start, values)
            is_zip64 = True
    disk, directory_disk, count_on_disk, count, size, recorded_start = values
    if disk or directory_disk or count_on_disk != count:
        raise damaged("it is one of several parts of a split archive")
    if count > tail.limits.max_members:
        raise too_many_members(tail.limits)
    start = stop - size
    if start < 0 or (count == 0 and recorded_start > start):
        raise damaged("its central directory lies outside of the payload")
    if count == 0 and any(s in data[:position] for s in (LOCAL_SIGNATURE, CENTRAL_SIGNATURE)):
        raise damaged("its end record says that it is empty, but it has members")
    return EndRecord(start, stop, recorded_start, count, is_zip64)


def _is_complete(data: bytes, position: int) -> bool:
    """Return True if the end record at `position`, and its comment, are complete."""
    stop = position + _END_RECORD.size
    return stop <= len(data) and stop + _END_RECORD.unpack_from(data, position)[7] <= len(data)


def _check_is_only_record(data: bytes, position: int, offset: int) -> None:
    """Check that no program would find another end record than the last one.

    Args:
        data: The last bytes of the payload.
        position: Position of the last end record in `data`.
        offset: Offset of `data` in the payload.
    """
    trailer = data[position + _END_RECORD.size :]
    if any(signature in trailer for signature in _OTHER_SIGNATURES):
        raise damaged("its comment, or the data after it, contains records of another archive")
    other = data.rfind(_END_SIGNATURE, 0, position)
    while other >= 0:
        _, *disks, count_on_disk, count, size, start, comment = _END_RECORD.unpack_from(data, other)
        stop = other + _END_RECORD.size + comment
        is_plausible = (
            not any(disks)
            and count == count_on_disk
            and count * _MIN_ENTRY_SIZE <= size
            and size + start <= offset + other
        )
        if stop == len(data) or (stop > position and is_plausible):
            raise damaged("its comment contains the end record of another archive")
        other = data.rfind(_END_SIGNATURE, 0, other)


def _zip64_values(
    tail: ArchiveTail, locator: memoryview, locator_start: int, values: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    """Return the values of the zip64 end record, and its offset."""
    _, _, recorded, _ = _ZIP64_LOCATOR.unpack(locator)
    # The recorded offset is wrong if other data was put before the archive.
    for start in (locator_start - _ZIP64_END_RECORD.size, recorded):
        if not 0 <= start <= locator_start - _ZIP64_END_RECORD.size:
            continue
        record = tail.read(start, start + _ZIP64_END_RECORD.size)
        signature, size, _, _, *found = _ZIP64_END_RECORD.unpack(record)
        if signature == _ZIP64_END_SIGNATURE and start + _ZIP64_SIZE_FIELD_END + size == (
            locator_start
        ):
            for value, expected in zip(values, found, strict=True):
                if value != expected and value not in _IN_ZIP64:
                    raise damaged("its two end records contradict each other")
            return tuple(found), start
    raise damaged("its zip64 end record is missing")


def damaged(reason: str) -> DamagedArchive:
    """Return the error for an archive whose structures are wrong."""
    return DamagedArchive(f"the archive is damaged: {reason}")
