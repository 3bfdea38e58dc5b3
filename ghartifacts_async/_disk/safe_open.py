"""Open files and directories safely. No other module opens them. Every function blocks.

Another user may be able to write to a directory that we use, and can then replace our files with
links, FIFOs or other files. So a file is opened by its name in an open directory, never follows a
link, and is checked after it is opened. Windows has no directory descriptors; there, paths are
used, and the same checks are made.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Self

from ghartifacts_async._disk.trust import UnsafeFile, check_file, owner_problem

NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV}
"""Error numbers that mean that the file system does not support an operation."""

BY_DESCRIPTOR = (
    {os.open, os.mkdir, os.rename, os.stat, os.unlink, os.rmdir, os.link} <= os.supports_dir_fd
    and os.listdir in os.supports_fd
    and shutil.rmtree.avoids_symlink_attacks
)
"""Whether the system can open files relative to a directory descriptor."""

_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_FILE = _NO_FOLLOW | sum(getattr(os, f"O_{name}", 0) for name in ("BINARY", "CLOEXEC", "NONBLOCK"))
_DIRECTORY: int = sum(getattr(os, f"O_{name}", 0) for name in ("DIRECTORY", "CLOEXEC", "NONBLOCK"))
_PATH_ONLY: int = getattr(os, "O_PATH", 0)
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)
_LINK_ERRORS = {errno.ELOOP, errno.EMLINK}
_ATTEMPTS = 100


class Directory:
    """An open directory. Its files are accessed by their names, relative to its descriptor.

    A name may also be a relative path, but only below a directory that no other user can change.

    Args:
        path: Path of the directory. Links are followed.
        parent: Open directory that contains the directory. If it is given, `path` must not be a
            link.

    Attributes:
        path: Path of the directory, for messages and for systems without directory descriptors.
    """

    def __init__(self, path: Path, parent: Directory | None = None) -> None:
        self.path = path
        self._fd: int | None = None
        flags = _DIRECTORY if parent is None else _DIRECTORY | _NO_FOLLOW
        where = path if parent is None else parent._at(path.name)
        within = None if parent is None else parent._fd
        if BY_DESCRIPTOR:
            try:
                self._fd = os.open(where, flags | os.O_RDONLY, dir_fd=within)
            except PermissionError:
                # A directory that we can enter but not list.
                self._fd = os.open(where, flags | _PATH_ONLY, dir_fd=within)
        elif not stat.S_ISDIR(Path(where).stat(follow_symlinks=parent is None).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open_by_descriptor(self) -> bool:
        """Whether the files are those of the opened directory, even if its path has changed."""
        return self._fd is not None

    def duplicate(self) -> Directory:
        """Return a second object for the same directory, which must be closed separately."""
        other = object.__new__(Directory)
        other.path = self.path
        other._fd = None if self._fd is None else os.dup(self._fd)
        return other

    def close(self) -> None:
        """Close the directory. Further calls do nothing."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            close_quietly(fd)

    def open(self, name: str) -> int:
        """Open an existing regular file for reading, and return its descriptor.

        Raises:
            UnsafeFile: It is a link or not a regular file, or it belongs to another user than
                this one and root.
            OSError: The file cannot be opened.
        """
        fd = self._open(name, os.O_RDONLY)
        return self._checked(fd, name, ours=False, may_be_linked=True)

    def open_own(self, name: str, *, append: bool = False, may_be_linked: bool = False) -> int:
        """Open an existing file of ours for reading and writing, and return its descriptor.

        Args:
            name: Name of the file.
            append: Write at the end of the file only.
            may_be_linked: Whether the file may have several hard links.

        Raises:
            UnsafeFile: It is not a regular file of this user, or it has several links.
            OSError: The file cannot be opened.
        """
        fd = self._open(name, os.O_RDWR | (os.O_APPEND if append else 0))
        return self._checked(fd, name, ours=True, may_be_linked=may_be_linked)

    def create(self, name: str, mode: int = 0o666, *, append: bool = False) -> int:
        """Create a file and return its descriptor, which can be read and written.

        Args:
            name: Name of the file.
            mode: Permissions of the file, before the umask.
            append: Write at the end of the file only.

        Raises:
            FileExistsError: Something has this name.
            OSError: The file cannot be created.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | (os.O_APPEND if append else 0)
        return os.open(self._at(name), flags | _FILE, mode, dir_fd=self._fd)

    def open_or_create(self, name: str, mode: int, *, append: bool = False) -> int:
        """Open a file of ours, or create it; see `open_own` and `create`."""
        for _ in range(_ATTEMPTS):
            # Another process may create or remove the file between the two calls.
            with suppress(FileNotFoundError):
                return self.open_own(name, append=append)
            with suppress(FileExistsError):
                return self.create(name, mode, append=append)
        raise UnsafeFile("another process keeps replacing it")

    def create_nameless(self, mode: int = 0o666) -> int | None:
        """Create a file without a name and return its descriptor; None if the system cannot."""
        if _NAMELESS is None:
            return None
        return os.open(self._at("."), os.O_RDWR | _NAMELESS | _FILE, mode, dir_fd=self._fd)

    def status(self, name: str | None = None) -> os.stat_result:
        """Return the status of a file, without following a link, or of the directory itself."""
        if name is not None:
            return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)
        return os.fstat(self._fd) if self._fd is not None else self.path.stat()

    def exists(self, name: str) -> bool:
        """Return True if something has this name, even a broken link."""
        with suppress(FileNotFoundError):
            self.status(name)
            return True
        return False

    def is_at(self, status: os.stat_result, name: str) -> bool:
        """Return True if `name` is the file with this status."""
        try:
            return os.path.samestat(status, self.status(name))
        except FileNotFoundError:
            return False

    def is_mount_point(self, name: str) -> bool:
        """Return True if something is mounted at an existing file or directory.

        Only Linux reports a mount within the same file system.
        """
        if _PATH_ONLY and self._fd is not None:
            fd = os.open(name, _PATH_ONLY | _FILE, dir_fd=self._fd)
            try:
                # Devices are not compared, because overlayfs files may have that of another layer.
                return _mount_id(fd) != _mount_id(self._fd)
            finally:
                os.close(fd)
        return self.status(name).st_dev != self.status().st_dev

    def names(self) -> list[str]:
        """Return the names of all files in the directory."""
        return os.listdir(self.path if self._fd is None else self._fd)  # noqa: PTH208

    def make(self, name: str, mode: int) -> None:
        """Create a directory with permissions before the umask."""
        os.mkdir(self._at(name), mode, dir_fd=self._fd)

    def rename(self, name: str, new: str, target: Directory | None = None) -> None:
        """Rename a file or directory, into another directory if `target` is given.

        An existing file and, except on Windows, an existing empty directory is replaced.
        """
        target = target or self
        # On Windows, `os.rename` never replaces a file.
        os.replace(self._at(name), target._at(new), src_dir_fd=self._fd, dst_dir_fd=target._fd)

    def link(self, name: str, new: str, target: Directory | None = None) -> bool:
        """Make a hard link. Return False if the system refuses it, which it may for many reasons.

        Raises:
            FileExistsError: Something is named `new`.
        """
        target = target or self
        names = self._at(name), target._at(new)
        try:
            os.link(*names, src_dir_fd=self._fd, dst_dir_fd=target._fd, follow_symlinks=False)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            return False
        return True

    def symlink(self, target: str, name: str) -> None:
        """Create a symbolic link."""
        os.symlink(target, self._at(name), dir_fd=self._fd)

    def link_nameless(self, fd: int, new: str) -> bool:
        """Give a name to a file without a name. Return False if the system refuses it.

        Raises:
            FileExistsError: Something is named `new`.
        """
        try:
            # The symbolic link /proc/self/fd/N is followed only if a source directory is passed.
            os.link(f"/proc/self/fd/{fd}", self._at(new), src_dir_fd=fd, dst_dir_fd=self._fd)
        except FileExistsError:
            raise
        except OSError:
            return False
        return True

    def unlink(self, name: str) -> None:
        """Remove a file. Do nothing if it does not exist."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file or an empty directory. Errors are ignored."""
        with suppress(OSError):
            is_directory = stat.S_ISDIR(self.status(name).st_mode)
            (os.rmdir if is_directory else os.unlink)(self._at(name), dir_fd=self._fd)

    def remove_tree(self, name: str) -> None:
        """Remove a file, or a directory and its content. Errors are ignored."""
        self.remove(name)
        if self.exists(name):
            shutil.rmtree(self._at(name), ignore_errors=True, dir_fd=self._fd)
        if self._fd is not None and self.exists(name):
            for *_, fd in os.fwalk(name, dir_fd=self._fd):
                with suppress(OSError):
                    os.fchmod(fd, 0o700)  # A directory that cannot be written cannot be emptied.
            shutil.rmtree(name, ignore_errors=True, dir_fd=self._fd)

    def sync(self) -> None:
        """Sync the directory if possible, so that new names in it survive a power failure."""
        if self._fd is not None:
            try:
                os.fsync(self._fd)
            except OSError as error:
                if error.errno not in {*NOT_SUPPORTED, errno.EBADF}:
                    raise

    def _at(self, name: str) -> str:
        """Return the path that the system takes together with `_fd`."""
        return name if self._fd is not None else os.path.join(self.path, name)  # noqa: PTH118

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(self._at(name), flags | _FILE, dir_fd=self._fd)
        except OSError as error:
            if error.errno in _LINK_ERRORS:
                raise UnsafeFile("it is a symbolic link") from error
            if error.errno in {errno.ENXIO, errno.EISDIR}:
                raise UnsafeFile("it is not a regular file") from error
            if error.errno == errno.EACCES and (
                reason := owner_problem(self.status(name), ours=True)
            ):
                raise UnsafeFile(reason) from error
            raise

    def _checked(self, fd: int, name: str, *, ours: bool, may_be_linked: bool) -> int:
        """Return `fd`, or close it and raise an error if it is not a file to use."""
        try:
            status = os.fstat(fd)
            if not _NO_FOLLOW and not self.is_at(status, name):
                raise UnsafeFile("it is a symbolic link, or another process replaced it")
            check_file(status, ours=ours, may_be_linked=may_be_linked)
        except BaseException:
            close_quietly(fd)
            raise
        return fd


def open_file(path: Path) -> int:
    """Open an existing regular file for reading; see `Directory.open`."""
    with Directory(path.parent) as directory:
        return directory.open(path.name)


def read_system_file(path: str) -> str:
    """Return the text of a file of the operating system, such as one in ``/proc``."""
    return Path(path).read_text(encoding="ascii")


def close_quietly(fd: int) -> None:
    """Close a descriptor. Ignore errors, which some file systems report only on closing."""
    with suppress(OSError):
        os.close(fd)


def _mount_id(fd: int) -> str | None:
    with suppress(OSError):
        for line in read_system_file(f"/proc/self/fdinfo/{fd}").splitlines():
            if line.startswith("mnt_id:"):
                return line
    return None
