"""Check the bytes between the data of a member and the next member."""

from __future__ import annotations

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from ghartifacts_async._archive.zip_format.end_record import LOCAL_SIGNATURE
from ghartifacts_async._archive.zip_format.local_header import (
    MAX_DESCRIPTOR_SIZE,
    LocalHeader,
    check_descriptor,
)
from ghartifacts_async.errors import DamagedArchive


class MemberGap:
    """The bytes between a member's data and the next member: usually a data descriptor, or none.

    Args:
        entry: The member.
        header: Its local header.
        size: Size of the gap in bytes.
        whole: Whether to check the whole gap, or only the data descriptor.

    Attributes:
        remaining: Number of bytes that have not been checked yet.
    """

    def __init__(
        self, entry: CentralDirectoryEntry, header: LocalHeader, size: int, *, whole: bool
    ) -> None:
        self._entry = entry
        self._has_descriptor = header.check_descriptor
        self._last_bytes = b""
        self.remaining = size
        if not whole:
            self.remaining = min(size, MAX_DESCRIPTOR_SIZE)

    @property
    def done(self) -> bool:
        """Whether all bytes have been checked."""
        return self.remaining == 0 and not self._has_descriptor

    def check(self, buffer: memoryview) -> int:
        """Check the next bytes, and return how many of them were consumed.

        Raises:
            DamagedArchive: There is a hidden member, or the data descriptor is wrong.
        """
        data = bytes(buffer[: self.remaining])
        if self._has_descriptor:
            if len(data) < min(self.remaining, MAX_DESCRIPTOR_SIZE):
                return 0
            check_descriptor(self._entry, data)
            self._has_descriptor = False
        text = self._last_bytes + data
        if LOCAL_SIGNATURE in text:
            name = self._entry.member.name
            raise DamagedArchive(
                f"the archive is damaged: {quote_name(name)} is followed by a member that is not "
                "in the central directory",
                member=name,
            )
        self._last_bytes = text[1 - len(LOCAL_SIGNATURE) :]
        self.remaining -= len(data)
        return len(data)
