"""Plan which files and directories an extraction creates, and check it against the limits.

Two names that differ only in case or in Unicode composition are the same file on some systems, so
an archive with both is refused, or the second one is renamed.

Source: https://unicode.org/reports/tr15/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from attrs import define, field, frozen

from ghartifacts_async._archive.member_paths import (
    PathParts,
    PathRules,
    check_link,
    safe_path,
    unsafe,
)
from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from ghartifacts_async._disk.filenames import MAX_BYTES, folded
from ghartifacts_async.errors import ArchiveLimitExceeded, UnsafeMember
from ghartifacts_async.models import ArchiveLimits

_MIN_SIZE_FOR_RATIO = 2**26


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
            raise _limit_exceeded(
                f"{quote_name(member.name)} has {member.size} bytes",
                "max_member_size",
                limits.max_member_size,
                member.name,
            )
        size += member.size
        compressed_size += member.compressed_size
        if size > limits.max_total_size:
            raise _limit_exceeded(
                f"the members up to {quote_name(member.name)} have {size} bytes",
                "max_total_size",
                limits.max_total_size,
                member.name,
            )
    if size > _MIN_SIZE_FOR_RATIO and size > compressed_size * limits.max_ratio:
        raise _limit_exceeded(
            f"{compressed_size} compressed bytes expand to {size} bytes",
            "max_ratio",
            limits.max_ratio,
        )


def _limit_exceeded(
    reason: str, limit: str, allowed: float, member: str | None = None
) -> ArchiveLimitExceeded:
    return ArchiveLimitExceeded(
        f"{reason}; ArchiveLimits.{limit} is {allowed:.12g}; if you trust the archive, pass "
        f"limits=ArchiveLimits({limit}=…) with a higher value",
        member=member,
        limit=limit,
        allowed=allowed,
    )


@frozen
class ExtractionPlan:
    """The directories, files and links that an extraction creates.

    Attributes:
        rules: Which paths are accepted.
        directories: Paths of the directories. Parents come before their children.
        entries: All members that are extracted, including directories, in the order of the archive.
        files: Members and the paths of their files and links, in the order of the archive.
        links: Paths of the symbolic links, by the `header_offset` of their members.
    """

    rules: PathRules
    entries: list[CentralDirectoryEntry] = field(factory=list)
    directories: list[PathParts] = field(factory=list)
    files: list[tuple[CentralDirectoryEntry, PathParts]] = field(factory=list)
    links: dict[int, PathParts] = field(factory=dict)

    def paths(self) -> dict[int, PathParts]:
        """Return the paths of the files and links by the `header_offset` of their members."""
        return {entry.header_offset: path for entry, path in self.files}

    def check_links(self, targets: Mapping[int, bytes]) -> list[tuple[PathParts, str]]:
        """Check the targets of the links, and return the path and the target of each link.

        Args:
            targets: The data of the links, by the `header_offset` of their members.

        Raises:
            UnsafeMember: A link leads out of the directory.
        """
        if not self.links:
            return []
        directories = {*self.directories}
        names = {entry.header_offset: entry.member.name for entry, _ in self.files}
        return [
            (path, check_link(names[offset], path, targets[offset], directories, self.rules))
            for offset, path in self.links.items()
        ]


@define(eq=False)
class _Node:
    """A file, or a directory if `entry` is None.

    Attributes:
        name: Its recorded name, without the directories.
        path: Where it is extracted.
        entry: The member, or None for a directory.
        is_link: Whether it is a symbolic link.
        children: What is in the directory, by folded name. Folded names are equal for two names
            that are the same file on some systems.
        renamed: Those of the children that were renamed, by their recorded name.
        last_number: The number in the name of the last child that was renamed.
    """

    name: str
    path: PathParts
    entry: CentralDirectoryEntry | None
    is_link: bool = False
    children: dict[str, _Node] = field(factory=dict)
    renamed: dict[str, _Node] = field(factory=dict)
    last_number: int = 1


class _PathTree:
    """A tree of the files and directories that an extraction creates.

    Attributes:
        directories: Paths of the directories. Parents come before their children.
    """

    def __init__(self, limits: ArchiveLimits, *, rename: bool) -> None:
        self._limits = limits
        self._rename = rename
        self._root = _Node("", (), None)
        self._count = 0
        self._last_parent: tuple[PathParts, _Node] = ((), self._root)
        self.directories: list[PathParts] = []

    def add(
        self, entry: CentralDirectoryEntry, path: PathParts, *, is_directory: bool, is_link: bool
    ) -> _Node:
        """Add a member, and return its node.

        If an empty file and a directory have the same path, only the directory is created. The
        official uploader writes such pairs.
        """
        if is_directory:
            return self._add_directories(entry, path)
        parent = self._add_directories(entry, path[:-1])
        existing = self._existing(parent, path[-1], entry)
        if existing is None:
            return self._insert(parent, path[-1], entry, is_directory=False, is_link=is_link)
        if existing.entry is None and entry.member.size == 0 and not is_link:
            return existing
        raise _collision(entry, existing)

    def _add_directories(self, entry: CentralDirectoryEntry, path: PathParts) -> _Node:
        # Consecutive members are usually in the same directory, so remember the last one.
        last_path, node = self._last_parent
        if path != last_path:
            node = self._root
            for name in path:
                node = self._add_directory(node, name, entry)
            self._last_parent = path, node
        return node

    def _add_directory(self, parent: _Node, name: str, entry: CentralDirectoryEntry) -> _Node:
        existing = self._existing(parent, name, entry)
        if existing is None:
            return self._insert(parent, name, entry, is_directory=True, is_link=False)
        if existing.entry is not None:
            if existing.entry.member.size or existing.is_link:
                raise _collision(entry, existing)
            existing.entry = None
            self.directories.append(existing.path)
        return existing

    def _existing(self, parent: _Node, name: str, entry: CentralDirectoryEntry) -> _Node | None:
        existing = parent.renamed.get(name) or parent.children.get(folded(name))
        if existing is None or existing.name == name:
            return existing
        if self._rename:
            return None
        raise _collision(
            entry, existing, "; pass on_collision='rename' to extract it under another name"
        )

    def _insert(
        self,
        parent: _Node,
        name: str,
        entry: CentralDirectoryEntry,
        *,
        is_directory: bool,
        is_link: bool,
    ) -> _Node:
        self._count += 1
        if self._count > self._limits.max_members:
            raise _limit_exceeded(
                f"the members up to {quote_name(entry.member.name)} need {self._count} files and "
                "directories",
                "max_members",
                self._limits.max_members,
                entry.member.name,
            )
        free_name = _free_name(parent, name, entry)
        node = _Node(name, (*parent.path, free_name), None if is_directory else entry, is_link)
        parent.children[folded(free_name)] = node
        if free_name != name:
            parent.renamed[name] = node
        if is_directory:
            self.directories.append(node.path)
        return node


def plan_extraction(
    entries: Iterable[CentralDirectoryEntry], limits: ArchiveLimits, rules: PathRules
) -> ExtractionPlan:
    """Plan where members are extracted.

    Args:
        entries: The members to extract.
        limits: Limits on the number and the sizes of the members.
        rules: Which paths are accepted.

    Raises:
        UnsafeMember: A member's path is unsafe or conflicts with the path of another member.
        DamagedArchive: A member is a directory with data.
        ArchiveLimitExceeded: There are too many members, or they are too large.
    """
    entries = [*entries]
    check_limits(entries, limits)
    tree = _PathTree(limits, rename=rules.on_collision == "rename")
    added: list[tuple[CentralDirectoryEntry, _Node]] = []
    for entry in entries:
        found = safe_path(entry, rules)
        if found.parts and not (found.is_link and rules.symlinks == "skip"):
            node = tree.add(
                entry, found.parts, is_directory=found.is_directory, is_link=found.is_link
            )
            added.append((entry, node))
    files = [(entry, node) for entry, node in added if node.entry is entry]
    return ExtractionPlan(
        rules,
        entries,
        tree.directories,
        [(entry, node.path) for entry, node in files],
        {entry.header_offset: node.path for entry, node in files if node.is_link},
    )


def _free_name(parent: _Node, name: str, entry: CentralDirectoryEntry) -> str:
    """Return a name that is not taken in a directory, such as ``readme~2.txt``."""
    free_name = name
    while folded(free_name) in parent.children:
        path = PurePosixPath(name)
        parent.last_number += 1
        free_name = f"{path.stem}~{parent.last_number}{path.suffix}"
    if free_name != name and len(free_name.encode()) > MAX_BYTES:
        raise unsafe(
            entry.member.name, f"cannot be renamed, because {quote_name(free_name)} is too long"
        )
    return free_name


def _collision(entry: CentralDirectoryEntry, existing: _Node, hint: str = "") -> UnsafeMember:
    other = existing.path[-1] if existing.entry is None else existing.entry.member.name
    return unsafe(entry.member.name, f"conflicts with the path of {quote_name(other)}{hint}")
