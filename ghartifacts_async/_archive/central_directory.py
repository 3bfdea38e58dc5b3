"""What a zip tells of its members, and whether that may be believed.

The central directory lies at the end of a payload, and it alone knows the sizes: the official
uploader leaves zeros in the local headers. The standard library's `zipfile` parses it, over a
`View` that holds the payload's end and says what else is wanted. What it finds is hostile: sizes
are checked again where the bytes are unpacked, names where they become paths.

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

from ghartifacts_async._download.verification import END_OF_ZIP
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import ArchiveLimitExceeded, DamagedArchive, NotAZip, UnsafeMember
from ghartifacts_async.models import ArchiveLimits, Member

TAIL = 2**17
"""How many of the last bytes are asked for first: a directory of a thousand members fits in."""

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
UTF8 = 0x800

_DIRECTORY_MARK = b"PK\x01\x02"
_DIRECTORY_LENGTHS = struct.Struct("<4s24x3H12x")
_END_MARK = b"PK\x05\x06"
_END = struct.Struct("<20xH")
_BYTES_FOR_A_MEMBER = 512
_LONGEST_NAME = 4096
_LONGEST_EXTRA = 1024
_BYTES_OF_NAMES = 2**24
_UNICODE_PATH = 0x7075
_UNIX_SYSTEMS = frozenset({3, 19})
_IS_DIRECTORY = 0o040000
_KIND = 0o170000


class WantedError(Exception):
    """The view lacks bytes.

    Attributes:
        start: From which on the payload is wanted, to where the view begins.
    """

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


class View:
    """The end of a payload, as the file that `zipfile` reads.

    Args:
        total: Bytes of the payload.
        limits: What of it is held at most.
    """

    def __init__(self, total: int, limits: ArchiveLimits) -> None:
        self.total = total
        self.begins = total
        self._data = b""
        self._at = 0
        self._limits = limits

    def prepend(self, data: bytes) -> None:
        """Hold the bytes that end where the view begins."""
        self._data = data + self._data
        self.begins -= len(data)

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go elsewhere, counted from the start or, with 2, from the end."""
        at = offset + (self.total if whence else 0)
        if at < 0:
            raise OSError("before the start")
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        """What is there, of `size` bytes at most.

        Raises:
            WantedError: The view does not hold it.
            ArchiveLimitExceeded: It shall not, or it is the directory of too many members.
        """
        stop = self.total if size < 0 else min(self.total, self._at + size)
        if self._at >= stop:
            return b""
        if self._at < self.begins:
            most = END_OF_ZIP + _BYTES_FOR_A_MEMBER * self._limits.max_members
            if self.total - self._at > most:
                raise _too_many(self._limits)
            raise WantedError(self._at)
        data = self._data[self._at - self.begins : stop - self.begins]
        self._at = stop
        _check_lengths(data, self._limits)
        return data


@frozen
class CentralDirectoryEntry:
    """A member, and where it lies.

    Attributes:
        start: Position of its local header.
        room: Where what comes next begins.
        flags: Its general purpose bits.
        method: How it is compressed.
        two_names: Whether a field beside its name tells another, which some readers take.
    """

    member: Member
    start: int
    room: int
    flags: int
    method: int
    two_names: bool = False

    @property
    def raw_name(self) -> bytes:
        """Its name as it stands in the archive."""
        return _raw(self.member.name, self.flags)


def parse(view: View) -> list[CentralDirectoryEntry]:
    """The members that the directory tells of, in its order.

    Raises:
        WantedError: The view lacks bytes; prepend them, and try again.
        NotAZip: There is no end record that closes the payload.
        DamagedArchive: It contradicts itself, or members overlap.
        ArchiveLimitExceeded: It is of too many members.
    """
    view.seek(max(0, view.total - END_OF_ZIP))
    _check_end(view.read(), view.total)
    try:
        with zipfile.ZipFile(view) as archive:
            archive.NameToInfo.clear()
            return _entries(archive.infolist(), archive.start_dir)
    except (zipfile.BadZipFile, NotImplementedError, struct.error, UserWarning) as error:
        reason = str(error)
    except (ValueError, OverflowError) as error:
        reason = f"the directory cannot be read ({type(error).__name__})"
    raise DamagedArchive(f"the archive is damaged: {printable(reason)}")


