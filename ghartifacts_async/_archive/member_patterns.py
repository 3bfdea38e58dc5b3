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
    parts = _parts(pattern)
    only_directories = pattern.endswith("/")
    # Each component is matched by itself, so that no pattern takes exponential time.
    matchers = [None if part == _RECURSIVE else re.compile(translate(part)) for part in parts]

    def matches(name: str) -> bool:
        if only_directories and not name.endswith("/"):
            return False
        return _matches(matchers, _parts(name))

    return matches


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]


def _matches(matchers: Sequence[re.Pattern[str] | None], parts: Sequence[str]) -> bool:
    """Match components against a pattern in which None stands for any number of components."""
    reached = _with_skipped(matchers, {0})
    for part in parts:
        following = set[int]()
        for position in reached - {len(matchers)}:
            matcher = matchers[position]
            if matcher is None:
                following.add(position)
            elif matcher.match(part):
                following.add(position + 1)
        reached = _with_skipped(matchers, following)
    return bool(parts) and len(matchers) in reached


def _with_skipped(matchers: Sequence[re.Pattern[str] | None], reached: set[int]) -> set[int]:
    """Return positions in a pattern, and those that follow them if a `**` matches no component."""
    found = set(reached)
    for position in reached:
        while position < len(matchers) and matchers[position] is None:
            position += 1
            found.add(position)
    return found
