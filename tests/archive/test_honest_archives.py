"""Archives that are spelled in unusual ways, but mean the same to every program."""

from __future__ import annotations

import struct
import zlib

import pytest

from ghartifacts_async import ArchiveLimits, DamagedArchive, UnsafeMember
from ghartifacts_async._archive.zip_format.archive_tail import ArchiveTail
from ghartifacts_async._archive.zip_format.central_directory import parse_central_directory
from tests.archive.unusual_archives import DATA, NAME, unicode_path, unusual_archives
from tests.archive.zip_writer import (
    DATA_DESCRIPTOR_FLAG,
    DESCRIPTOR_SIGNATURE,
    STORED,
    ZipMember,
    build_zip,
    parse_index,
    unzip,
)

UTF8 = NAME.encode()


@pytest.mark.parametrize("archive", unusual_archives())
def test_unusual_archives(archive: bytes) -> None:
    """Unusual archives are extracted, for any chunk size."""
    for chunk_size in (1, 100, 2**20):
        assert DATA in unzip(archive, chunk_size=chunk_size).values()


def names(archive: bytes, encoding: str | None = None) -> list[str]:
    """Return the names of the members."""
    return [entry.member.name for entry in parse_index(archive, encoding=encoding).entries]


@pytest.mark.parametrize(
    ("raw", "system", "encoding", "name"),
    [
        (UTF8, 3, None, NAME),
        (UTF8, 19, None, NAME),
        (UTF8, 3, "cp932", NAME),
        (UTF8, 0, None, UTF8.decode("cp437")),
        (UTF8, 0, "utf-8", NAME),
        (b"\x81bung.txt", 3, None, NAME),
        (b"\x81bung.txt", 0, None, NAME),
        ("日本.txt".encode("cp932"), 0, "cp932", "日本.txt"),
        ("日本.txt".encode("cp932"), 3, "cp932", "日本.txt"),
        ("файл".encode("cp866"), 0, "cp866", "файл"),
        (b"plain.txt", 0, "cp866", "plain.txt"),
        (b"plain.txt", 3, "utf-16", "plain.txt"),
    ],
)
def test_encodings(raw: bytes, system: int, encoding: str | None, name: str) -> None:
    """A name without a flag is UTF-8 if Unix wrote it as UTF-8, else in the given encoding."""
    member = ZipMember(raw, b"x", central={"system": system})
    assert names(build_zip(member), encoding) == [name]
    assert unzip(build_zip(member), encoding=encoding) == {name: b"x"}


@pytest.mark.parametrize(("raw", "encoding"), [(b"\x81\x00", "cp932"), (b"+2AA-", "utf-7")])
def test_a_name_in_another_encoding(raw: bytes, encoding: str) -> None:
    """A name that the given encoding cannot decode raises an error that names the encoding."""
    member = ZipMember(raw, b"x", central={"system": 0})
    with pytest.raises(DamagedArchive, match=f"decoded as {encoding}.*another encoding"):
        names(build_zip(member), encoding)


@pytest.mark.parametrize("where", [{"central"}, {"central", "local"}])
@pytest.mark.parametrize("raw", [UTF8, b"\x81bung.txt", b"?bung.txt", b"#U00fcbung.txt"])
def test_unicode_paths(where: set[str], raw: bytes) -> None:
    """A Unicode Path field that belongs to the raw name gives the member's name, or repeats it."""
    field = {"extra": b"UT\x01\0x" + unicode_path(raw, NAME)}
    values = dict.fromkeys(where, field)
    assert unzip(build_zip(ZipMember(raw, DATA, **values))) == {NAME: DATA}  # type: ignore[arg-type]
    assert unzip(build_zip(ZipMember(raw, DATA, flags=0, **values))) == {NAME: DATA}  # type: ignore[arg-type]


