"""Parsing the central directory, and finding members by name."""

from __future__ import annotations

import random
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
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import PathRules
from ghartifacts_async._archive.zip_format.archive_tail import (
    TAIL_SIZE,
    ArchiveTail,
    MissingBytesError,
)
from tests.archive.rejected_archive import RejectedArchive
from tests.archive.rejected_archives import REJECTED_ARCHIVES
from tests.archive.zip_writer import (
    CENTRAL_SIGNATURE,
    STORED,
    ZipMember,
    build_zip,
    deflate,
    parse_index,
    unzip,
)
from tests.values import assert_not_quadratic, cost, examples

DATA = Path(__file__).parents[1] / "data" / "archives"


@pytest.mark.parametrize("rejected", REJECTED_ARCHIVES, ids=lambda rejected: rejected.label)
def test_invalid_archives_are_rejected(rejected: RejectedArchive) -> None:
    """An invalid archive is rejected with an error that names the member in a printable message."""
    with pytest.raises(ArchiveError) as caught:
        unzip(rejected.archive, rejected.limits, rules=PathRules(portable=rejected.portable))
    assert type(caught.value) is rejected.error
    assert caught.value.member == rejected.member
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["small.zip", "small-store.zip", "tree.zip"])
@pytest.mark.parametrize("chunk", [13, 1000, 2**20])
def test_archives_of_the_official_uploader(name: str, chunk: int) -> None:
    """Archives of the official uploader yield the same files as `zipfile`, for any chunk size."""
    archive = (DATA / name).read_bytes()
    found = unzip(archive, chunk_size=chunk)
    with zipfile.ZipFile(BytesIO(archive)) as known:
        expected = {info.filename: known.read(info) for info in known.infolist()}
    files = {name: data for name, data in found.items() if not name.endswith("/")}
    empty_duplicates = {name for name in expected if name not in files}
    assert files == {name: expected[name] for name in files}
    for name in empty_duplicates:
        assert expected[name] == b""
        assert f"{name.rstrip('/')}/" in found


def test_members() -> None:
    """Members have their recorded sizes, time, CRC-32 and mode, and directories are recognised."""
    archive = build_zip(
        ZipMember("a/", mode=0o040755),
        ZipMember("a/run.sh", b"#!/bin/sh\n", mode=0o100755),
        ZipMember("naïve.txt", b"x"),
        ZipMember(b"\x81.txt", b"x", central={"system": 0, "date": 0}),
        ZipMember("dir", mode=0o040700),
    )
    directory, script, unicode, dos, by_mode = (e.member for e in parse_index(archive).entries)
    assert directory.is_directory
    assert by_mode.is_directory
    assert not script.is_directory
    assert (script.size, script.crc32) == (10, zlib.crc32(b"#!/bin/sh\n"))
    assert script.compressed_size == len(deflate(b"#!/bin/sh\n"))
    assert stat.S_IMODE(script.mode) == 0o755
    assert script.modified == datetime(2026, 3, 10, tzinfo=UTC)
    assert unicode.name == "naïve.txt"
    assert (dos.name, dos.mode, dos.modified) == ("ü.txt", 0, None)


@pytest.mark.parametrize(
    "moment", [(2107, 12, 31, 23, 59, 58), (1980, 1, 1, 0, 0, 0), (2026, 3, 10, 17, 5, 42)]
)
def test_times(moment: tuple[int, int, int, int, int, int]) -> None:
    """Every part of the time of a member is kept, from 1980 to 2107, in steps of two seconds."""
    year, month, day, hour, minute, second = moment
    recorded = (hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day)
    archive = bytearray(build_zip(ZipMember("a")))
    struct.pack_into("<2H", archive, archive.index(CENTRAL_SIGNATURE) + 12, *recorded)
    (entry,) = parse_index(bytes(archive)).entries
    assert entry.member.modified == datetime(*moment, tzinfo=UTC)


def test_missing_bytes_are_requested() -> None:
    """Reading bytes that were not fetched raises an error with the offset of the first of them."""
    archive = build_zip(*[ZipMember(f"{number}", b"x" * 50) for number in range(100)])
    directory = archive.index(b"PK\x01\x02")
    tail = ArchiveTail(len(archive), ArchiveLimits())
    with pytest.raises(MissingBytesError) as missing:
        tail.read(len(archive) - 5, len(archive))
    assert missing.value.start == len(archive) - 5
    tail.prepend(archive[-1000:])
    with pytest.raises(MissingBytesError) as missing:
        tail.read(directory, directory + 1000)
    assert missing.value.start == directory
    assert tail.read(len(archive) - 5, len(archive)) == archive[-5:]
    names = [entry.member.name for entry in parse_index(archive, tail_size=1000).entries]
    assert names == [f"{number}" for number in range(100)]


