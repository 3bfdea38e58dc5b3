"""Options that accept members which are refused by default."""

from __future__ import annotations

import pytest

from ghartifacts_async import UnsafeMember
from ghartifacts_async._archive.member_paths import PathRules
from tests.archive.unusual_archives import NAME
from tests.archive.zip_writer import (
    ZipMember,
    build_zip,
    unzip,
)

UTF8 = NAME.encode()


def test_choices() -> None:
    """`backslashes`, `on_collision` and `symlinks` accept what is refused by default."""
    windows = build_zip(ZipMember("dir\\", mode=0), ZipMember("dir\\a.txt", b"x", mode=0))
    with pytest.raises(UnsafeMember, match=r"pass backslashes='separator'"):
        unzip(windows)
    rules = PathRules(backslashes="separator")
    assert unzip(windows, rules=rules) == {"dir/": b"", "dir/a.txt": b"x"}
    assert unzip(windows, rules=rules, members="dir/*.txt") == {"dir/": b"", "dir/a.txt": b"x"}
    for name in ("..\\evil", "C:\\evil", "\\evil", "a\\..\\b"):
        with pytest.raises(UnsafeMember):
            unzip(build_zip(ZipMember(name, b"x")), rules=rules)
    twins = [
        ZipMember(name, name.encode())
        for name in ("README.md", "Readme.md", "Readme~2.md", "a/x", "A/x", "A/y", "readme.md")
    ]
    with pytest.raises(UnsafeMember, match=r"pass on_collision='rename'"):
        unzip(build_zip(*twins))
    assert unzip(build_zip(*twins), rules=PathRules(on_collision="rename")) == {
        "a/": b"",
        "A~4/": b"",
        "README.md": b"README.md",
        "Readme~2.md": b"Readme.md",
        "Readme~2~3.md": b"Readme~2.md",
        "a/x": b"a/x",
        "A~4/x": b"A/x",
        "A~4/y": b"A/y",
        "readme~5.md": b"readme.md",
    }
    for pair in (("a", "a"), ("a", "a/b"), ("A/a", "a/a", "A/a")):
        with pytest.raises(UnsafeMember, match="conflicts"):
            unzip(
                build_zip(*[ZipMember(name, b"x") for name in pair]),
                rules=PathRules(on_collision="rename"),
            )
    for size in (253, 254):
        long = build_zip(ZipMember("x" * size, b"x"), ZipMember("X" * size, b"y"))
        if size == 253:
            found = unzip(long, rules=PathRules(on_collision="rename"))
            assert found["X" * size + "~2"] == b"y"
        else:
            with pytest.raises(UnsafeMember, match="too long"):
                unzip(long, rules=PathRules(on_collision="rename"))


def link(name: str, target: str | bytes) -> ZipMember:
    """Return a symbolic link."""
    data = target.encode() if isinstance(target, str) else target
    return ZipMember(name, data, mode=0o120777)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("l", "d"),
        ("l", "d/f"),
        ("l", "missing"),
        ("d/l", "f"),
        ("d/l", "../top"),
        ("d/e/l", "../../d/../top"),
        ("d/e/l", ".././/f"),
        ("l", "l"),
        ("l", "."),
        ("d/l", ".."),
        ("l", "d/../d/f"),
        ("l", "./" * 2046 + "./.d"),
    ],
)
def test_links_inside(name: str, target: str) -> None:
    """With ``symlinks="inside"``, a link to a place within the directory is created."""
    files = [ZipMember("d/f", b"x"), ZipMember("d/e/f", b"x"), ZipMember("top", b"x")]
    archive = build_zip(link(name, target), *files)
    assert unzip(archive, rules=PathRules(symlinks="inside"))[name] == target.encode()
    assert name not in unzip(archive, rules=PathRules(symlinks="skip"))
    with pytest.raises(UnsafeMember, match=r"symlinks='skip'.*symlinks='inside'"):
        unzip(archive)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("l", "/etc/passwd"),
        ("l", "../x"),
        ("l", "./../x"),
        ("l", ".."),
        ("d/l", "../../x"),
        ("d/l", "../d/../../x"),
        ("l", "other/../../x"),
        ("l", "missing/../x"),
        ("l", "d/f/../../x"),
        ("l", "C:/x"),
        ("l", "c:x"),
        ("l", "..\\x"),
        ("l", "a\nb"),
        ("l", "a\0b"),
        ("l", ""),
        ("l", b"\xff"),
        ("l", "./" * 2047 + "top"),
    ],
)
def test_links_that_lead_outside(name: str, target: str | bytes) -> None:
    """With ``symlinks="inside"``, a link that leads or may lead outside is refused."""
    files = [ZipMember("d/f", b"x"), link("other", "d")]
    with pytest.raises(UnsafeMember) as caught:
        unzip(build_zip(*files, link(name, target)), rules=PathRules(symlinks="inside"))
    assert caught.value.member == name
    assert str(caught.value).isprintable()


def test_skipped_links() -> None:
    """With ``symlinks="skip"``, the target of a link may be anything."""
    for target in ("/etc/passwd", "../x", "", "x" * 5000):
        archive = build_zip(link("l", target), ZipMember("a", b"x"))
        assert unzip(archive, rules=PathRules(symlinks="skip")) == {"a": b"x"}


def test_links_that_collide() -> None:
    """Nothing is extracted through a link, or in place of one."""
    for others in (
        [ZipMember("l/f", b"x")],
        [ZipMember("l", b"x")],
        [ZipMember("l")],
        [ZipMember("L/")],
        [link("l", "e")],
    ):
        for members in ([link("l", "d"), *others], [*others, link("l", "d")]):
            for on_collision in ("error", "rename"):
                rules = PathRules(symlinks="inside", on_collision=on_collision)
                if others[0].name == "L/" and on_collision == "rename":
                    continue
                with pytest.raises(UnsafeMember, match="conflicts"):
                    unzip(build_zip(*members), rules=rules)
    for mode in (0o020666, 0o060666, 0o140644):
        with pytest.raises(UnsafeMember, match="a device"):
            unzip(build_zip(ZipMember("x", b"y", mode=mode)), rules=PathRules(symlinks="inside"))
    portable = PathRules(symlinks="inside", portable=True)
    with pytest.raises(UnsafeMember, match="invalid on Windows"):
        unzip(build_zip(link("l", "ab:c")), rules=portable)
