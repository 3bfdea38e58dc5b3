"""Turn the name of a member into a safe path below the target directory.

Member names are untrusted. A name that leads out of the directory is refused and never repaired,
because attacks exploit programs that repair the same name differently. Components that are empty or
``.`` do not change where a path leads, so they are dropped.

Source: https://cwe.mitre.org/data/definitions/22.html
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeAlias

from attrs import frozen

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from ghartifacts_async._disk.filenames import CONTROL_CHARACTER, MAX_BYTES, is_portable
from ghartifacts_async.errors import DamagedArchive, UnsafeMember
from ghartifacts_async.models import Backslashes, OnCollision, Symlinks

PathParts: TypeAlias = tuple[str, ...]
"""The components of a path below the target directory."""

_DRIVE = re.compile(r"[A-Za-z]:")
_TYPE_MASK, _PIPE_TYPE, _DIRECTORY_TYPE, _REGULAR_TYPE, _LINK_TYPE = (
    0o170000, 0o010000, 0o040000, 0o100000, 0o120000,
)  # fmt: skip
_PLAIN_TYPES = frozenset({0, _REGULAR_TYPE, _DIRECTORY_TYPE})
_STANDARD_INPUT = "-"
_SURELY_SHORT = MAX_BYTES // 4
_MAX_DEPTH = 128
_MAX_TARGET_SIZE = 4096


@frozen
class PathRules:
    """Which paths are accepted; see `Repo.extract_artifact`."""

    strip: int = 0
    portable: bool = False
    symlinks: Symlinks = "error"
    backslashes: Backslashes = "error"
    on_collision: OnCollision = "error"

    def spelling(self, name: str) -> str:
        """Return a recorded name with slashes as separators."""
        return name.replace("\\", "/") if self.backslashes == "separator" else name


class MemberPath(NamedTuple):
    """Where a member is extracted.

    Attributes:
        parts: The components of the path, empty for the target directory itself.
        is_directory: Whether the member is a directory.
        is_link: Whether the member is a symbolic link.
    """

    parts: PathParts
    is_directory: bool
    is_link: bool


def safe_path(entry: CentralDirectoryEntry, rules: PathRules) -> MemberPath:
    """Return the path of a member.

    Raises:
        UnsafeMember: The path is unsafe, or the member is of a type that is not extracted.
        DamagedArchive: The member is a directory with data.
    """
    member = entry.member
    recorded = member.name
    entry.check_name()
    if CONTROL_CHARACTER.search(recorded):
        raise unsafe(recorded, "has control characters in its name")
    name = recorded.replace("\\", "/") if "\\" in recorded else recorded
    parts = _parts(recorded, name, rules)
    is_directory = member.is_directory or name.endswith("/")
    is_link = _is_link(entry, is_directory=is_directory, rules=rules)
    if is_directory and member.size:
        raise DamagedArchive(
            f"{quote_name(recorded)} is a directory, but has {member.size} bytes of data",
            member=recorded,
        )
    if not parts and (member.size or is_link):
        raise unsafe(recorded, "is a file, but its name is that of the target directory")
    return MemberPath(parts[rules.strip :], is_directory, is_link)


def _parts(recorded: str, name: str, rules: PathRules) -> PathParts:
    """Return the components of a path.

    Args:
        recorded: The name as recorded, for messages.
        name: The name with slashes only.
        rules: Which paths are accepted.
    """
    parts = tuple([part for part in name.split("/") if part and part != "."])
    if (name.startswith("/") and parts) or (parts and _DRIVE.match(parts[0])):
        raise unsafe(recorded, "is an absolute path")
    if ".." in parts:
        raise unsafe(recorded, "has '..' as a path component")
    if rules.backslashes == "error" and "\\" in recorded:
        raise unsafe(
            recorded,
            "has a backslash in its name; if it is a separator, as in archives by PowerShell 5, "
            "pass backslashes='separator'",
        )
    if len(parts) > _MAX_DEPTH:
        raise unsafe(
            recorded, f"has {len(parts)} path components; at most {_MAX_DEPTH} are allowed"
        )
    for part in parts:
        if len(part) > _SURELY_SHORT and len(part.encode()) > MAX_BYTES:
            raise unsafe(recorded, f"has a path component of more than {MAX_BYTES} bytes")
        if rules.portable and not is_portable(part):
            raise unsafe(
                recorded,
                f"has the path component {quote_name(part)}, which is invalid on Windows; on other "
                "systems, portable=False allows it",
            )
    return parts


def _is_link(entry: CentralDirectoryEntry, *, is_directory: bool, rules: PathRules) -> bool:
    """Return True if a member is a symbolic link, after checking that its type is accepted."""
    member = entry.member
    file_type = member.mode & _TYPE_MASK
    if file_type in _PLAIN_TYPES:
        return False
    if file_type == _PIPE_TYPE and (member.size or member.name == _STANDARD_INPUT):
        # ``zip archive.zip -``, ``zip -FI`` and ``7z -si`` record what they read from a pipe like
        # this. Other programs extract it as a file, too. A pipe itself has no data.
        return False
    if file_type != _LINK_TYPE or is_directory:
        raise unsafe(member.name, "is a device, a pipe or a socket")
    if rules.symlinks == "error":
        raise unsafe(
            member.name,
            "is a symbolic link; pass symlinks='skip' to leave links out, or symlinks='inside' to "
            "create those that stay within the directory",
        )
    if rules.symlinks == "inside" and member.size > _MAX_TARGET_SIZE:
        raise unsafe(
            member.name,
            f"is a symbolic link with a target of {member.size} bytes; at most {_MAX_TARGET_SIZE} "
            "are allowed",
        )
    return True


def check_link(
    name: str, path: PathParts, data: bytes, directories: AbstractSet[PathParts], rules: PathRules
) -> str:
    """Check the target of a symbolic link, and return it.

    The target must be relative and must not lead out of the target directory. A component ``..`` is
    accepted only where the path before it is a directory of the archive, because the parent of
    another link may be anywhere.

    Args:
        name: Recorded name of the member.
        path: Where the link is created.
        data: The target as recorded.
        directories: The directories of the archive.
        rules: Which paths are accepted.

    Raises:
        UnsafeMember: The target is refused.
    """
    try:
        target = data.decode()
    except UnicodeDecodeError:
        raise unsafe(name, "is a symbolic link with a target that is not valid UTF-8") from None
    described = f"is a symbolic link to {quote_name(target)}, which"
    if not target or CONTROL_CHARACTER.search(target) or "\\" in target:
        raise unsafe(name, f"{described} is not a valid path")
    if target.startswith("/") or _DRIVE.match(target):
        raise unsafe(name, f"{described} is an absolute path")
    location = path[:-1]
    for part in target.split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            location = (*location, part)
        elif location in directories:
            location = location[:-1]
        else:
            raise unsafe(name, f"{described} may lead out of the directory")
        if rules.portable and part != ".." and not is_portable(part):
            raise unsafe(name, f"{described} is invalid on Windows")
    return target


def unsafe(name: str, reason: str) -> UnsafeMember:
    """Return the error for a member that is refused."""
    return UnsafeMember(f"{quote_name(name)} {reason}", member=name)
