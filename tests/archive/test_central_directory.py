"""What a central directory tells: members, where they lie, and what is wanted to know it."""

from __future__ import annotations

import stat
import struct
import time
import zipfile
import zlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import (
    ArchiveError,
    ArchiveLimits,
    DamagedArchive,
    MemberNotFound,
    UnsafeMember,
)
from ghartifacts_async._archive.central_directory import TAIL, View, WantedError
from ghartifacts_async._archive.member_index import MemberIndex
from tests.archive.hostile import HOSTILE, Hostile
from tests.archive.zip_writer import STORED, Part, deflate, forge, index_of, unpacked
from tests.values import assert_not_quadratic, examples

DATA = Path(__file__).parents[1] / "data" / "archives"


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: each.label)
def test_hostile_archives_are_refused(hostile: Hostile) -> None:
    """Each is refused by an error that names the member, in a line that is fit to be printed."""
    with pytest.raises(ArchiveError) as caught:
        unpacked(hostile.archive, hostile.limits, portable=hostile.portable)
    assert type(caught.value) is hostile.error
    assert caught.value.member == hostile.member
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["small.zip", "small-store.zip", "tree.zip"])
@pytest.mark.parametrize("chunk", [13, 1000, 2**20])
def test_archives_of_the_real_uploader(name: str, chunk: int) -> None:
    """What the official uploader wrote is unpacked as `zipfile` unpacks it, however it comes."""
    archive = (DATA / name).read_bytes()
    found = unpacked(archive, chunk=chunk)
    with zipfile.ZipFile(BytesIO(archive)) as known:
        wanted = {info.filename: known.read(info) for info in known.infolist()}
    files = {name: data for name, data in found.items() if not name.endswith("/")}
    artefacts = {name for name in wanted if name not in files}
    assert files == {name: wanted[name] for name in files}
    assert all(wanted[name] == b"" and f"{name.rstrip('/')}/" in found for name in artefacts)


def test_members() -> None:
    """A member is told with its sizes, time, CRC-32, mode and kind."""
    archive = forge(
        Part("a/", mode=0o040755),
        Part("a/run.sh", b"#!/bin/sh\n", mode=0o100755),
        Part("naïve.txt", b"x"),
        Part(b"\x81.txt", b"x", central={"system": 0, "date": 0}),
        Part("dir", mode=0o040700),
    )
    directory, script, unicode, dos, by_mode = (e.member for e in index_of(archive).entries)
    assert directory.is_directory
    assert by_mode.is_directory
    assert not script.is_directory
    assert (script.size, script.crc32) == (10, zlib.crc32(b"#!/bin/sh\n"))
    assert script.compressed_size == len(deflate(b"#!/bin/sh\n"))
    assert stat.S_IMODE(script.mode) == 0o755
    assert script.modified == datetime(2026, 3, 10, tzinfo=UTC)
    assert unicode.name == "naïve.txt"
    assert (dos.name, dos.mode, dos.modified) == ("ü.txt", 0, None)


def test_only_what_is_wanted_is_asked_for() -> None:
    """The end of the payload is enough where the directory is in it; else its start is told."""
    archive = forge(*[Part(f"{number}", b"x" * 50) for number in range(100)])
    directory = archive.index(b"PK\x01\x02")
    view = View(len(archive), ArchiveLimits())
    view.seek(len(archive) - 5)
    with pytest.raises(WantedError) as wanted:
        view.read()
    assert wanted.value.start == len(archive) - 5
    view.prepend(archive[-1000:])
    view.seek(directory)
    with pytest.raises(WantedError) as wanted:
        view.read(1000)
    assert wanted.value.start == directory
    assert view.seekable()
    assert view.tell() == directory
    view.seek(0, 2)
    assert view.read() == b""
    with pytest.raises(OSError, match="before"):
        view.seek(-1)
    names = [entry.member.name for entry in index_of(archive, tail=1000).entries]
    assert names == [f"{number}" for number in range(100)]


@pytest.mark.parametrize("tail", [22, 100, TAIL])
@pytest.mark.parametrize("zip64", [False, True])
def test_ends(tail: int, zip64: bool) -> None:
    """Comments, zip64's records and bytes before the archive do not hide the directory."""
    for comment in (b"", b"x" * 65535, b"PK\x05 is how one begins"):
        archive = forge(Part("a", b"b"), Part("c"), comment=comment, zip64=zip64, prefix=b"#!sh\n")
        names = [entry.member.name for entry in index_of(archive, tail=tail).entries]
        assert names == ["a", "c"]
        assert unpacked(archive) == {"a": b"b", "c": b""}