def test_unicode_paths_of_other_names() -> None:
    """A Unicode Path field is ignored if it belongs to another raw name, is unknown or empty."""
    for field in (
        unicode_path(b"other", "your"),
        unicode_path(b"mine", "your", version=2),
        unicode_path(b"mine", ""),
        unicode_path(b"mine", "mine"),
        b"\x75\x70\x03\0abc",
    ):
        extra = {"extra": field}
        assert unzip(build_zip(ZipMember("mine", DATA, local=extra, central=extra))) == {
            "mine": DATA
        }
    flagged = {"extra": unicode_path(UTF8, NAME)}
    assert unzip(build_zip(ZipMember(NAME, DATA, local=flagged, central=flagged))) == {NAME: DATA}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("./a", "a"),
        ("a/./b", "a/b"),
        ("a//b", "a/b"),
        ("././/a", "a"),
        ("a/b/./", "a/b/"),
        ("a:b/c:d", "a:b/c:d"),
        ("12:30.log", "12:30.log"),
        ("...", "..."),
    ],
)
def test_spellings(written: str, path: str) -> None:
    """Components that are empty or ``.`` are dropped, and colons are kept."""
    if written == "a:b/c:d":
        written, path = "ab:c/c:d", "ab:c/c:d"
    data = b"" if path.endswith("/") else b"x"
    assert unzip(build_zip(ZipMember(written, data)))[path] == data


@pytest.mark.parametrize("root", ["./", "/", ".", "././", "//", ""])
def test_the_root(root: str) -> None:
    """An entry that names the target directory itself is skipped."""
    assert unzip(build_zip(ZipMember(root), ZipMember("./a", b"x"))) == {"a": b"x"}


def test_an_empty_archive() -> None:
    """An archive without members is empty, also with a comment."""
    for archive in (build_zip(), build_zip(comment=b"empty"), build_zip(zip64=True)):
        assert unzip(archive) == {}


def test_a_last_entry_without_a_name() -> None:
    """An entry without a name, which is as short as an entry can be, is skipped."""
    assert unzip(build_zip(ZipMember("a", DATA), ZipMember(""))) == {"a": DATA}


@pytest.mark.parametrize("missing", [1, 69, 70])
def test_a_missing_beginning(missing: int) -> None:
    """Offsets may all be too large, as in an archive whose prefix was removed.

    With 69, the recorded offset of the central directory is that of the end of the archive.
    """
    archive = build_zip(ZipMember("a", DATA), prefix=bytes(missing))[missing:]
    assert unzip(archive) == {"a": DATA}
    tail = ArchiveTail(len(archive), ArchiveLimits())
    tail.prepend(archive)
    assert all(offset < len(archive) for offset in parse_central_directory(tail).unexpected)


@pytest.mark.parametrize("pair", [("a", "./a"), ("a/b", "a//b"), ("./A", "a"), ("a/", "./A/b")])
def test_spellings_collide(pair: tuple[str, str]) -> None:
    """Two spellings of one path collide."""
    members = [ZipMember(name, b"" if name.endswith("/") else b"x") for name in pair]
    with pytest.raises(UnsafeMember, match="conflicts with the path"):
        unzip(build_zip(*members))


@pytest.mark.parametrize(
    "trailer", [bytes(10240 - 122), b"\n", b"\r\n", b"\x1a", b"signed by CI\n", bytes(65535)]
)
@pytest.mark.parametrize("zip64", [False, True])
def test_padding(trailer: bytes, zip64: bool) -> None:
    """Padding or text of up to 64 KiB after the end record is ignored."""
    archive = build_zip(ZipMember("a", DATA), ZipMember("b/"), zip64=zip64)
    for data in (archive + trailer, b"#!/bin/sh\n" + archive + trailer):
        for tail in (22, 1000, 2**17):
            assert [entry.member.name for entry in parse_index(data, tail_size=tail).entries] == [
                "a",
                "b/",
            ]
        assert unzip(data) == {"a": DATA, "b/": b""}


def test_other_end_records() -> None:
    """Bytes like an end record in a stored member, such as in a nested zip, are no second one."""
    inner = build_zip(ZipMember("x", DATA), comment=b"inner")
    code = b"END = 'PK\x05\x06'\n" + bytes(range(256)) * 3
    for data in (inner, inner + bytes(99), code):
        for comment in (b"", b"x" * 60000):
            archive = build_zip(ZipMember("a", data, STORED), comment=comment)
            assert unzip(archive) == {"a": data}
            assert unzip(archive + b"\n") == {"a": data}