def _check_end(tail: bytes, total: int) -> None:
    """Make sure that the payload ends with an end record, and in one way only.

    Of a payload that merely holds an archive near its end, `zipfile` would read that one.
    """
    at = tail.rfind(_END_MARK)
    if at < 0 or not _closes(tail, at):
        raise NotAZip(f"the payload of {total} bytes does not end as a zip archive does")
    while (at := tail.rfind(_END_MARK, 0, at)) >= 0:
        if _closes(tail, at):
            raise DamagedArchive("the archive is damaged: it ends with another one in its comment")


def _closes(tail: bytes, at: int) -> bool:
    """Whether an end record with its comment reaches to the last byte."""
    stop = at + _END.size
    return stop <= len(tail) and stop + _END.unpack_from(tail, at)[0] == len(tail)


def _entries(infos: list[zipfile.ZipInfo], end: int) -> list[CentralDirectoryEntry]:
    order = sorted(range(len(infos)), key=lambda n: infos[n].header_offset)
    rooms = [end] * len(infos)
    for one, other in pairwise(order):
        rooms[one] = infos[other].header_offset
    moment = cache(_moment)
    entries: list[CentralDirectoryEntry] = []
    infos.reverse()
    for room in rooms:
        # One goes as the other comes, for 66,000 of both are much.
        info = infos.pop()
        entry = _entry(info, room, moment(info.date_time))
        entries.append(entry)
        size = LOCAL_HEADER.size + len(entry.raw_name) + entry.member.compressed_size
        if entry.start < 0 or entry.start + size > room:
            raise DamagedArchive(
                f"{shown(entry.member.name)} lies where other members do, or outside",
                member=entry.member.name,
            )
    return entries


def _entry(info: zipfile.ZipInfo, room: int, modified: datetime | None) -> CentralDirectoryEntry:
    # Not `filename`, of which zipfile has cut off what follows a NUL.
    name = info.orig_filename
    mode = info.external_attr >> 16 if info.create_system in _UNIX_SYSTEMS else 0
    member = Member(
        name,
        info.file_size,
        info.compress_size,
        info.CRC,
        modified,
        mode,
        name.endswith("/") or mode & _KIND == _IS_DIRECTORY,
    )
    two_names = has_other_name(info.extra)
    return CentralDirectoryEntry(
        member, info.header_offset, room, info.flag_bits, info.compress_type, two_names
    )


def fields(extra: bytes | memoryview) -> Iterator[tuple[int, bytes | memoryview]]:
    """What stands beside a name: kinds and contents."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def has_other_name(extra: bytes | memoryview) -> bool:
    """Whether another name stands there, as of section 4.6.9."""
    return any(kind == _UNICODE_PATH for kind, _ in fields(extra))


def _moment(parts: tuple[int, int, int, int, int, int]) -> datetime | None:
    try:
        return datetime(*parts, tzinfo=UTC)
    except ValueError:
        return None


def _check_lengths(data: bytes, limits: ArchiveLimits) -> None:
    """Keep from `zipfile` what would cost it much more time or memory than the bytes are worth."""
    at = count = names = 0
    while data.startswith(_DIRECTORY_MARK, at) and len(data) - at >= _DIRECTORY_LENGTHS.size:
        _, name, extra, comment = _DIRECTORY_LENGTHS.unpack_from(data, at)
        count += 1
        if count > limits.max_members:
            raise _too_many(limits)
        names += name
        begin = at + _DIRECTORY_LENGTHS.size
        reason = ""
        if name > _LONGEST_NAME or extra > _LONGEST_EXTRA:
            reason = (
                f"has a name of {name} bytes and {extra} bytes beside it; "
                "no system knows paths that long"
            )
        elif names > _BYTES_OF_NAMES:
            reason = f"is where the names become more than {_BYTES_OF_NAMES} bytes"
        elif data.find(b"\0", begin, begin + name) >= 0:
            reason = "holds control characters"
        if reason:
            text = data[begin : begin + name].decode("utf-8", "replace")
            raise UnsafeMember(f"{shown(text)} {reason}", member=text)
        at = begin + name + extra + comment


def _too_many(limits: ArchiveLimits) -> ArchiveLimitExceeded:
    return ArchiveLimitExceeded(
        f"the archive has more than {limits.max_members} members",
        limit="max_members",
        allowed=limits.max_members,
    )


def _raw(name: str, flags: int) -> bytes:
    return name.encode("utf-8" if flags & UTF8 or name.isascii() else "cp437")


def shown(name: str) -> str:
    """A member's name for a line of our own: quoted, escaped, and not too long."""
    return f"'{printable(name)}'"
