"""Turning member names into safe paths."""

from __future__ import annotations

import ntpath
import posixpath
import unicodedata
from pathlib import PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import (
    ArchiveError,
    ArchiveLimits,
    InvalidArgument,
    Symlinks,
    UnsafeMember,
    _arguments,
)
from ghartifacts_async._archive import arguments
from ghartifacts_async._archive.extraction_plan import plan_extraction
from ghartifacts_async._archive.member_paths import PathRules, safe_path
from ghartifacts_async._disk.filenames import folded
from tests.archive.zip_writer import ZipMember, build_zip, parse_index, unzip
from tests.public.test_arguments import error_message
from tests.values import assert_not_quadratic, examples

# `PureWindowsPath.is_reserved` is deprecated since Python 3.13.
is_reserved = getattr(ntpath, "isreserved", lambda path: PureWindowsPath(path).is_reserved())

NAMES = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["", ".", "..", "a", "A", "é", "e\u0301", "nul", "c:", "\\", "a\0", "x."]),
    max_size=4,
).map("/".join)


@examples(500)
@given(NAMES, st.booleans())
def test_any_name_is_refused_or_safe(name: str, portable: bool) -> None:
    """Any name is either refused, or becomes a path below the target directory."""
    try:
        (entry,) = parse_index(build_zip(ZipMember(name))).entries
        parts = safe_path(entry, PathRules(portable=portable)).parts
    except ArchiveError as error:
        assert (str(error).isprintable(), error.member) == (True, name)  # noqa: PT017 - either is fine
        return
    path = "/".join(parts)
    if not parts:
        assert not name.strip("./")
        return
    assert path == "/".join(part for part in name.split("/") if part not in ("", "."))
    assert posixpath.normpath(path) == path
    assert not path.startswith(("/", "../"))
    assert path != ".."
    assert "\\" not in path
    assert not any(unicodedata.category(character) == "Cc" for character in path)
    windows = PureWindowsPath(path)
    assert not windows.drive
    assert not windows.root
    if portable:
        assert not is_reserved(path)
        assert windows.parts == parts
        assert not any(part.endswith((" ", ".")) for part in parts)


@examples(300)
@given(st.lists(NAMES.filter(bool), min_size=1, max_size=6), st.integers(0, 3))
def test_any_names_are_refused_or_distinct(names: list[str], strip: int) -> None:
    """Accepted names become distinct paths, and each directory is listed before its contents."""
    archive = build_zip(*[ZipMember(name, b"" if name.endswith("/") else b"x") for name in names])
    try:
        found = unzip(archive, rules=PathRules(strip=strip))
    except ArchiveError:
        return
    made = {""}
    for path in found:
        if path.endswith("/"):
            assert posixpath.dirname(path.removesuffix("/")) in made
            made.add(path.removesuffix("/"))
    files = [path for path in found if not path.endswith("/")]
    assert all(posixpath.dirname(path) in made for path in files)
    everything = [*files, *made]
    assert len({folded(path) for path in everything}) == len(everything)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a/b",
        ".hidden",
        "...",
        "a..b",
        "..a",
        "日本語/é",
        "x" * 255,
        "aux",
        "a.",
        "con/x",
        "a b",
    ],
)
def test_unusual_names_are_accepted(name: str) -> None:
    """Unusual but safe names are accepted, unless portable names are requested."""
    assert unzip(build_zip(ZipMember(name, b"x")))[name] == b"x"


def test_the_deepest_path() -> None:
    """A path may have 128 components, and no more."""
    assert unzip(build_zip(ZipMember("d/" * 127 + "a", b"x")))["d/" * 127 + "a"] == b"x"
    with pytest.raises(UnsafeMember, match="has 129 path components; at most 128"):
        unzip(build_zip(ZipMember("d/" * 128 + "a", b"x")))


def test_empty_files_give_way_to_directories() -> None:
    """An empty file with the path of a directory is skipped: the official uploader writes both."""
    for names in (["a", "a/b"], ["a/b", "a"], ["a/", "a", "a/b"], ["a", "a/", "a/b"]):
        members = [ZipMember(name, b"x" if name == "a/b" else b"") for name in names]
        assert unzip(build_zip(*members)) == {"a/": b"", "a/b": b"x"}
    with pytest.raises(UnsafeMember, match="'a/b/c' conflicts with the path of 'a/b'"):
        unzip(build_zip(ZipMember("a/b", b"x"), ZipMember("a/b/c"), ZipMember("a")))


