"""Writing zip archives in the format of the official uploader, and hashing files.

The uploader writes to a stream and never seeks back. Every entry therefore has flag bit 3 set,
zeros for the CRC and the sizes in its local header, and a data descriptor with a signature after
its data. A reader that needs the sizes before the data must take them from the central directory.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_VERSION_MADE_BY = 45
_LEVEL = 6
_FILE_ATTRIBUTES = (stat.S_IFREG | 0o644) << 16 | 0x20
_DIRECTORY_ATTRIBUTES = (stat.S_IFDIR | 0o755) << 16 | 0x10


class _Unseekable:
    """A write-only file without `seek`, which makes `zipfile` use data descriptors."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def write_archive(path: Path, members: Mapping[str, bytes | str], modified: datetime) -> None:
    """Zip members into a new file, in the given order and in the uploader's format.

    Args:
        path: The file to create.
        members: Contents by member name. Text is encoded as UTF-8. A name that ends in a slash
            creates a directory entry. Names are written unchanged, even unsafe ones.
        modified: The modification time of every entry. A time before 1980 becomes 1980, the
            earliest that zip can express.
    """
    with path.open("xb") as file, zipfile.ZipFile(_Unseekable(file), "w") as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, max(modified.timetuple()[:6], _EARLIEST))
            entry.create_system = 3
            entry.create_version = _VERSION_MADE_BY
            if entry.is_dir():
                entry.extract_version = 10
                entry.CRC = 0
                entry.external_attr = _DIRECTORY_ATTRIBUTES
                archive.mkdir(entry)
            else:
                entry.external_attr = _FILE_ATTRIBUTES
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, _LEVEL)


def sha256_of(path: Path) -> str:
    """Return the digest of a file as GitHub writes it, `sha256:<hex>`, reading it in chunks."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
