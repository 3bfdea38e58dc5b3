"""Names become paths, or are refused."""

from __future__ import annotations

import ntpath
import posixpath
import unicodedata
from pathlib import PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArchiveError, ArchiveLimits, UnsafeMember, _arguments
from ghartifacts_async._archive.member_paths import layout, safe_path
from ghartifacts_async._disk.filenames import folded
from tests.archive.zip_writer import Part, forge, index_of, unpacked
from tests.public.test_arguments import refused
from tests.values import assert_not_quadratic, examples

# From Python 3.13 on the method's name is deprecated.
is_reserved = getattr(ntpath, "isreserved", lambda path: PureWindowsPath(path).is_reserved())

NAMES = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["", ".", "..", "a", "A", "é", "e\u0301", "nul", "c:", "\\", "a\0", "x."]),
    max_size=4,
).map("/".join)


@examples(500)
@given(NAMES, st.booleans())
def test_any_name(name: str, portable: bool) -> None:
    """Whatever a member is called, it is refused or stays below the directory, as it is called."""
    try:
        (entry,) = index_of(forge(Part(name))).entries
        parts = safe_path(entry, portable=portable)
    except ArchiveError as error:
        assert (str(error).isprintable(), error.member) == (True, name)  # noqa: PT017 - either way
        return
    path = "/".join(parts)
    assert path == name.removesuffix("/")
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
def test_any_names(names: list[str], strip: int) -> None:
    """What is not refused are distinct paths, each below directories that are made before it."""
    archive = forge(*[Part(name, b"" if name.endswith("/") else b"x") for name in names])
    try:
        found = unpacked(archive, strip=strip)
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
def test_names_that_are_fine(name: str) -> None:
    """What is no danger here is not refused; whoever wants it portable says so."""
    assert unpacked(forge(Part(name, b"x")))[name] == b"x"


def test_empty_files_that_are_directories() -> None:
    """The official uploader's empty file where there is a directory gives way to it."""
    for names in (["a", "a/b"], ["a/b", "a"], ["a/", "a", "a/b"], ["a", "a/", "a/b"]):
        parts = [Part(name, b"x" if name == "a/b" else b"") for name in names]
        assert unpacked(forge(*parts)) == {"a/": b"", "a/b": b"x"}
    with pytest.raises(UnsafeMember, match="'a/b/c' is in the place of 'a/b'"):
        unpacked(forge(Part("a/b", b"x"), Part("a/b/c"), Part("a")))


def test_directories() -> None:
    """Directories are made once, those that no member tells of too."""
    archive = forge(Part("a/"), Part("a/b/c", b"x"), Part("a/"), Part("d", mode=0o040755))
    assert unpacked(archive) == {"a/": b"", "a/b/": b"", "d/": b"", "a/b/c": b"x"}


def test_strip() -> None:
    """Leading components are left out, and members that have no more; the rest must not collide."""
    parts = [Part("top/"), Part("readme", b"0"), Part("top/a", b"1"), Part("top/b/c", b"2")]
    assert unpacked(forge(*parts), strip=1) == {"a": b"1", "b/": b"", "b/c": b"2"}
    assert unpacked(forge(*parts), strip=2) == {"c": b"2"}
    assert unpacked(forge(*parts), strip=9) == {}
    with pytest.raises(UnsafeMember):
        unpacked(forge(Part("x/a", b"1"), Part("y/a", b"1")), strip=1)
    with pytest.raises(UnsafeMember):
        unpacked(forge(Part("../a", b"1")), strip=1)


@pytest.mark.parametrize(
    ("size", "ratio", "allowed"),
    [(2**26, 1, True), (2**26 + 1, 200, False), (2**26 + 1, 2000, True)],
)
def test_ratio(size: int, ratio: float, allowed: bool) -> None:
    """What shrinks well is no bomb up to 64 MiB, and beyond only by the ratio."""
    archive = forge(Part("zeros", bytes(size)))
    try:
        unpacked(archive, ArchiveLimits(max_ratio=ratio))
    except ArchiveError:
        assert not allowed
    else:
        assert allowed


def test_a_long_tree_is_planned_in_no_time() -> None:
    """The time that a plan takes grows with the members and not with their square."""
    entries = {
        count: index_of(
            forge(*[Part(f"d{number % 100}/{'e/' * 50}{number}") for number in range(count)])
        ).entries
        for count in (4_000, 32_000)
    }
    assert_not_quadratic(
        lambda count: layout(entries[count], ArchiveLimits(), strip=0, portable=True)
    )


def test_what_to_unpack() -> None:
    """Members are names, a pattern or None; counts are ints; a directory is replaced or kept."""
    assert _arguments.members(None) is None
    assert _arguments.members("*.json") == "*.json"
    assert _arguments.members(name for name in ["a", "b"]) == ("a", "b")
    no_members: list[Any] = [5, ["a", 5], b"a"]
    no_counts: list[Any] = [-1, True, 1.0, "1", None]
    for bad in no_members:
        assert "names, a pattern or None" in refused(_arguments.members, bad)
    assert "None stands for all" in refused(_arguments.members, [])
    assert _arguments.count("strip", 0) == 0
    for bad in no_counts:
        assert "strip is an int of 0" in refused(lambda bad: _arguments.count("strip", bad), bad)
    for what in ("error", "replace"):
        assert _arguments.if_directory_exists(what) == what
    assert "not 'verify'" in refused(_arguments.if_directory_exists, "verify")
