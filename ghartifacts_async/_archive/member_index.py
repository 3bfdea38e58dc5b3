"""Find the members of an archive by name or by pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from heapq import nlargest
from posixpath import commonprefix

from ghartifacts_async._archive.member_patterns import compile_pattern
from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from ghartifacts_async._disk.filenames import MAX_BYTES, folded
from ghartifacts_async.errors import MemberNotFound, UnsafeMember

_MAX_NAMES = 2000
_MAX_COMPARED_NAMES = 50


class MemberIndex:
    """The members of an archive by name.

    Args:
        entries: The entries of the central directory, in recorded order.
    """

    def __init__(self, entries: Sequence[CentralDirectoryEntry]) -> None:
        self.entries = entries
        self._by_name = {entry.member.name: entry for entry in entries}
        self._duplicates: set[str] = set()
        if len(self._by_name) < len(entries):
            seen: set[str] = set()
            for entry in entries:
                (self._duplicates if entry.member.name in seen else seen).add(entry.member.name)

    def find(self, name: str) -> CentralDirectoryEntry:
        """Find the member with exactly this name.

        Raises:
            MemberNotFound: There is no such member.
            UnsafeMember: Two members have this name.
        """
        entry = self._by_name.get(name)
        if entry is None:
            raise self._not_found(name)
        if name in self._duplicates:
            raise UnsafeMember(f"{quote_name(name)} is in the archive twice", member=name)
        return entry

    def glob(
        self, pattern: str, spelling: Callable[[str], str] = lambda name: name
    ) -> list[CentralDirectoryEntry]:
        """Return the members that match a pattern, in the order of the archive.

        Args:
            pattern: A glob pattern with the rules of `pathlib`; see `member_patterns`.
            spelling: A function that returns the name to match, given the recorded one.
        """
        matches = compile_pattern(pattern)
        return [entry for entry in self.entries if matches(spelling(entry.member.name))]

    def select(
        self,
        members: str | Iterable[str] | None,
        spelling: Callable[[str], str] = lambda name: name,
    ) -> list[CentralDirectoryEntry]:
        """Select members, in the order of the archive.

        Args:
            members: One name, several names, or a glob pattern with the rules of `pathlib`.
                ``None`` selects all members.
            spelling: See `glob`.

        Raises:
            MemberNotFound: The archive has no member with one of the names, or none that matches
                the pattern.
        """
        if members is None:
            return [*self.entries]
        if isinstance(members, str) and members not in self._by_name:
            found = self.glob(members, spelling)
            if not found:
                raise self._not_found(members)
            return found
        names = {members} if isinstance(members, str) else {*members}
        for name in names:
            if name not in self._by_name:
                raise self._not_found(name)
        return [entry for entry in self.entries if entry.member.name in names]

    def _not_found(self, name: str) -> MemberNotFound:
        suggestions = _suggestions(name, [*self._by_name])
        hint = f"; did you mean {' or '.join(map(quote_name, suggestions))}?" if suggestions else ""
        return MemberNotFound(
            f"the archive has no member {quote_name(name)}{hint}",
            member=name,
            suggestions=suggestions,
        )


def _suggestions(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return up to three suggestions for a name that was not found.

    These are names with the same last path component or, if there are none, similar names.
    """
    base = _base_name(name)
    found = [candidate for candidate in names if _base_name(candidate) == base]
    if not found and len(name) <= MAX_BYTES:
        max_difference = len(name) // 4 + 1
        similar = [other for other in names if abs(len(other) - len(name)) <= max_difference]
        # get_close_matches takes quadratic time or more, so it only compares the best candidates.
        best = nlargest(_MAX_COMPARED_NAMES, similar[:_MAX_NAMES], key=partial(_common_ends, name))
        found = get_close_matches(name, best)
    return tuple(found[:3])


def _common_ends(name: str, other: str) -> int:
    """Return how many characters two names have in common at their beginnings and ends."""
    return len(commonprefix([name, other])) + len(commonprefix([name[::-1], other[::-1]]))


def _base_name(name: str) -> str:
    """Return the last path component, with differences in case and Unicode composition removed.

    The component is truncated first, because folding takes time that is quadratic in the number of
    combining characters.
    """
    return folded(name.rstrip("/").rpartition("/")[2][:MAX_BYTES])
