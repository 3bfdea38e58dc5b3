"""Files as the official uploader leaves them: zip archives written to a stream, and digests.

The uploader never seeks back. Every entry therefore has bit 3 set, zeros for CRC and sizes in
its local header, and a signed data descriptor behind its data: whoever reads such an archive
learns the sizes from the central directory alone.
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
    """A file that can only be written on: what makes `zipfile` use data descriptors."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def write_archive(path: Path, members: Mapping[str, bytes | str], modified: datetime) -> None:
    """Zip the members into a new file, in their order, as the uploader does.

    Args:
        path: The file to write.
        members: Contents by member name; text is encoded as UTF-8, and a name that ends in a
            slash makes an (empty) directory entry. Names are taken as they are, safe or not.
        modified: The time of every entry; zip knows none before 1980.
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
    """Return a file's digest as GitHub writes it, `sha256:<hex>`, read piece by piece."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
