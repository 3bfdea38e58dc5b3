"""Glob patterns for member names."""

from __future__ import annotations

import sys
import time
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._archive.member_patterns import compile_pattern
from tests.values import examples

PARTS = st.sampled_from(["a", "b", "ab", ".a", "*", "**", "?", "a*", "[ab]", "[!a]", "*b"])
NAMES = st.lists(st.sampled_from(["a", "b", "ab", "ba", ".a", "A"]), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.xml", ["a.xml", ".xml", "./a.xml"], ["b/a.xml", "a.XML", "a.xml.gz"]),
        ("**/*.xml", ["a.xml", "b/a.xml", "b/c/.a.xml"], ["a.txt"]),
        ("a/**", ["a/", "a/b", "a/b/c"], ["b", "ab/c"]),
        ("a/**/c", ["a/c", "a/b/c", "a/b/b/c", "a//c"], ["c", "a/b", "a/c/d"]),
        ("a/**/b/**/c", ["a/b/c", "a/x/b/y/c", "a/b/b/c"], ["a/c", "a/x/c", "a/b", "a/c/b/"]),
        ("**", ["a", "a/b/c", "a/"], ["./"]),
        ("*/", ["a/"], ["a", "a/b/"]),
        ("a/b", ["a/b", "a/b/", "./a//b"], ["a", "b", "a/b/c"]),
        ("./a", ["a"], ["b"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("[!a]", ["b"], ["a", "bb"]),
        ("**a", ["a", "ba"], ["b/a"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    """Patterns have the rules of `pathlib`."""
    matches = compile_pattern(pattern)
    assert [name for name in [*matching, *others] if matches(name)] == matching


@examples(400)
@given(st.lists(PARTS, min_size=1, max_size=5).map("/".join), NAMES.map("/".join))
def test_patterns_match_like_pathlib(pattern: str, name: str) -> None:
    """A pattern matches the same names as `PurePath.full_match` of Python 3.13."""
    if sys.version_info < (3, 13):
        pytest.skip("PurePath.full_match is new in Python 3.13")
    assert compile_pattern(pattern)(name) == PurePosixPath(name).full_match(pattern)


def test_no_pattern_is_slow() -> None:
    """Matching takes little time, also for patterns that make other programs backtrack."""
    for pattern, name in (
        ("*a" * 50, "a" * 4000),
        ("**/a/" * 20 + "b", "a/" * 100 + "c"),
        ("**/" * 50 + "x", "a/" * 100),
        ("*.xml", "a/" * 2_000_000),
        ("**/*.xml", "a/" * 2_000_000),
    ):
        before = time.process_time()
        assert not compile_pattern(pattern)(name + "!")
        assert time.process_time() - before < 1
