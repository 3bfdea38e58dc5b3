"""The members of an archive by their names: one, some, or those that may have been meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import translate

from ghartifacts_async._archive.central_directory import CentralDirectoryEntry, shown
from ghartifacts_async._disk.filenames import MAX_BYTES, folded
from ghartifacts_async.errors import MemberNotFound, UnsafeMember

_COMPARED = 10_000


class MemberIndex:
    """The members of an archive by name."""

    def __init__(self, entries: Sequence[CentralDirectoryEntry]) -> None:
        self.entries = entries
        self._by_name = {entry.member.name: entry for entry in entries}
        self._twice: set[str] = set()
        if len(self._by_name) < len(entries):
            seen: set[str] = set()
            for entry in entries:
                (self._twice if entry.member.name in seen else seen).add(entry.member.name)

    def find(self, name: str) -> CentralDirectoryEntry:
        """The member of exactly this name.

        Raises:
            MemberNotFound: There is none.
            UnsafeMember: There are two.
        """
        entry = self._by_name.get(name)
        if entry is None:
            raise self._missing(name)
        if name in self._twice:
            raise UnsafeMember(f"{shown(name)} is in the archive twice", member=name)
        return entry

    def select(self, wanted: str | Iterable[str] | None) -> list[CentralDirectoryEntry]:
        """The members that are wanted, in the order of the archive.

        Args:
            wanted: Names; or one name, or a pattern of names whose ``*`` stands for slashes too;
                or ``None`` for all.

        Raises:
            MemberNotFound: There is none of one of the names, or for the pattern.
        """
        if wanted is None:
            return [*self.entries]
        if isinstance(wanted, str):
            matches = re.compile(translate(wanted)).match
            names = {wanted} if wanted in self._by_name else {*filter(matches, self._by_name)}
            if not names:
                raise self._missing(wanted)
        else:
            names = {*wanted}
            for name in names:
                if name not in self._by_name:
                    raise self._missing(name)
        return [entry for entry in self.entries if entry.member.name in names]

    def _missing(self, name: str) -> MemberNotFound:
        alike = _alike(name, [*self._by_name])
        hint = f"; did you mean {' or '.join(map(shown, alike))}?" if alike else ""
        return MemberNotFound(
            f"the archive holds no member {shown(name)}{hint}", member=name, suggestions=alike
        )


def _alike(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Names that may have been meant: the same file elsewhere, else what looks like it."""
    base = _base(name)
    same = [each for each in names if _base(each) == base]
    if not same:
        near = [each for each in names if abs(len(each) - len(name)) <= len(name) // 4 + 1]
        same = get_close_matches(name, near[:_COMPARED])
    return tuple(same[:3])


def _base(name: str) -> str:
    """Its last component; cut, for to fold many combining characters takes quadratic time."""
    return folded(name.rstrip("/").rpartition("/")[2][:MAX_BYTES])
