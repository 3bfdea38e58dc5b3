"""Plan where members are extracted, and refuse unsafe ones.

Member names are untrusted. Each name must become a path below the target directory, which is the
same on every system; otherwise, the archive is refused. Unsafe names are never repaired, because
attacks exploit programs that repair the same name differently. Two names that differ only in case
or in Unicode composition are the same file on some systems, so an archive with both is refused.

Source: https://cwe.mitre.org/data/definitions/22.html; https://unicode.org/reports/tr15/
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from attrs import field, frozen

from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from ghartifacts_async._disk.filenames import MAX_BYTES, folded, is_portable
from ghartifacts_async.errors import (
    ArchiveLimitExceeded,
    DamagedArchive,
    UnsafeMember,
)
from ghartifacts_async.models import ArchiveLimits

PathParts: TypeAlias = tuple[str, ...]
"""The components of a path below the target directory."""

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_TYPE_MASK, _REGULAR_TYPE, _DIRECTORY_TYPE = 0o170000, 0o100000, 0o040000
_DOT_SEGMENTS = frozenset({"", ".", ".."})
_SURELY_SHORT = MAX_BYTES // 4
_MIN_SIZE_FOR_RATIO = 2**26
_MAX_DEPTH = 128


def check_limits(entries: Iterable[CentralDirectoryEntry], limits: ArchiveLimits) -> None:
    """Check the recorded sizes of members against the limits.

    Raises:
        ArchiveLimitExceeded: A member or the total size is too large, or the compression ratio is
            too high.
    """
    size = compressed_size = 0
    for entry in entries:
        member = entry.member
        if member.size > limits.max_member_size:
            raise ArchiveLimitExceeded(
                f"{quote_name(member.name)} has {member.size} bytes; ArchiveLimits.max_member_size "
                f"is {limits.max_member_size}",
                member=member.name,
                limit="max_member_size",
                allowed=limits.max_member_size,
            )
        size += member.size
        compressed_size += member.compressed_size
        if size > limits.max_total_size:
            raise ArchiveLimitExceeded(
                f"the members up to {quote_name(member.name)} have {size} bytes; "
                f"ArchiveLimits.max_total_size is {limits.max_total_size}",
                member=member.name,
                limit="max_total_size",
                allowed=limits.max_total_size,
            )
    if size > _MIN_SIZE_FOR_RATIO and size > compressed_size * limits.max_ratio:
        raise ArchiveLimitExceeded(
            f"{compressed_size} compressed bytes expand to {size} bytes; ArchiveLimits.max_ratio "
            f"is {limits.max_ratio:g}",
            limit="max_ratio",
            allowed=limits.max_ratio,
        )


@frozen
class ExtractionPlan:
    """The directories and files that an extraction creates.

    Attributes:
        directories: Paths of the directories. Parents come before their children.
        files: Members and the paths of their files, in the order of the archive.
    """

    directories: list[PathParts] = field(factory=list)
    files: list[tuple[CentralDirectoryEntry, PathParts]] = field(factory=list)

    def paths(self) -> dict[int, PathParts]:
        """Return the paths of the files by the `header_offset` of their members."""
        return {entry.header_offset: path for entry, path in self.files}


@frozen(eq=False)
class _Node:
    """A file, or a directory if `entry` is None."""

    name: str
    entry: CentralDirectoryEntry | None
    children: dict[str, _Node] = field(factory=dict)


class _PathTree:
    """A tree of the files and directories that an extraction creates.

    The children of a directory are found by folded name, which is equal for two names that are the
    same file on some systems.

    Attributes:
        directories: Paths of the directories. Parents come before their children.
    """

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._root = _Node("", None)
        self._count = 0
        self._last_parent: tuple[PathParts, _Node] = ((), self._root)
        self.directories: list[PathParts] = []

    def add(self, entry: CentralDirectoryEntry, path: PathParts) -> _Node:
        """Add a member, and return its node.

        If an empty file and a directory have the same path, only the directory is created. The
        official uploader writes such pairs.
        """
        if entry.member.is_directory:
            return self._add_directories(entry, path)
        parent = self._add_directories(entry, path[:-1])
        existing = self._existing(parent, path[-1], entry)
        if existing is None:
            return self._insert(parent, path[-1], entry, is_directory=False)
        if existing.entry is None and entry.member.size == 0:
            return existing
        raise _collision(entry, existing)

    def _add_directories(self, entry: CentralDirectoryEntry, path: PathParts) -> _Node:
        # Consecutive members are usually in the same directory, so remember the last one.
        last_path, node = self._last_parent
        if path != last_path:
            node = self._root
            for depth in range(1, len(path) + 1):
                node = self._add_directory(node, path, depth, entry)
            self._last_parent = path, node
        return node

    def _add_directory(
        self, parent: _Node, path: PathParts, depth: int, entry: CentralDirectoryEntry
    ) -> _Node:
        """Add the directory whose path is the first `depth` components of `path`."""
        name = path[depth - 1]
        existing = self._existing(parent, name, entry)
        if existing is not None:
            if existing.entry is None:
                return existing
            if existing.entry.member.size:
                raise _collision(entry, existing)
        self.directories.append(path[:depth])
        return self._insert(parent, name, entry, is_directory=True)

    def _existing(self, parent: _Node, name: str, entry: CentralDirectoryEntry) -> _Node | None:
        existing = parent.children.get(folded(name))
        if existing is not None and existing.name != name:
            raise _collision(entry, existing)
        return existing

    def _insert(
        self, parent: _Node, name: str, entry: CentralDirectoryEntry, *, is_directory: bool
    ) -> _Node:
        self._count += 1
        if self._count > self._limits.max_members:
            raise ArchiveLimitExceeded(
                f"the members up to {quote_name(entry.member.name)} need {self._count} files and "
                f"directories; ArchiveLimits.max_members is {self._limits.max_members}",
                member=entry.member.name,
                limit="max_members",
                allowed=self._limits.max_members,
            )
        node = parent.children[folded(name)] = _Node(name, None if is_directory else entry)
        return node


def plan_extraction(
    entries: Iterable[CentralDirectoryEntry], limits: ArchiveLimits, *, strip: int, portable: bool
) -> ExtractionPlan:
    """Plan where members are extracted.

    Args:
        entries: The members to extract.
        limits: Limits on the number and the sizes of the members.
        strip: Number of leading path components to remove from each name. Members without further
            components are skipped.
        portable: Whether to refuse names that Windows does not support.

    Raises:
        UnsafeMember: A member's path is unsafe or conflicts with the path of another member.
        DamagedArchive: A member is a directory with data.
        ArchiveLimitExceeded: There are too many members, or they are too large.
    """
    entries = [*entries]
    check_limits(entries, limits)
    tree = _PathTree(limits)
    added: list[tuple[CentralDirectoryEntry, PathParts, _Node]] = []
    for entry in entries:
        path = safe_path(entry, portable=portable)[strip:]
        if path:
            added.append((entry, path, tree.add(entry, path)))
    directories = {*tree.directories}
    files = [
        (entry, path)
        for entry, path, node in added
        if node.entry is entry and path not in directories
    ]
    return ExtractionPlan(tree.directories, files)


def safe_path(entry: CentralDirectoryEntry, *, portable: bool) -> PathParts:
    """Return the components of a member's path.

    Raises:
        UnsafeMember: The path is unsafe, or the member is neither a file nor a directory.
        DamagedArchive: The member is a directory with data.
    """
    member = entry.member
    name = member.name
    if member.mode & _TYPE_MASK not in {0, _REGULAR_TYPE, _DIRECTORY_TYPE}:
        raise _unsafe(name, "is a link or a device")
    if member.is_directory and member.size:
        raise DamagedArchive(
            f"{quote_name(name)} is a directory, but has {member.size} bytes of data", member=name
        )
    if _CONTROL_CHARACTER.search(name):
        raise _unsafe(name, "has control characters in its name")
    if "\\" in name:
        raise _unsafe(name, "has a backslash in its name")
    if name.startswith("/") or _DRIVE.match(name):
        raise _unsafe(name, "is an absolute path")
    parts = name.removesuffix("/").split("/")
    if len(parts) > _MAX_DEPTH:
        raise _unsafe(name, f"has {len(parts)} path components; at most {_MAX_DEPTH} are allowed")
    for part in parts:
        if (
            part in _DOT_SEGMENTS
            or (len(part) > _SURELY_SHORT and len(part.encode()) > MAX_BYTES)
            or (portable and not is_portable(part))
        ):
            raise _unsafe(name, _component_problem(part))
    return tuple(parts)


def _component_problem(part: str) -> str:
    """Describe why a path component is refused."""
    if part in _DOT_SEGMENTS:
        return f"has {part!r} as a path component"
    if len(part.encode()) > MAX_BYTES:
        return f"has a path component of more than {MAX_BYTES} bytes"
    return f"has the path component {quote_name(part)}, which is invalid on Windows"


def _collision(entry: CentralDirectoryEntry, existing: _Node) -> UnsafeMember:
    other = existing.name if existing.entry is None else existing.entry.member.name
    return _unsafe(entry.member.name, f"conflicts with the path of {quote_name(other)}")


def _unsafe(name: str, reason: str) -> UnsafeMember:
    return UnsafeMember(f"{quote_name(name)} {reason}", member=name)
