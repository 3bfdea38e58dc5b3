"""An archive that must be rejected, with the expected error."""

from __future__ import annotations

from attrs import frozen

from ghartifacts_async import ArchiveError, ArchiveLimits


@frozen
class RejectedArchive:
    """An archive and the error that extracting it must raise.

    Attributes:
        label: What is wrong with the archive.
        archive: The archive.
        error: The exact class of the expected error.
        member: The expected value of `ArchiveError.member`.
        limits: The limits for the extraction.
        portable: Whether to extract the archive with ``portable=True``.
    """

    label: str
    archive: bytes
    error: type[ArchiveError]
    member: str | None = None
    limits: ArchiveLimits = ArchiveLimits()  # noqa: RUF009 - it is frozen
    portable: bool = False
