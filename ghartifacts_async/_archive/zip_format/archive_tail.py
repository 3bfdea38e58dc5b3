"""The last bytes of an archive, as a file object for the standard library's `zipfile`.

Entries of the central directory are untrusted, so `zipfile` gets them only after their lengths and
their number have been checked.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3.12
"""

from __future__ import annotations

import struct

from ghartifacts_async._download.verification import END_OF_ZIP
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import ArchiveLimitExceeded, UnsafeMember
from ghartifacts_async.models import ArchiveLimits

TAIL_SIZE = 2**17
"""How many bytes at the end of an archive to fetch first: enough for about 1,000 entries."""

_ENTRY_SIGNATURE = b"PK\x01\x02"
_ENTRY_LENGTHS = struct.Struct("<4s24x3H12x")
_BYTES_PER_MEMBER = 512
_MAX_NAME_SIZE = 4096
_MAX_EXTRA_SIZE = 1024
_MAX_SIZE_OF_NAMES = 2**24


class MissingBytesError(Exception):
    """The parser needs bytes that the `ArchiveTail` does not hold yet.

    Attributes:
        start: Offset of the first missing byte. The missing bytes end at `ArchiveTail.start`.
    """

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


class ArchiveTail:
    """The last bytes of an archive, as a file object for `zipfile`.

    Args:
        total: Size of the whole archive in bytes.
        limits: `max_members` determines how many bytes may be held in memory.

    Attributes:
        total: Size of the whole archive in bytes.
        start: Offset in the archive of the first byte held in memory.
    """

    def __init__(self, total: int, limits: ArchiveLimits) -> None:
        self.total = total
        self.start = total
        self._data = b""
        self._position = 0
        self._limits = limits

    def prepend(self, data: bytes) -> None:
        """Add the bytes that come immediately before `start` in the archive."""
        self._data = data + self._data
        self.start -= len(data)

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte to read."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the offset of the next byte to read.

        Args:
            offset: Offset in bytes from the start of the archive, or from its end.
            whence: 0 to count `offset` from the start, 2 to count it from the end.
        """
        position = offset + (self.total if whence else 0)
        if position < 0:
            raise OSError("cannot seek to before the start of the archive")
        self._position = position
        return position

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes, or all remaining bytes if `size` is negative.

        Raises:
            MissingBytesError: The bytes have not been fetched yet.
            ArchiveLimitExceeded: The bytes belong to a central directory with too many members.
            UnsafeMember: The bytes contain an entry with an invalid name, or with a name or extra
                fields that are too long.
        """
        stop = self.total if size < 0 else min(self.total, self._position + size)
        if self._position >= stop:
            return b""
        if self._position < self.start:
            max_size = END_OF_ZIP + _BYTES_PER_MEMBER * self._limits.max_members
            if self.total - self._position > max_size:
                raise _too_many_members(self._limits)
            raise MissingBytesError(self._position)
        data = self._data[self._position - self.start : stop - self.start]
        self._position = stop
        _check_entry_lengths(data, self._limits)
        return data


def _check_entry_lengths(data: bytes, limits: ArchiveLimits) -> None:
    """Check the lengths in a central directory before `zipfile` parses it.

    For each entry, `zipfile` uses much more memory than the entry's size, and time that is
    quadratic in the length of its extra fields.
    """
    position = count = size_of_names = 0
    while data.startswith(_ENTRY_SIGNATURE, position):
        if len(data) - position < _ENTRY_LENGTHS.size:
            return
        _, name_length, extra_length, comment_length = _ENTRY_LENGTHS.unpack_from(data, position)
        count += 1
        if count > limits.max_members:
            raise _too_many_members(limits)
        size_of_names += name_length
        start = position + _ENTRY_LENGTHS.size
        reason = _refusal(name_length, extra_length, size_of_names)
        if not reason and data.find(b"\0", start, start + name_length) >= 0:
            reason = "has control characters in its name"
        if reason:
            name = data[start : start + name_length].decode("utf-8", "replace")
            raise UnsafeMember(f"{quote_name(name)} {reason}", member=name)
        position = start + name_length + extra_length + comment_length


def _refusal(name_length: int, extra_length: int, size_of_names: int) -> str:
    """Return why an entry with these lengths is refused, or ``""``."""
    if name_length > _MAX_NAME_SIZE:
        return f"has a name of {name_length} bytes; at most {_MAX_NAME_SIZE} are allowed"
    if extra_length > _MAX_EXTRA_SIZE:
        return f"has extra fields of {extra_length} bytes; at most {_MAX_EXTRA_SIZE} are allowed"
    if size_of_names > _MAX_SIZE_OF_NAMES:
        return f"brings the total size of all names to more than {_MAX_SIZE_OF_NAMES} bytes"
    return ""


def _too_many_members(limits: ArchiveLimits) -> ArchiveLimitExceeded:
    return ArchiveLimitExceeded(
        f"the archive has more than {limits.max_members} members; raise ArchiveLimits.max_members "
        "to read it",
        limit="max_members",
        allowed=limits.max_members,
    )


def quote_name(name: str) -> str:
    """Quote a member's name for a message: escaped, and shortened if it is long."""
    return f"'{printable(name)}'"