def test_directories() -> None:
    """Each directory is created once, even if the archive has no entry for it."""
    archive = build_zip(
        ZipMember("a/"), ZipMember("a/b/c", b"x"), ZipMember("a/"), ZipMember("d", mode=0o040755)
    )
    assert unzip(archive) == {"a/": b"", "a/b/": b"", "d/": b"", "a/b/c": b"x"}


def test_strip() -> None:
    """`strip` removes leading path components; members with no other components are skipped."""
    members = [
        ZipMember("top/"),
        ZipMember("readme", b"0"),
        ZipMember("top/a", b"1"),
        ZipMember("top/b/c", b"2"),
    ]
    assert unzip(build_zip(*members), rules=PathRules(strip=1)) == {
        "a": b"1",
        "b/": b"",
        "b/c": b"2",
    }
    assert unzip(build_zip(*members), rules=PathRules(strip=2)) == {"c": b"2"}
    assert unzip(build_zip(*members), rules=PathRules(strip=9)) == {}
    with pytest.raises(UnsafeMember):
        unzip(build_zip(ZipMember("x/a", b"1"), ZipMember("y/a", b"1")), rules=PathRules(strip=1))
    with pytest.raises(UnsafeMember):
        unzip(build_zip(ZipMember("../a", b"1")), rules=PathRules(strip=1))


@pytest.mark.parametrize(
    ("size", "ratio", "allowed"),
    [(2**26, 1, True), (2**26 + 1, 200, False), (2**26 + 1, 2000, True)],
)
def test_ratio(size: int, ratio: float, allowed: bool) -> None:
    """The compression ratio is limited only above 64 MiB."""
    archive = build_zip(ZipMember("zeros", bytes(size)))
    try:
        unzip(archive, ArchiveLimits(max_ratio=ratio))
    except ArchiveError:
        assert not allowed
    else:
        assert allowed


def test_planning_takes_linear_time() -> None:
    """The time to plan an extraction does not grow with the square of the number of members."""
    entries = {
        count: parse_index(
            build_zip(
                *[ZipMember(f"d{number % 100}/{'e/' * 10}{number}") for number in range(count)]
            )
        ).entries
        for count in (4_000, 32_000)
    }
    assert_not_quadratic(
        lambda count: plan_extraction(entries[count], ArchiveLimits(), PathRules(portable=True))
    )


def test_arguments() -> None:
    """Invalid values of `members`, `strip`, `if_exists` and `encoding` are refused."""
    assert _arguments.members(None) is None
    assert _arguments.members("*.json") == "*.json"
    assert _arguments.members(name for name in ["a", "b"]) == ("a", "b")
    invalid_members: list[Any] = [5, ["a", 5], b"a"]
    invalid_counts: list[Any] = [-1, True, 1.0, "1", None]
    for bad in invalid_members:
        assert "names, a pattern or None" in error_message(_arguments.members, bad)
    assert "members is empty; pass None for all members" in error_message(_arguments.members, [])
    assert _arguments.count("strip", 0) == 0
    for bad in invalid_counts:
        assert "strip must be a non-negative int" in error_message(
            lambda bad: _arguments.count("strip", bad), bad
        )
    for encoding in (None, "cp932", "CP866", "utf-16"):
        assert arguments.encoding(encoding) == encoding
    for bad_encoding in ("nonsense", "hex", "", "a\0b", 5):
        assert "must be a text encoding" in error_message(arguments.encoding, bad_encoding)
    for bad_pattern in ("", ".", "./", "/a/*", 5):
        assert "must be a relative path" in error_message(arguments.pattern, bad_pattern)
    assert arguments.pattern("**/*.xml") == "**/*.xml"
    arguments.choice("symlinks", "skip", Symlinks)
    with pytest.raises(InvalidArgument, match="symlinks must be 'error' or 'skip' or 'inside'"):
        arguments.choice("symlinks", "follow", Symlinks)
    for what in ("error", "replace"):
        assert _arguments.if_directory_exists(what) == what
    assert "not 'verify'" in error_message(_arguments.if_directory_exists, "verify")