def test_zip64_sizes() -> None:
    """Sizes that a member tells in a zip64 field are its sizes, here as there."""
    data = b"0123456789"
    extra = struct.pack("<2H2Q", 1, 16, len(data), len(data))
    other = b"\x99\x99\x02\0xx"
    big = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF, "extra": other + extra}
    for part in (
        Part("a", data, STORED, flags=0, local=big, central=big),
        Part("a", data, STORED, flags=0, local=big),
        Part("a", data, STORED, central=big),
        Part("a", data, STORED, local={"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}),
        Part("a", data, STORED, flags=0, local={**big, "packed": len(data)}),
        Part("a", data, STORED, flags=0, local={**big, "size": len(data), "extra": extra}),
    ):
        assert unpacked(forge(part)) == {"a": data}


def test_66_000_members() -> None:
    """More members than two bytes can count are all found, and in no time."""
    archives = {
        count: forge(*[Part(f"{number}") for number in range(count)], zip64=count > 65535)
        for count in (4_000, 32_000, 66_000)
    }

    def look(count: int) -> None:
        assert len(index_of(archives[count]).entries) == count

    look(66_000)
    assert_not_quadratic(look)


def test_names_of_many_bytes() -> None:
    """Names are of 16 MiB together at most, however few the members are."""
    archive = forge(*[Part(f"{number:04}" + "x" * 4000) for number in range(4200)])
    with pytest.raises(UnsafeMember, match="more than 16777216 bytes"):
        index_of(archive)


def test_names_alike_of_many_marks() -> None:
    """What may have been meant is found in no time among names that are slow to fold."""
    marks = "a" + "\u0301\u0316" * 1000
    entries = index_of(forge(*[Part(f"{n:04}/{marks}") for n in range(800)])).entries
    before = time.process_time()
    with pytest.raises(MemberNotFound):
        MemberIndex(entries).find("report.json")
    assert time.process_time() - before < 1


def test_members_by_name() -> None:
    """A member is found by its exact name; what is missing suggests what may be meant."""
    names = ["report.json", "docs/Index.html", "other/index.html", "docs/guide.md", "same", "same"]
    index = index_of(forge(*[Part(name) for name in names]))
    assert index.find("report.json").member.name == "report.json"
    with pytest.raises(UnsafeMember, match="twice"):
        index.find("same")
    for wanted, alike in {
        "Report.json": ("report.json",),
        "index.html": ("docs/Index.html", "other/index.html"),
        "docs/guidé.md": ("docs/guide.md",),
        "\x1b[0m": (),
    }.items():
        with pytest.raises(MemberNotFound) as caught:
            index.find(wanted)
        assert (caught.value.member, caught.value.suggestions) == (wanted, alike)
        assert all(name in str(caught.value) for name in alike)
        assert str(caught.value).isprintable()


def test_a_choice_of_members() -> None:
    """Members are chosen by names, by one name, or by a pattern whose star crosses slashes."""
    names = ["b.txt", "a/[x].txt", "a/b/c.json", "a/"]
    index = index_of(forge(*[Part(name) for name in names]))

    def chosen(wanted: str | list[str] | None) -> list[str]:
        return [entry.member.name for entry in index.select(wanted)]

    assert chosen(None) == names
    assert chosen(["a/b/c.json", "b.txt"]) == ["b.txt", "a/b/c.json"]
    assert chosen("a/[x].txt") == ["a/[x].txt"]
    assert chosen("*.txt") == ["b.txt", "a/[x].txt"]
    assert chosen("a/*.json") == ["a/b/c.json"]
    assert chosen([]) == []
    for missing in ("*.xml", "B.TXT", ["b.txt", "c.txt"]):
        with pytest.raises(MemberNotFound):
            chosen(missing)


def test_a_long_list_is_searched_in_no_time() -> None:
    """What is missing in a long archive is told as fast as in a short one, more or less."""
    indexes = {
        count: index_of(forge(*[Part(f"{number:x}") for number in range(count)]))
        for count in (4_000, 32_000)
    }

    def look(count: int) -> None:
        index = indexes[count]
        with pytest.raises(MemberNotFound):
            index.find("wanted")

    assert_not_quadratic(look)


@examples(300)
@given(st.binary(max_size=400), st.integers(0, 400), st.integers(22, 500))
def test_any_bytes(noise: bytes, at: int, tail: int) -> None:
    """Whatever stands in an archive's place, it is unpacked or refused."""
    archive = bytearray(forge(Part("a/b", b"hello" * 9), Part("a/ü", b"x"), comment=b"c"))
    archive[at : at + len(noise)] = noise
    for damaged in (noise, bytes(archive)):
        try:
            unpacked(damaged, chunk=7)
            index_of(damaged, tail=tail)
        except ArchiveError as error:
            assert str(error).isprintable()  # noqa: PT017 - either way


def test_a_directory_that_is_only_begun() -> None:
    """A directory that ends within a member's record is damaged."""
    with pytest.raises(DamagedArchive):
        index_of(forge(end={"size": 30, "offset": 1}, prefix=b"xPK\x01\x02" + bytes(26)))
