"""Clone a file by reflink, hard link or copy. Every method blocks."""

from __future__ import annotations

import errno
import hashlib
from contextlib import suppress

from ghartifacts_async._disk.directories import CreatedDirectories, Folder
from ghartifacts_async._disk.file_io import InputFile, OutputFile
from ghartifacts_async._disk.safe_open import Directory, close_quietly
from ghartifacts_async.models import Digest

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FICLONE = 0x40049409
_CHUNK = 2**20
_CHUNKS_PER_STEP = 32


class FileClone:
    """A second file with the same content as an existing one.

    It is a reflink if the file system supports that, otherwise a hard link if one can be made, and
    otherwise a copy. Call `link`, then `copy_step` if needed, then `publish`, and finally `close`.

    Args:
        source: Directory of the existing file.
        name: Name of the existing file.
        target: Directory of the clone. If it is missing, it is created.
        temporary: Name of the clone until `publish` gives it its final name in one step. No other
            process may use it.
        mode: Permissions of the clone, before the umask. A hard link has those of the file.
        durable: Sync the clone to disk, so that it survives a power failure.
        only_copy: Make a copy, because another user could exchange the file before it is linked.
            The digest of a copy is verified.
    """

    def __init__(
        self,
        source: Folder,
        name: str,
        target: Folder,
        temporary: str,
        *,
        mode: int,
        durable: bool,
        only_copy: bool,
    ) -> None:
        self._source = source
        self._name = name
        self._target = target
        self._temporary = temporary
        self._mode = mode
        self._durable = durable
        self._only_copy = only_copy
        self._created = CreatedDirectories()
        self._directory: Directory | None = None
        self._input: InputFile | None = None
        self._output: OutputFile | None = None
        self._position = 0
        self._hash = hashlib.sha256()

    def link(self) -> bool:
        """Try to make a reflink or a hard link. Return False if only a copy is possible."""
        directory = self._directory = self._target.open(self._created)
        directory.unlink(self._temporary)
        if self._only_copy:
            return False
        if self._reflink(directory):
            return True
        # A link is refused, for example, if the target is on another file system.
        with self._source.open() as source:
            return source.link(self._name, self._temporary, directory)

    def copy_step(self) -> bool:
        """Copy up to 32 MiB more. Return False when the whole file has been copied."""
        if self._input is None or self._output is None:
            assert self._directory is not None
            self._input = self._open_source()
            self._output = OutputFile(self._directory.create(self._temporary, self._mode))
        for _ in range(_CHUNKS_PER_STEP):
            if not (data := self._input.read(self._position, _CHUNK)):
                return False
            self._position += len(data)
            self._hash.update(data)
            self._output.write(data)
        return True

    def publish(self, name: str, digest: Digest) -> None:
        """Give the clone its final name.

        Args:
            name: Final name in the directory of the clone.
            digest: Expected SHA-256 of the content. Only a copy is checked against it.

        Raises:
            OSError: The clone cannot be renamed, or the copy does not match the digest.
        """
        if self._output is not None and self._hash.hexdigest() != digest.hex:
            raise OSError(errno.EIO, "the copy does not match the digest of its source")
        self._close()
        directory = self._directory
        assert directory is not None
        if self._durable:
            with InputFile(directory.path / self._temporary, directory) as file:
                file.sync()
        directory.rename(self._temporary, name)
        if self._durable:
            directory.sync()
            self._created.sync()

    def close(self) -> None:
        """Close the open files and remove the temporary file if it still exists."""
        with suppress(OSError):
            self._close()
        if self._directory is not None:
            # It exists even after `publish` if the target was already a hard link to the same
            # file, because renaming one hard link to another does nothing.
            self._directory.remove(self._temporary)
            self._directory.close()

    def _open_source(self) -> InputFile:
        with self._source.open() as source:
            return InputFile(source.path / self._name, source)

    def _reflink(self, directory: Directory) -> bool:
        if fcntl is None:
            return False
        with self._open_source() as source:
            descriptor = directory.create(self._temporary, self._mode)
            try:
                fcntl.ioctl(descriptor, _FICLONE, source.fileno())
            except OSError:
                directory.remove(self._temporary)
                return False
            finally:
                close_quietly(descriptor)
        return True

    def _close(self) -> None:
        source, output, self._input, self._output = self._input, self._output, None, None
        if source is not None:
            source.close()
        if output is not None:
            output.close()
