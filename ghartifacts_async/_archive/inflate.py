"""Members out of the bytes that hold them: inflated piece by piece, and checked to the last one.

What a member claims bounds what it becomes: one byte more than its size is an error, and never
more than a piece is in memory.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7 and 4.4
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from ghartifacts_async._archive.central_directory import LOCAL_HEADER, CentralDirectoryEntry, shown
from ghartifacts_async._archive.local_header import data_start
from ghartifacts_async.errors import DamagedArchive, UnsafeMember, UnsupportedMember

MemberChunk: TypeAlias = tuple[CentralDirectoryEntry, bytes]
"""Bytes of a member, ``b""`` once all of them came and are right."""

LARGEST_PIECE = 2**20

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PATCH = 0x20
_OVERHEAD = 2**16
_SLACK = 256
_LONGEST_EXTRA = 2**16


def runs(
    entries: Iterable[CentralDirectoryEntry], *, gap: int, size: int, members: int
) -> Iterator[Run]:
    """Neighbours together, in the order of the archive.

    Args:
        entries: Those that are wanted.
        gap: Bytes that are rather fetched for nothing than with another request.
        size: Bytes of a run at most, unless it is of one member.
        members: Members of a run at most.
    """
    run: list[CentralDirectoryEntry] = []
    for entry in sorted(entries, key=lambda entry: entry.start):
        if run and (
            entry.start - _least_stop(run[-1]) > gap
            or _least_stop(entry) - run[0].start > size
            or len(run) >= members
        ):
            yield Run(run)
            run = []
        run.append(entry)
    if run:
        yield Run(run)


class Run:
    """Members that lie side by side, out of bytes that come in order.

    Args:
        entries: Which, by their `start`.

    Attributes:
        start: Of the first.
        stop: Behind the last as far as is known: its header may move it.

    Raises:
        UnsupportedMember: One cannot be unpacked.
        UnsafeMember: One has two names.
        DamagedArchive: One contradicts itself.
    """

    def __init__(self, entries: Sequence[CentralDirectoryEntry]) -> None:
        for entry in entries:
            check(entry)
        self._entries = deque(entries)
        self.start = entries[0].start
        self.stop = min(entries[-1].room, _least_stop(entries[-1]) + _SLACK)
        self._at = self.start
        self._buffer = memoryview(b"")
        self._data: _Data | None = None

    @property
    def done(self) -> bool:
        """Whether all of it came."""
        return not self._entries

    def feed(self, data: bytes) -> None:
        """Give it the next bytes."""
        self._buffer = memoryview(bytes(self._buffer) + data if self._buffer else data)

    def next(self) -> MemberChunk | None:
        """The next piece, ``None`` where more bytes are needed, or none are.

        Raises:
            DamagedArchive: The bytes are not those that the directory tells of.
        """
        if not self._entries:
            return None
        entry = self._entries[0]
        if self._data is None:
            self._use(min(entry.start - self._at, len(self._buffer)))
            start = None if self._at < entry.start else data_start(entry, self._buffer)
            if start is None:
                self._want_header(entry)
                return None
            self._use(start - self._at)
            self._data = _Data(entry)
            if len(self._entries) == 1:
                self.stop = start + entry.member.compressed_size
        piece, used = self._data.take(self._buffer)
        self._use(used)
        if piece == b"":
            self._entries.popleft()
            self._data = None
        return None if piece is None else (entry, piece)

    def _want_header(self, entry: CentralDirectoryEntry) -> None:
        """More stands in the local header than in most."""
        if len(self._entries) == 1 and self._at + len(self._buffer) >= self.stop:
            self.stop = min(entry.room, self.stop + _LONGEST_EXTRA)

    def _use(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._at += count


class _Data:
    """The data of one member."""

    def __init__(self, entry: CentralDirectoryEntry) -> None:
        self._entry = entry
        self._left = entry.member.compressed_size
        self._came = self._crc = 0
        self._inflater = zlib.decompressobj(-15) if entry.method == _DEFLATED else None

    def take(self, buffer: memoryview) -> tuple[bytes | None, int]:
        """A piece, ``b""`` at the end and ``None`` for want of bytes; and how many were used."""
        data = buffer[: self._left]
        if self._inflater is None:
            piece = bytes(data[:LARGEST_PIECE])
            used, ended = len(piece), self._left == len(piece)
        else:
            piece, used = self._inflate(self._inflater, data)
            ended = self._inflater.eof
        self._left -= used
        self._came += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        if self._came > self._entry.member.size:
            raise self._damaged(f"it becomes more than the {self._entry.member.size} bytes of it")
        if piece:
            return piece, used
        if ended:
            self._check()
            return b"", used
        if self._left == 0:
            raise self._damaged("its data ends too early")
        return None, used

    def _inflate(self, inflater: zlib._Decompress, data: memoryview) -> tuple[bytes, int]:
        if inflater.eof:
            return b"", 0
        most = min(LARGEST_PIECE, self._entry.member.size - self._came + 1)
        try:
            piece = inflater.decompress(data, most)
        except zlib.error:
            piece = None
        if piece is None:
            raise self._damaged("its data cannot be inflated")
        return piece, len(data) - len(inflater.unconsumed_tail) - len(inflater.unused_data)

    def _check(self) -> None:
        member = self._entry.member
        if self._left:
            raise self._damaged(f"{self._left} bytes are behind the end of its data")
        if self._came != member.size:
            raise self._damaged(f"{self._came} bytes came of {member.size}")
        if self._crc != member.crc32:
            raise self._damaged(f"its CRC-32 is {self._crc:08x}, not {member.crc32:08x}")

    def _damaged(self, reason: str) -> DamagedArchive:
        name = self._entry.member.name
        return DamagedArchive(f"{shown(name)}: {reason}", member=name)


def check(entry: CentralDirectoryEntry) -> None:
    """Make sure that a member is of a kind that can be unpacked.

    Raises:
        UnsupportedMember: It is encrypted, or compressed in another way.
        UnsafeMember: It has two names.
        DamagedArchive: It contradicts itself.
    """
    member = entry.member
    name = member.name
    if entry.two_names:
        raise UnsafeMember(f"{shown(name)} has another name beside this one", member=name)
    if entry.flags & _ENCRYPTED:
        raise UnsupportedMember(f"{shown(name)} is encrypted", member=name)
    if entry.method not in {_STORED, _DEFLATED} or entry.flags & _PATCH:
        raise UnsupportedMember(
            f"{shown(name)} is compressed by method {entry.method}; 0 and 8 can be unpacked",
            member=name,
        )
    if member.compressed_size > 2 * member.size + _OVERHEAD:
        raise DamagedArchive(
            f"{shown(name)} is of {member.size} bytes, and of {member.compressed_size} compressed",
            member=name,
        )
    if entry.method == _STORED and member.compressed_size != member.size:
        raise DamagedArchive(f"{shown(name)} is stored, and of two sizes", member=name)


def _least_stop(entry: CentralDirectoryEntry) -> int:
    """Behind the member, if there is nothing in its local header but its name."""
    return entry.start + LOCAL_HEADER.size + len(entry.raw_name) + entry.member.compressed_size
