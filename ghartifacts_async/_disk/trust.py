"""Decide by the status of a file whether another user may have made it, or may change it."""

from __future__ import annotations

import errno
import os
import stat


class UnsafeFile(OSError):
    """A file that another user may have put in place of ours, or that is not a regular file."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


def check_file(status: os.stat_result, *, ours: bool, may_be_linked: bool) -> None:
    """Check that an open file is one to use.

    Args:
        status: Status of the file.
        ours: Whether it must belong to this user. If not, it may also belong to root.
        may_be_linked: Whether it may have several hard links. Another user may have made a link to
            a file of ours, so that we change that file.

    Raises:
        UnsafeFile: It is not a regular file, or not of the right user.
        FileNotFoundError: Another process has just removed the file.
    """
    reason = owner_problem(status, ours=ours)
    if not stat.S_ISREG(status.st_mode):
        reason = "it is not a regular file"
    elif not reason and status.st_nlink == 0:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    elif not reason and not may_be_linked and status.st_nlink != 1:
        reason = f"it has {status.st_nlink} hard links"
    if reason:
        raise UnsafeFile(reason)


def owner_problem(status: os.stat_result, *, ours: bool) -> str | None:
    """Return why the owner of a file is not acceptable, or None; see `check_file`."""
    if hasattr(os, "geteuid"):
        user = os.geteuid()
        if status.st_uid not in ({user} if ours else {user, 0}):
            return f"it belongs to another user (uid {status.st_uid})"
    return None


def reason_for_distrust(status: os.stat_result) -> str | None:
    """Return why other users may change a file or directory; None if only we and root can."""
    reason = owner_problem(status, ours=False)
    if reason is None and hasattr(os, "geteuid") and status.st_mode & 0o022:
        reason = "other users may write to it"
    return reason


def is_private(status: os.stat_result) -> bool:
    """Return True if a directory belongs to this user, and no other user can access it."""
    if not hasattr(os, "geteuid"):
        return True
    return owner_problem(status, ours=True) is None and not status.st_mode & 0o077