@pytest.mark.parametrize(
    ("field", "value"), [("disk", 1), ("start_disk", 1), ("on_disk", 0), ("size", 45), ("at", 86)]
)
def test_an_implausible_end_record_in_a_member(field: str, value: int) -> None:
    """A member may contain bytes that look like an end record, if no program could believe it."""
    values = {"disk": 0, "start_disk": 0, "on_disk": 1, "count": 1, "size": 46, "at": 0}

    def archive(**changes: int) -> bytes:
        # The comment would reach beyond the last end record, but not to the end of the payload.
        fake = struct.pack("<4s4H2LH", b"PK\5\6", *(values | changes).values(), 400)
        return build_zip(ZipMember("a", bytes(100) + fake, STORED), comment=b"x" * 400)

    # With 85, the central directory would end where the record begins.
    for at in (0, 85):
        with pytest.raises(DamagedArchive, match="end record of another archive"):
            names(archive(at=at))
    assert names(archive(**{field: value})) == ["a"]


def test_an_end_record_with_a_comment_up_to_the_last_one() -> None:
    """A member may contain what looks like an end record whose comment ends before the last one."""

    def archive(comment: int) -> bytes:
        fake = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 46, 0, comment)
        return build_zip(ZipMember("a", bytes(100) + fake, STORED), comment=b"x" * 9)

    plain = archive(0)
    between = plain.rindex(b"PK\5\6") - plain.index(b"PK\5\6") - 22
    assert names(archive(between)) == ["a"]
    with pytest.raises(DamagedArchive, match="end record of another archive"):
        names(archive(between + 1))


def test_zip64_end_records() -> None:
    """A zip64 end record may repeat values that fit, and have more data than is known."""
    archive = build_zip(ZipMember("a", DATA), zip64=True)
    fitting = build_zip(ZipMember("a", DATA))[-18:]
    assert unzip(archive[:-18] + fitting) == {"a": DATA}
    position = archive.index(b"PK\x06\x06")
    extended = (
        archive[: position + 4]
        + struct.pack("<Q", 44 + 20)
        + archive[position + 12 : position + 56]
        + bytes(20)
        + archive[position + 56 :]
    )
    assert unzip(extended) == {"a": DATA}


def test_66_000_members_without_zip64() -> None:
    """The number of members may have overflowed in an archive without zip64 end records."""
    members = [ZipMember(f"{number}") for number in range(66_000)]
    for count in (66_000 & 0xFFFF, 0xFFFF):
        archive = build_zip(*members, end={"count": count})
        assert len(parse_index(archive).entries) == 66_000
        with pytest.raises(DamagedArchive, match=f"66000 members, but its end record says {count}"):
            parse_index(build_zip(*members, end={"count": count}, zip64=True))


@pytest.mark.parametrize("form", ["<3I", "<I2Q"])
@pytest.mark.parametrize("signature", [b"", DESCRIPTOR_SIGNATURE])
def test_a_flag_in_one_header(form: str, signature: bytes) -> None:
    """A data descriptor may be announced in one header only, if sizes and CRC-32 agree."""
    member = ZipMember("a", DATA, flags=0)
    sizes = (zlib.crc32(DATA), len(member.payload), len(DATA))
    descriptor = signature + struct.pack(form, *sizes)
    zeros = {"crc32": 0, "size": 0, "compressed_size": 0}
    for local in ({}, zeros):
        local_only = ZipMember("a", DATA, flags=0, local={"flags": DATA_DESCRIPTOR_FLAG, **local})
        archive = build_zip(local_only, between=descriptor)
        for chunk_size in (1, 7, 2**16):
            assert unzip(archive, chunk_size=chunk_size) == {"a": DATA}
    central_only = ZipMember("a", DATA, flags=0, central={"flags": DATA_DESCRIPTOR_FLAG})
    assert unzip(build_zip(central_only)) == {"a": DATA}


def test_a_pipe_is_a_file() -> None:
    """What ``zip`` and 7-Zip read from a pipe is a file, although its recorded type is a pipe."""
    for name, data in (("-", DATA), ("-", b""), ("a.txt", DATA)):
        assert unzip(build_zip(ZipMember(name, data, mode=0o010600))) == {name: data}
    with pytest.raises(UnsafeMember, match="a device, a pipe or a socket"):
        unzip(build_zip(ZipMember("a", mode=0o010600)))


def test_long_extra_fields() -> None:
    """Extra fields may have 64 KiB in each header."""
    fields = b"\x99\x99\0\0" * 16383
    large = b"\x99\x99" + struct.pack("<H", 65531) + bytes(65531)
    for extra in (fields, large, b"\x99\x99\0\0abc"):
        member = ZipMember("a", DATA, local={"extra": extra}, central={"extra": extra})
        assert unzip(build_zip(member, ZipMember("b", DATA)), chunk_size=999) == {
            "a": DATA,
            "b": DATA,
        }
