"""Decode members: decompress their data chunk by chunk, and check their size and CRC-32.

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
from ghartifacts_async._archive.zip_format.decompressors import (
    STORED,
    InvalidDataError,
    UnsupportedDataError,
    make_decompressor,
    unsupported_method,
)
from ghartifacts_async._archive.zip_format.end_record import LOCAL_SIGNATURE
from ghartifacts_async._archive.zip_format.local_header import parse_local_header
from ghartifacts_async._archive.zip_format.member_gap import MemberGap
from ghartifacts_async.errors import DamagedArchive, UnsupportedMember

MemberChunk: TypeAlias = tuple[CentralDirectoryEntry, bytes]
"""A member and its next decoded bytes; ``b""`` means that it is complete and has been checked."""

MAX_CHUNK_SIZE = 2**20

_ENCRYPTION_FLAGS = 0x1 | 0x40 | 0x2000
_PATCH_FLAG = 0x20
_MAX_OVERHEAD = 2**16
_USUAL_EXTRA_SIZE = 256
_MAX_EXTRA_SIZE = 2**16


def group_members(
    entries: Iterable[CentralDirectoryEntry], *, max_gap: int, max_size: int, max_members: int
) -> Iterator[MemberDecoder]:
    """Group members that lie close together, and yield a decoder for each group.

    The decoders check that there are no hidden members between the members.

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
            yield MemberDecoder(group, check_gaps=True)
            group = []
        group.append(entry)
    if group:
        yield MemberDecoder(group, check_gaps=True)


class MemberDecoder:
    """Decodes a group of members from the bytes of the archive, which are fed in order.

    Args:
        entries: The members, ordered by `header_offset`.
        check_gaps: Whether to check that no local header follows a member's data before the next
            member. Programs that read an archive from its start would find a member there.

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

    def __init__(
        self, entries: Sequence[CentralDirectoryEntry], *, check_gaps: bool = False
    ) -> None:
        for entry in entries:
            _check_supported(entry)
        self._entries = deque(entries)
        self._check_gaps = check_gaps
        self.start = entries[0].header_offset
        self.stop = min(entries[-1].next_offset, _min_end(entries[-1]) + _USUAL_EXTRA_SIZE)
        self._position = self.start
        self._buffer = memoryview(b"")
        self._data: _DataDecoder | None = None
        self._gap: MemberGap | None = None

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
        if self._data is not None or self._gap is None:
            if self._data is None and not self._start_data(entry):
                return None
            assert self._data is not None
            chunk, consumed = self._data.decode(self._buffer)
            self._consume(consumed)
            if chunk != b"":
                return None if chunk is None else (entry, chunk)
            self._data = None
        if self._gap is not None:
            self._consume(self._gap.check(self._buffer))
            if not self._gap.done:
                return None
            self._gap = None
        self._entries.popleft()
        return entry, b""

    def _start_data(self, entry: CentralDirectoryEntry) -> bool:
        """Check the local header, and start to decode the data after it.

        Returns:
            False if more bytes of the header must be fed first.
        """
        self._consume(min(entry.header_offset - self._position, len(self._buffer)))
        header = None
        if self._position >= entry.header_offset:
            header = parse_local_header(entry, self._buffer)
        is_last = len(self._entries) == 1
        if header is None:
            if is_last and self._position + len(self._buffer) >= self.stop:
                # The extra fields are longer than usual.
                self.stop = min(entry.next_offset, self.stop + _MAX_EXTRA_SIZE)
            return False
        self._consume(header.data_offset - self._position)
        data_end = header.data_offset + entry.member.compressed_size
        gap_size = entry.next_offset - data_end
        if header.check_descriptor or (self._check_gaps and gap_size >= len(LOCAL_SIGNATURE)):
            self._gap = MemberGap(entry, header, gap_size, whole=self._check_gaps)
        if is_last:
            self.stop = data_end + (self._gap.remaining if self._gap is not None else 0)
        self._data = _DataDecoder(entry)
        return True

    def _consume(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._position += count


class _DataDecoder:
    """Decodes the compressed data of one member."""

    def __init__(self, entry: CentralDirectoryEntry) -> None:
        self._entry = entry
        self._remaining = entry.member.compressed_size
        self._decoded = self._crc32 = 0
        self._decompressor = make_decompressor(entry)

    def decode(self, buffer: memoryview) -> tuple[bytes | None, int]:
        """Decode the next chunk.

        Returns:
            The chunk, and the number of bytes of `buffer` that were consumed. The chunk is ``b""``
            at the end of the member, and ``None`` if more bytes are needed.
        """
        size = self._entry.member.size
        chunk, consumed = b"", 0
        if not self._decompressor.ended:
            # Allow one byte more than the recorded size, to notice longer data.
            max_size = min(MAX_CHUNK_SIZE, size - self._decoded + 1)
            try:
                data = buffer[: self._remaining]
                chunk, consumed = self._decompressor.decompress(data, max_size)
            except InvalidDataError as error:
                raise self._damaged(str(error)) from None
            except UnsupportedDataError as error:
                name = self._entry.member.name
                raise UnsupportedMember(f"{quote_name(name)} {error}", member=name) from None
        self._remaining -= consumed
        self._decoded += len(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        if self._decoded > size:
            raise self._damaged(f"it decompresses to more than the recorded {size} bytes")
        if chunk:
            return chunk, consumed
        if self._decompressor.ended:
            self._check()
            return b"", consumed
        if self._remaining == 0:
            raise self._damaged("its compressed data is truncated")
        return None, consumed

    def _check(self) -> None:
        member = self._entry.member
        excess = self._remaining + self._decompressor.excess
        if excess:
            raise self._damaged(f"{excess} bytes follow the end of its compressed data")
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
    entry.check_name()
    if entry.flags & _ENCRYPTION_FLAGS:
        raise UnsupportedMember(f"{quoted} is encrypted", member=name)
    method = "PKWARE patches" if entry.flags & _PATCH_FLAG else unsupported_method(entry.method)
    if method:
        raise UnsupportedMember(
            f"{quoted} is compressed with {method}; only stored, deflate, bzip2, LZMA and, since "
            "Python 3.14, Zstandard are supported",
            member=name,
        )
    if member.compressed_size > 2 * member.size + _MAX_OVERHEAD:
        raise DamagedArchive(
            f"{quoted} is damaged: its compressed size of {member.compressed_size} bytes is too "
            f"large for its size of {member.size} bytes",
            member=name,
        )
    if entry.method == STORED and member.compressed_size != member.size:
        raise DamagedArchive(
            f"{quoted} is damaged: it is not compressed, but its compressed size of "
            f"{member.compressed_size} bytes differs from its size of {member.size} bytes",
            member=name,
        )


def _min_end(entry: CentralDirectoryEntry) -> int:
    """Return the end offset of a member, assuming that its local header has no extra fields."""
    header_size = LOCAL_HEADER.size + len(entry.raw_name)
    return entry.header_offset + header_size + entry.member.compressed_size