@pytest.mark.parametrize("tail", [22, 100, TAIL_SIZE])
@pytest.mark.parametrize("zip64", [False, True])
def test_end_records(tail: int, zip64: bool) -> None:
    """A comment, zip64 records and bytes before the archive are supported."""
    for comment in (b"", b"x" * 65535, b"PK\x05 starts an end record"):
        archive = build_zip(
            ZipMember("a", b"b"), ZipMember("c"), comment=comment, zip64=zip64, prefix=b"#!sh\n"
        )
        names = [entry.member.name for entry in parse_index(archive, tail_size=tail).entries]
        assert names == ["a", "c"]
        assert unzip(archive) == {"a": b"b", "c": b""}


def test_zip64_sizes() -> None:
    """Sizes may be recorded in zip64 fields, in the central directory or in the local header."""
    data = b"0123456789"
    extra = struct.pack("<2H2Q", 1, 16, len(data), len(data))
    one, offset = struct.pack("<2HQ", 1, 8, len(data)), struct.pack("<2HQ", 1, 8, 0)
    other = b"\x99\x99\x02\0xx"
    big = {"size": 0xFFFFFFFF, "compressed_size": 0xFFFFFFFF, "extra": other + extra}
    for member in (
        ZipMember("a", data, STORED, flags=0, local=big, central=big),
        ZipMember("a", data, STORED, flags=0, local=big),
        ZipMember("a", data, STORED, central=big),
        ZipMember("a", data, STORED, local={"size": 0xFFFFFFFF, "compressed_size": 0xFFFFFFFF}),
        ZipMember("a", data, STORED, flags=0, local={**big, "compressed_size": len(data)}),
        ZipMember("a", data, STORED, flags=0, local={**big, "size": len(data), "extra": extra}),
        ZipMember("a", data, STORED, central={"size": 0xFFFFFFFF, "extra": one}),
        ZipMember("a", data, STORED, central={"compressed_size": 0xFFFFFFFF, "extra": one}),
        ZipMember("a", data, STORED, central={"offset": 0xFFFFFFFF, "extra": offset}),
    ):
        assert unzip(build_zip(member)) == {"a": data}


def test_66_000_members() -> None:
    """An archive may have more than 65,535 members, and parsing takes linear time."""
    archives = {
        count: build_zip(*[ZipMember(f"{number}") for number in range(count)], zip64=count > 65535)
        for count in (4_000, 32_000, 66_000)
    }

    def parse(count: int) -> None:
        assert len(parse_index(archives[count]).entries) == count

    parse(66_000)
    assert_not_quadratic(parse)


def test_the_size_of_names() -> None:
    """A name may take 4 KiB, and the names of an archive 16 MiB in total, but no more."""
    members = [ZipMember(f"{number:04}".ljust(4096, "x")) for number in range(4096)]
    assert len(parse_index(build_zip(*members)).entries) == 4096
    with pytest.raises(UnsafeMember, match="more than 16777216 bytes"):
        parse_index(build_zip(*members, ZipMember("y")))
    with pytest.raises(UnsafeMember, match="a name of 4097 bytes; at most 4096"):
        parse_index(build_zip(ZipMember("x" * 4097)))


def test_the_version_of_a_member() -> None:
    """A member may need version 6.3 of the zip format, and no later one."""
    assert unzip(build_zip(ZipMember("a", b"x", central={"version": 63}))) == {"a": b"x"}
    with pytest.raises(DamagedArchive, match=r"needs version 6\.4 .* at most 6\.3"):
        parse_index(build_zip(ZipMember("a", b"x", central={"version": 64})))


def test_suggestions_are_fast_for_slow_names() -> None:
    """Finding suggestions is fast, even if the names are slow to normalize."""
    marks = "a" + "\u0301\u0316" * 1000
    entries = parse_index(build_zip(*[ZipMember(f"{n:04}/{marks}") for n in range(800)])).entries
    before = time.process_time()
    with pytest.raises(MemberNotFound):
        MemberIndex(entries).find("report.json")
    assert time.process_time() - before < 1


def test_suggestions_are_fast_for_hostile_names() -> None:
    """Finding suggestions among names that are all similar to the wanted one is fast."""
    wanted = "results/coverage/integration/linux-x86_64/report-summary-of-all-tests.json" * 2
    rng = random.Random(1)
    letters = [*wanted.replace("/", "_")]

    def shuffled(count: int) -> list[ZipMember]:
        return [ZipMember("".join(rng.sample(letters, len(letters)))) for _ in range(count)]

    indexes = {count: parse_index(build_zip(*shuffled(count))) for count in (500, 4000)}

    def find(count: int) -> None:
        with pytest.raises(MemberNotFound):
            indexes[count].find(wanted)

    assert cost(lambda: find(4000)) < 4 * max(cost(lambda: find(500)), 0.05)
    long_names = parse_index(build_zip(*[ZipMember(f"{n}{'ab' * 1000}") for n in range(30)]))
    with pytest.raises(MemberNotFound) as caught:
        long_names.find("x" + "ab" * 1000)
    assert caught.value.suggestions == ()


