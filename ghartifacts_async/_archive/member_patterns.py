"""Match member names against glob patterns, with the rules of `pathlib`.

``*`` and ``?`` do not match a slash, ``**`` matches any number of directories, and a pattern that
ends with a slash matches directories only. Names of hidden files are not special. Case matters.

Source: https://docs.python.org/3/library/pathlib.html#pattern-language
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

_RECURSIVE = "**"


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that returns True if a member name matches the pattern."""
    only_directories = pattern.endswith("/")
    # Each component is matched by itself, so that no pattern takes exponential time.
    groups: list[list[re.Pattern[str]]] = [[]]
    for part in _parts(pattern):
        if part == _RECURSIVE:
            groups.append([])
        else:
            groups[-1].append(re.compile(translate(part)))

    def matches(name: str) -> bool:
        if only_directories and not name.endswith("/"):
            return False
        return _matches(groups, _parts(name))

    return matches


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if "" in parts or "." in parts:
        return [part for part in parts if part not in {"", "."}]
    return parts


def _matches(groups: Sequence[Sequence[re.Pattern[str]]], parts: Sequence[str]) -> bool:
    """Match components against a pattern that is divided into groups wherever it has a ``**``.

    The first group must match at the start and the last one at the end. The others must match
    between them, one after another. It suffices to try the leftmost match of each, because that
    leaves the most components for the next.
    """
    first, *others = groups
    end = len(parts) - len(others[-1]) if others else len(parts)
    at = len(first)
    if not parts or at > end or (not others and at < end):
        return False
    if not _match_at(first, parts, 0) or (others and not _match_at(others[-1], parts, end)):
        return False
    for group in others[:-1]:
        while at + len(group) <= end and not _match_at(group, parts, at):
            at += 1
        at += len(group)
    return at <= end


def _match_at(group: Sequence[re.Pattern[str]], parts: Sequence[str], start: int) -> bool:
    return all(
        part.match(parts[position]) is not None for position, part in enumerate(group, start)
    )
