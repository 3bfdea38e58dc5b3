"""Whether members may become files, and which.

Whoever made an archive chose its names. Each becomes a path below one directory, on every system
the same, or is refused: nothing is repaired, for what is repaired in one way here and in another
there is how archives deceive. Names that differ in case, or in how an accent is composed, are one
file on some systems: where two of them meet, both are refused.

Source: https://cwe.mitre.org/data/definitions/22.html; https://unicode.org/reports/tr15/
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from attrs import field, frozen

from ghartifacts_async._archive.central_directory import CentralDirectoryEntry, shown
from ghartifacts_async._disk.filenames import MAX_BYTES, folded, is_portable
from ghartifacts_async.errors import (
    ArchiveLimitExceeded,
    DamagedArchive,
    UnsafeMember,
)
from ghartifacts_async.models import ArchiveLimits

PathParts: TypeAlias = tuple[str, ...]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_KIND, _REGULAR, _DIRECTORY = 0o170000, 0o100000, 0o040000
_RATIO_COUNTS_FROM = 2**26
_DEEPEST = 128


def check_limits(entries: Iterable[CentralDirectoryEntry], limits: ArchiveLimits) -> None:
    """Make sure that members are not more than is allowed, if they are what they claim.

    Raises:
        ArchiveLimitExceeded: They are.
    """
    size = packed = 0
    for entry in entries:
        member = entry.member
        if member.size > limits.max_member_size:
            raise ArchiveLimitExceeded(
                f"{shown(member.name)} is of {member.size} bytes, of which "
                f"{limits.max_member_size} are allowed",
                member=member.name,
                limit="max_member_size",
                allowed=limits.max_member_size,
            )
        size += member.size
        packed += member.compressed_size
        if size > limits.max_total_size:
            raise ArchiveLimitExceeded(
                f"with {shown(member.name)} the members are of more than "
                f"{limits.max_total_size} bytes",
                member=member.name,
                limit="max_total_size",
                allowed=limits.max_total_size,
            )
    if size > _RATIO_COUNTS_FROM and size > packed * limits.max_ratio:
        raise ArchiveLimitExceeded(
            f"{packed} bytes become {size}, more than {limits.max_ratio:g} times as many",
            limit="max_ratio",
            allowed=limits.max_ratio,
        )


@frozen
class ExtractionPlan:
    """What unpacked members become.

    Attributes:
        directories: Each after the one that it lies in.
        files: Members and where they go, in the order of the archive.
    """

    directories: list[PathParts] = field(factory=list)
    files: list[tuple[CentralDirectoryEntry, PathParts]] = field(factory=list)


@frozen(eq=False)
class _Node:
    name: str
    entry: CentralDirectoryEntry | None
    inner: dict[str, _Node] = field(factory=dict)


class _Planner:
    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._root = _Node("", None)
        self._count = 0
        self._last: tuple[PathParts, _Node] = ((), self._root)
        self.directories: list[PathParts] = []

    def add(self, entry: CentralDirectoryEntry, path: PathParts) -> _Node:
        """Find a place for a member."""
        above = path if entry.member.is_directory else path[:-1]
        # Neighbours mostly lie in one directory, and what is one stays one.
        known, node = self._last
        if above != known:
            node = self._root
            for depth in range(1, len(above) + 1):
                node = self._directory(node, above, depth, entry)
            self._last = above, node
        if entry.member.is_directory:
            return node
        there = self._at(node, path[-1], entry)
        if there is None:
            return self._put(node, path[-1], entry, entry)
        if there.entry is None and entry.member.size == 0:
            return there
        raise _collision(entry, there)

    def _directory(
        self, above: _Node, path: PathParts, depth: int, entry: CentralDirectoryEntry
    ) -> _Node:
        name = path[depth - 1]
        there = self._at(above, name, entry)
        if there is not None and there.entry is None:
            return there
        # The official uploader leaves an empty file where there is a directory.
        if there is not None and there.entry is not None and there.entry.member.size:
            raise _collision(entry, there)
        self.directories.append(path[:depth])
        return self._put(above, name, None, entry)

    def _at(self, above: _Node, name: str, entry: CentralDirectoryEntry) -> _Node | None:
        there = above.inner.get(folded(name))
        if there is not None and there.name != name:
            raise _collision(entry, there)
        return there

    def _put(
        self,
        above: _Node,
        name: str,
        entry: CentralDirectoryEntry | None,
        cause: CentralDirectoryEntry,
    ) -> _Node:
        self._count += 1
        if self._count > self._limits.max_members:
            raise ArchiveLimitExceeded(
                f"with {shown(cause.member.name)} there are more than {self._limits.max_members} "
                "files and directories",
                member=cause.member.name,
                limit="max_members",
                allowed=self._limits.max_members,
            )
        node = above.inner[folded(name)] = _Node(name, entry)
        return node


def layout(
    entries: Iterable[CentralDirectoryEntry], limits: ArchiveLimits, *, strip: int, portable: bool
) -> ExtractionPlan:
    """Where members go, each of them safe and none in the way of another.

    Args:
        entries: Which.
        limits: What is allowed of them.
        strip: How many leading components to leave out; members that have no more are, too.
        portable: Whether names that Windows does not take are refused.

    Raises:
        UnsafeMember: One is not.
        DamagedArchive: A directory has bytes.
        ArchiveLimitExceeded: They are too many, or too large.
    """
    chosen = [*entries]
    check_limits(chosen, limits)
    planner = _Planner(limits)
    placed: list[tuple[CentralDirectoryEntry, PathParts, _Node]] = []
    for entry in chosen:
        path = safe_path(entry, portable=portable)[strip:]
        if path:
            placed.append((entry, path, planner.add(entry, path)))
    directories = {*planner.directories}
    files = [
        (entry, path)
        for entry, path, node in placed
        if node.entry is entry and path not in directories
    ]
    return ExtractionPlan(planner.directories, files)


def safe_path(entry: CentralDirectoryEntry, *, portable: bool) -> PathParts:
    """The components of a member's path.

    Raises:
        UnsafeMember: It has none that is safe, or is neither file nor directory.
        DamagedArchive: It is a directory with bytes.
    """
    member = entry.member
    name = member.name
    if member.mode & _KIND not in {0, _REGULAR, _DIRECTORY}:
        raise _unsafe(name, "is a link or a device")
    if member.is_directory and member.size:
        raise DamagedArchive(f"{shown(name)} is a directory with bytes in it", member=name)
    if _CONTROL.search(name):
        raise _unsafe(name, "holds control characters")
    if "\\" in name:
        raise _unsafe(name, "holds a backslash")
    if name.startswith("/") or _DRIVE.match(name):
        raise _unsafe(name, "is an absolute path")
    parts = name.removesuffix("/").split("/")
    if len(parts) > _DEEPEST:
        raise _unsafe(name, f"lies more than {_DEEPEST} directories deep")
    for part in parts:
        if part in {"", ".", ".."}:
            raise _unsafe(name, f"has {part!r} among its components")
        if len(part.encode()) > MAX_BYTES:
            raise _unsafe(name, f"has a component of more than {MAX_BYTES} bytes")
        if portable and not is_portable(part):
            raise _unsafe(name, f"has {shown(part)} in it, which Windows does not take")
    return tuple(parts)


def _collision(entry: CentralDirectoryEntry, there: _Node) -> UnsafeMember:
    what = f"{there.name!r}" if there.entry is None else shown(there.entry.member.name)
    return _unsafe(entry.member.name, f"is in the place of {what}")


def _unsafe(name: str, reason: str) -> UnsafeMember:
    return UnsafeMember(f"{shown(name)} {reason}", member=name)
