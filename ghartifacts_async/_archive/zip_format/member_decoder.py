"""Decode members: inflate their data chunk by chunk, and check their size and CRC-32.

Decoding fails as soon as a member turns out to be larger than its recorded size. Only one chunk of
output is in memory at a time.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7 and 4.4
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import (
    LOCAL_HEADER,
    CentralDirectoryEntry,
)
from ghartifacts_async._archive.zip_format.local_header import data_offset
from ghartifacts_async.errors import DamagedArchive, UnsafeMember, UnsupportedMember

MemberChunk: TypeAlias = tuple[CentralDirectoryEntry, bytes]
"""A member and its next decoded bytes; ``b""`` means that it is complete and has been checked."""

MAX_CHUNK_SIZE = 2**20

_STORED, _DEFLATED = 0, 8
_ENCRYPTION_FLAGS = 0x1 | 0x40 | 0x2000
_PATCH_FLAG = 0x20
_MAX_OVERHEAD = 2**16
_USUAL_EXTRA_SIZE = 256
_MAX_EXTRA_SIZE = 2**16


def group_members(
    entries: Iterable[CentralDirectoryEntry], *, max_gap: int, max_size: int, max_members: int
) -> Iterator[MemberDecoder]:
    """Group members that lie close together, and yield a decoder for each group.

    Args:
        entries: The members to decode, in any order.
        max_gap: Largest gap in bytes between two consecutive members of a group. Reading and
            skipping a gap of this size is cheaper than starting a new group.
        max_size: Maximum size of a group in bytes. A group of one member may be larger.
        max_members: Maximum number of members in a group.
    """
    group: list[CentralDirectoryEntry] = []
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if group and (
            entry.header_offset - _min_end(group[-1]) > max_gap
            or _min_end(entry) - group[0].header_offset > max_size
            or len(group) >= max_members
        ):
            yield MemberDecoder(group)
            group = []
        group.append(entry)
    if group:
        yield MemberDecoder(group)


class MemberDecoder:
    """Decodes a group of members from the bytes of the archive, which are fed in order.

    Args:
        entries: The members, ordered by `header_offset`.

    Attributes:
        start: Offset in the archive of the first byte to feed.
        stop: Estimated offset after the last byte to feed. It becomes exact when the local header
            of the last member has been decoded, and it increases if that header turns out to be
            unusually long.

    Raises:
        UnsupportedMember: A member is encrypted, or its compression method is not supported.
        UnsafeMember: A member has two names.
        DamagedArchive: The sizes in a member's entry contradict each other.
    """

    def __init__(self, entries: Sequence[CentralDirectoryEntry]) -> None:
        for entry in entries:
            _check_supported(entry)
        self._entries = deque(entries)
        self.start = entries[0].header_offset
        self.stop = min(entries[-1].next_offset, _min_end(entries[-1]) + _USUAL_EXTRA_SIZE)
        self._position = self.start
        self._buffer = memoryview(b"")
        self._data: _DataDecoder | None = None

    @property
    def done(self) -> bool:
        """Whether all members have been decoded and checked."""
        return not self._entries

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the archive."""
        self._buffer = memoryview(bytes(self._buffer) + data if self._buffer else data)

    def next(self) -> MemberChunk | None:
        """Decode the next chunk.

        Returns:
            A member and its bytes, or ``None`` if more bytes must be fed or all members are done.

        Raises:
            DamagedArchive: A member does not match its entry in the central directory.
        """
        if not self._entries:
            return None
        entry = self._entries[0]
        if self._data is None:
            self._data = self._start_data(entry)
            if self._data is None:
                return None
        chunk, consumed = self._data.decode(self._buffer)
        self._consume(consumed)
        if chunk == b"":
            self._entries.popleft()
            self._data = None
        return None if chunk is None else (entry, chunk)

    def _start_data(self, entry: CentralDirectoryEntry) -> _DataDecoder | None:
        """Check the local header, and return a decoder for the data after it.

        Returns:
            The decoder, or ``None`` if more bytes of the header must be fed first.
        """
        self._consume(min(entry.header_offset - self._position, len(self._buffer)))
        offset = None
        if self._position >= entry.header_offset:
            offset = data_offset(entry, self._buffer)
        is_last = len(self._entries) == 1
        if offset is None:
            if is_last and self._position + len(self._buffer) >= self.stop:
                # The extra fields are longer than usual.
                self.stop = min(entry.next_offset, self.stop + _MAX_EXTRA_SIZE)
            return None
        self._consume(offset - self._position)
        if is_last:
            self.stop = offset + entry.member.compressed_size
        return _DataDecoder(entry)

    def _consume(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._position += count


class _DataDecoder:
    """Decodes the compressed data of one member."""

    def __init__(self, entry: CentralDirectoryEntry) -> None:
        self._entry = entry
        self._remaining = entry.member.compressed_size
        self._decoded = self._crc32 = 0
        self._inflater = zlib.decompressobj(-15) if entry.method == _DEFLATED else None

    def decode(self, buffer: memoryview) -> tuple[bytes | None, int]:
        """Decode the next chunk.

        Returns:
            The chunk, and the number of bytes of `buffer` that were consumed. The chunk is ``b""``
            at the end of the member, and ``None`` if more bytes are needed.
        """
        data = buffer[: self._remaining]
        if self._inflater is None:
            chunk = bytes(data[:MAX_CHUNK_SIZE])
            consumed, ended = len(chunk), self._remaining == len(chunk)
        else:
            chunk, consumed = self._inflate(self._inflater, data)
            ended = self._inflater.eof
        self._remaining -= consumed
        self._decoded += len(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        size = self._entry.member.size
        if self._decoded > size:
            raise self._damaged(f"it decompresses to more than the recorded {size} bytes")
        if chunk:
            return chunk, consumed
        if ended:
            self._check()
            return b"", consumed
        if self._remaining == 0:
            raise self._damaged("its compressed data is truncated")
        return None, consumed

    def _inflate(self, inflater: zlib._Decompress, data: memoryview) -> tuple[bytes, int]:
        if inflater.eof:
            return b"", 0
        # Allow one byte more than the recorded size, so that `decode` notices longer data.
        max_size = min(MAX_CHUNK_SIZE, self._entry.member.size - self._decoded + 1)
        try:
            chunk = inflater.decompress(data, max_size)
        except zlib.error:
            chunk = None
        if chunk is None:
            raise self._damaged("its compressed data is invalid")
        return chunk, len(data) - len(inflater.unconsumed_tail) - len(inflater.unused_data)

    def _check(self) -> None:
        member = self._entry.member
        if self._remaining:
            raise self._damaged(f"{self._remaining} bytes follow the end of its compressed data")
        if self._decoded != member.size:
            raise self._damaged(
                f"it decompresses to {self._decoded} bytes instead of the recorded {member.size}"
            )
        if self._crc32 != member.crc32:
            raise self._damaged(
                f"its CRC-32 is {self._crc32:08x} instead of the recorded {member.crc32:08x}"
            )

    def _damaged(self, reason: str) -> DamagedArchive:
        name = self._entry.member.name
        return DamagedArchive(f"{quote_name(name)} is damaged: {reason}", member=name)


def _check_supported(entry: CentralDirectoryEntry) -> None:
    """Check that a member can be decoded and that its entry does not contradict itself."""
    member = entry.member
    name, quoted = member.name, quote_name(member.name)
    if entry.has_unicode_path:
        raise UnsafeMember(f"{quoted} has a second name in a Unicode Path extra field", member=name)
    if entry.flags & _ENCRYPTION_FLAGS:
        raise UnsupportedMember(f"{quoted} is encrypted", member=name)
    if entry.method not in {_STORED, _DEFLATED} or entry.flags & _PATCH_FLAG:
        raise UnsupportedMember(
            f"{quoted} uses compression method {entry.method}; only 0 (stored) and 8 (deflate) "
            "are supported",
            member=name,
        )
    if member.compressed_size > 2 * member.size + _MAX_OVERHEAD:
        raise DamagedArchive(
            f"{quoted} is damaged: its compressed size of {member.compressed_size} bytes is too "
            f"large for its size of {member.size} bytes",
            member=name,
        )
    if entry.method == _STORED and member.compressed_size != member.size:
        raise DamagedArchive(
            f"{quoted} is damaged: it is not compressed, but its compressed size of "
            f"{member.compressed_size} bytes differs from its size of {member.size} bytes",
            member=name,
        )


def _min_end(entry: CentralDirectoryEntry) -> int:
    """Return the end offset of a member, assuming that its local header has no extra fields."""
    header_size = LOCAL_HEADER.size + len(entry.raw_name)
    return entry.header_offset + header_size + entry.member.compressed_size
