"""The last bytes of an archive, which contain its central directory."""

from __future__ import annotations

from ghartifacts_async._download.verification import END_OF_ZIP
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import ArchiveLimitExceeded
from ghartifacts_async.models import ArchiveLimits

TAIL_SIZE = 2**17
"""How many bytes at the end of an archive to fetch first: enough for about 1,000 entries."""

_BYTES_PER_MEMBER = 512


class MissingBytesError(Exception):
    """The parser needs bytes that the `ArchiveTail` does not hold yet.

    Attributes:
        start: Offset of the first missing byte. The missing bytes end at `ArchiveTail.start`.
    """

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


class ArchiveTail:
    """The last bytes of an archive.

    Args:
        total: Size of the whole archive in bytes.
        limits: `max_members` determines how many bytes may be held in memory.

    Attributes:
        total: Size of the whole archive in bytes.
        start: Offset in the archive of the first byte held in memory.
        limits: The limits.
    """

    def __init__(self, total: int, limits: ArchiveLimits) -> None:
        self.total = total
        self.start = total
        self.limits = limits
        self._data = b""

    def prepend(self, data: bytes) -> None:
        """Add the bytes that come immediately before `start` in the archive."""
        self._data = data + self._data
        self.start -= len(data)

    def read(self, start: int, stop: int) -> memoryview:
        """Return the bytes from `start` up to, but not including, `stop`.

        Raises:
            MissingBytesError: The bytes have not been fetched yet.
            ArchiveLimitExceeded: The bytes belong to a central directory with too many members.
        """
        if start < self.start:
            if self.total - start > END_OF_ZIP + _BYTES_PER_MEMBER * self.limits.max_members:
                raise too_many_members(self.limits)
            raise MissingBytesError(start)
        return memoryview(self._data)[start - self.start : stop - self.start]


def too_many_members(limits: ArchiveLimits) -> ArchiveLimitExceeded:
    """Return the error for an archive with more members than allowed."""
    return ArchiveLimitExceeded(
        f"the archive has more than {limits.max_members} members; raise ArchiveLimits.max_members "
        "to read it",
        limit="max_members",
        allowed=limits.max_members,
    )


def quote_name(name: str) -> str:
    """Quote a member's name for a message: escaped, and shortened if it is long."""
    return f"'{printable(name)}'"