def test_members_by_name() -> None:
    """A member is found by its exact name; MemberNotFound suggests similar names."""
    names = ["report.json", "docs/Index.html", "other/index.html", "docs/guide.md", "same", "same"]
    index = parse_index(build_zip(*[ZipMember(name) for name in names]))
    assert index.find("report.json").member.name == "report.json"
    with pytest.raises(UnsafeMember, match="twice"):
        index.find("same")
    for name, suggestions in {
        "Report.json": ("report.json",),
        "index.html": ("docs/Index.html", "other/index.html"),
        "docs/guidé.md": ("docs/guide.md",),
        "\x1b[0m": (),
    }.items():
        with pytest.raises(MemberNotFound) as caught:
            index.find(name)
        assert (caught.value.member, caught.value.suggestions) == (name, suggestions)
        assert all(suggestion in str(caught.value) for suggestion in suggestions)
        assert str(caught.value).isprintable()


def test_suggestions_of_other_lengths() -> None:
    """A suggestion may be a quarter and one character longer than the name, and no longer."""
    for other, suggestions in (("x" * 11, ("x" * 11,)), ("x" * 12, ())):
        with pytest.raises(MemberNotFound) as caught:
            parse_index(build_zip(ZipMember(other))).find("x" * 8)
        assert caught.value.suggestions == suggestions


@pytest.mark.parametrize(("size", "count"), [(255, 1), (256, 0)])
def test_suggestions_for_long_names(size: int, count: int) -> None:
    """Similar names are suggested for a name of up to 255 characters."""
    name = "".join(map(chr, range(0x4E00, 0x4E00 + size)))
    with pytest.raises(MemberNotFound) as caught:
        parse_index(build_zip(ZipMember(name))).find("x" + name[1:])
    assert len(caught.value.suggestions) == count


def test_selecting_members() -> None:
    """Members are selected by names, one name, or a glob pattern with the rules of `pathlib`."""
    names = ["b.txt", "a/[x].txt", "a/b/c.json", "a/"]
    index = parse_index(build_zip(*[ZipMember(name) for name in names]))

    def selected(members: str | list[str] | None) -> list[str]:
        return [entry.member.name for entry in index.select(members)]

    assert selected(None) == names
    assert selected(["a/b/c.json", "b.txt"]) == ["b.txt", "a/b/c.json"]
    assert selected("a/[x].txt") == ["a/[x].txt"]
    assert selected("**/*.txt") == ["b.txt", "a/[x].txt"]
    assert selected("*.txt") == ["b.txt"]
    assert selected("a/**/*.json") == ["a/b/c.json"]
    assert selected([]) == []
    for missing in ("*.xml", "a/*.json", "B.TXT", ["b.txt", "c.txt"]):
        with pytest.raises(MemberNotFound):
            selected(missing)


def test_suggestions_take_linear_time() -> None:
    """The time to report a missing member does not grow with the square of their number."""
    indexes = {
        count: parse_index(build_zip(*[ZipMember(f"{number:x}") for number in range(count)]))
        for count in (4_000, 32_000)
    }

    def find_missing(count: int) -> None:
        index = indexes[count]
        with pytest.raises(MemberNotFound):
            index.find("missing")

    assert_not_quadratic(find_missing)


@examples(300)
@given(st.binary(max_size=400), st.integers(0, 400), st.integers(22, 500))
def test_any_bytes_are_extracted_or_rejected(noise: bytes, at: int, tail: int) -> None:
    """Random bytes, and archives partly overwritten with them, are extracted or rejected."""
    archive = bytearray(
        build_zip(ZipMember("a/b", b"hello" * 9), ZipMember("a/ü", b"x"), comment=b"c")
    )
    archive[at : at + len(noise)] = noise
    for damaged in (noise, bytes(archive)):
        try:
            unzip(damaged, chunk_size=7)
            parse_index(damaged, tail_size=tail)
        except ArchiveError as error:
            assert str(error).isprintable()  # noqa: PT017 - either is fine


def test_a_truncated_entry() -> None:
    """A central directory that ends in the middle of an entry is rejected as damaged."""
    with pytest.raises(DamagedArchive):
        parse_index(build_zip(end={"size": 30, "offset": 1}, prefix=b"xPK\x01\x02" + bytes(26)))
