"""Archives that must be rejected, each with the expected error."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from attrs import evolve

from ghartifacts_async import (
    ArchiveError,
    ArchiveLimitExceeded,
    ArchiveLimits,
    DamagedArchive,
    NotAZip,
    UnsafeMember,
    UnsupportedMember,
)
from tests.archive.ambiguous_archives import FIRST, LAST, two_archives, wrong_descriptors
from tests.archive.rejected_archive import RejectedArchive
from tests.archive.zip_writer import (
    CENTRAL_SIGNATURE,
    DATA_DESCRIPTOR_FLAG,
    STORED,
    ZIP64_END_SIGNATURE,
    ZIP64_LOCATOR_SIGNATURE,
    ZipMember,
    build_zip,
    deflate,
)

ZEROS = bytes(70 * 2**20)


def unsafe(
    label: str, *members: ZipMember, member: str | None = None, portable: bool = False
) -> RejectedArchive:
    """Build an archive whose second-to-last member is unsafe."""
    name = members[-1].raw_name.decode() if member is None else member
    archive = build_zip(FIRST, *members, LAST)
    return RejectedArchive(label, archive, UnsafeMember, name, portable=portable)


def damaged(
    label: str, member: ZipMember, error: type[ArchiveError] = DamagedArchive
) -> RejectedArchive:
    """Build an archive whose second member is damaged."""
    archive = build_zip(FIRST, member, LAST)
    return RejectedArchive(label, archive, error, member.raw_name.decode())


def unsafe_paths() -> Iterator[RejectedArchive]:
    """Yield archives with a member name that is unsafe on this or on another system."""
    for name in (
        "../evil", "a/../../evil", "..", "a/..", "../", "/etc/evil", "//server/share/evil",
        "C:/evil", "c:evil", "..\\evil", "\\\\server\\share\\evil", "a\\b", "\\evil", "a/./../b",
        "./../evil", "./c:evil", ".//..", ".", "./.", "", "a\0b", "evil\0/../x", "evil\n",
        "\x1b[2Jevil", "evil\x7f", "evil\x85", "../evil/", "C:/evil/",
    ):  # fmt: skip
        yield unsafe(f"path {name!r}", ZipMember(name, b"evil" if name[-1:] != "/" else b""))
    yield unsafe("long component", ZipMember("x" * 256, b""))
    yield unsafe("long component of few characters", ZipMember("é" * 128, b""))
    yield unsafe("too deep", ZipMember("a/" * 128 + "b", b""))
    yield unsafe("long name", ZipMember("a/" * 2100, b""))
    for name in (
        "aux", "NUL.txt", "a/COM1/b", "con ", "a.", "a /b", "ab:c", "what?", "a*", "<a>", "a|b",
        'say "a"', "lpt¹",
    ):  # fmt: skip
        yield unsafe(f"Windows {name!r}", ZipMember(name, b"x"), portable=True)


def unsafe_entries() -> Iterator[RejectedArchive]:
    """Yield archives with a link or a device, a member with two names, or large extra fields."""
    for kind, mode in (
        ("link", 0o120777), ("character device", 0o020666), ("block device", 0o060666),
        ("socket", 0o140644),
    ):  # fmt: skip
        yield unsafe(kind, ZipMember("evil", b"/etc/passwd", mode=mode))
    yield unsafe("pipe", ZipMember("evil", mode=0o010644))
    mac = ZipMember("evil", b"/etc/passwd", mode=0o120777, central={"system": 19})
    yield unsafe("link written by macOS", mac)
    unicode_path = struct.pack("<2HBI", 0x7075, 9, 1, zlib.crc32(b"mine")) + b"your"
    yield unsafe("two names", ZipMember("mine", b"x", central={"extra": unicode_path}))
    other = struct.pack("<2HBI", 0x7075, 9, 1, zlib.crc32(b"mine")) + b"y\xc3\xb6r"
    extra = {"extra": unicode_path.replace(b"your", b"y\xc3\xb6r") + other.replace(b"y", b"n")}
    yield unsafe("two names in two fields", ZipMember("mine", b"x", central=extra))
    invalid = {"extra": unicode_path.replace(b"your", b"you\xff")}
    yield unsafe("second name that is not UTF-8", ZipMember("mine", b"x", central=invalid))
    for data in (b"x", b""):
        flagged = struct.pack("<2HBI", 0x7075, 9, 1, zlib.crc32(b"\xc3\xbc")) + b"\xc3\xb6es"
        name = "ü" if data else "ü/"
        crc32 = struct.pack("<I", zlib.crc32(name.encode()))
        extra = {"extra": flagged[:5] + crc32 + flagged[9:]}
        yield unsafe(f"two names, flag {name}", ZipMember(name, data, central=extra))


def collisions() -> Iterator[RejectedArchive]:
    """Yield archives with two members whose paths collide, at least on some systems."""
    for one, other in (
        ("README", "readme"), ("a/b", "A/c"), ("a/B", "a/b"), ("é", "e\u0301"),
        ("É", "e\u0301"), ("straße", "STRASSE"), ("\u03c3", "\u03c2"), ("same", "same"),
        ("x/é/y", "x/e\u0301/z"), ("k", "\u212a"), ("a/", "A/"), ("a/", "A"),
    ):  # fmt: skip
        pair = [ZipMember(name, b"x" if name[-1] != "/" else b"") for name in (one, other)]
        yield unsafe(f"collision of {one!r} and {other!r}", *pair)
    yield unsafe("file, then directory", ZipMember("a", b"x"), ZipMember("a/b", b"x"))
    yield unsafe("directory, then file", ZipMember("a/b", b"x"), ZipMember("a", b"x"))
    yield unsafe("file, then empty directory", ZipMember("a", b"x"), ZipMember("a/"))
    yield unsafe("empty files", ZipMember("a"), ZipMember("a"))


def wrong_data() -> Iterator[RejectedArchive]:
    """Yield archives with a member whose data contradicts the central directory."""
    data = b"0123456789" * 100
    good = ZipMember("liar", data)
    yield damaged("longer than recorded", evolve(good, central={"size": 999}))
    yield damaged("shorter than recorded", evolve(good, central={"size": 1001}))
    yield damaged("stored, two sizes", evolve(good, method=STORED, central={"size": 999}))
    yield damaged("wrong CRC", evolve(good, central={"crc32": 1}))
    yield damaged("wrong CRC, stored", evolve(good, method=STORED, central={"crc32": 1}))
    yield damaged("invalid deflate", evolve(good, compressed_data=b"\xff" * 40))
    yield damaged("truncated deflate", evolve(good, compressed_data=deflate(data)[:-1]))
    yield damaged("bytes after the deflate", evolve(good, compressed_data=deflate(data) + b"x"))
    yield damaged("no deflate", evolve(good, compressed_data=b""))
    yield damaged("no deflate for no bytes", ZipMember("liar", compressed_data=b""))
    bomb = ZipMember("liar", b"0123456789", compressed_data=deflate(ZEROS))
    yield damaged("70 MiB recorded as ten bytes", bomb)
    yield damaged("compressed size too large", evolve(good, central={"compressed_size": 5000}))
    blocks = b"\0\0\0\xff\xff" * 20_000 + deflate(b"x")
    yield damaged("100 kB for one byte", ZipMember("liar", b"x", compressed_data=blocks))
    yield damaged("directory with data", ZipMember("liar/", b"x"))
    yield damaged("directory by mode, with data", ZipMember("liar", b"x", mode=0o040755))


def contradicting_headers() -> Iterator[RejectedArchive]:
    """Yield archives with a local header that contradicts the central directory."""
    data = b"0123456789" * 100
    plain = ZipMember("liar", data, flags=0)
    for key, value in (
        ("name", b"liaR"), ("name", b"liar2"), ("method", STORED), ("crc32", 1), ("size", 1),
        ("compressed_size", 1), ("flags", 0x1), ("flags", DATA_DESCRIPTOR_FLAG),
        ("extra_length", 0xFFFF),
    ):  # fmt: skip
        yield damaged(f"local {key} {value!r}", evolve(plain, local={key: value}))
    unicode_path = struct.pack("<2HBI", 0x7075, 9, 1, zlib.crc32(b"liar")) + b"your"
    yield damaged("local header with two names", evolve(plain, local={"extra": unicode_path}))
    zip64 = struct.pack("<2H2Q", 1, 16, 5, 5)
    local = {"size": 0xFFFFFFFF, "compressed_size": 0xFFFFFFFF, "extra": zip64}
    yield damaged("local zip64 sizes", evolve(plain, local=local))
    local = {"extra": struct.pack("<2H", 1, 16)}
    yield damaged("local extra field longer than its header", evolve(plain, local=local))
    other_encoding = {"name": "\xfcber".encode(), "flags": 0x800}
    for system, name in ((0, b"\xc3\xbcber".decode("cp437")), (3, "\xfcber")):
        member = ZipMember(
            b"\xc3\xbcber", data, flags=0, local=other_encoding, central={"system": system}
        )
        yield RejectedArchive(
            f"local name in another encoding, {system}", build_zip(member), DamagedArchive, name
        )


def unsupported() -> Iterator[RejectedArchive]:
    """Yield archives with a member that is encrypted, or compressed with an unsupported method."""
    good = ZipMember("secret", b"0123456789" * 100)
    for flags in (0x1, 0x40 | 0x1, 0x2001):
        yield damaged(f"encrypted {flags:#x}", evolve(good, flags=flags | 8), UnsupportedMember)
    yield damaged("patch", evolve(good, flags=0x28), UnsupportedMember)
    for method in (1, 6, 9, 95, 98, 99, 255):
        yield damaged(f"method {method}", evolve(good, method=method), UnsupportedMember)


def no_archives() -> Iterator[RejectedArchive]:
    """Yield payloads that are not a zip archive, or have a second archive in the comment."""
    archive = build_zip(FIRST, ZipMember("m", b"x" * 100), LAST)
    yield RejectedArchive("empty", b"", NotAZip)
    yield RejectedArchive("text", b"no zip at all\n" * 1000, NotAZip)
    for count in (1, 18, 22, 60, len(archive) - 40, len(archive) - 1):
        yield RejectedArchive(f"last {count} bytes missing", archive[:-count], NotAZip)
    yield RejectedArchive("truncated end record", b"PK\x05\x06\0\0", NotAZip)
    yield RejectedArchive("padding of 64 KiB", archive + bytes(2**16), NotAZip)
    yield RejectedArchive("comment cut off", build_zip(FIRST, comment=b"12345")[:-1], NotAZip)
    nested = build_zip(FIRST, comment=archive)
    yield RejectedArchive("archive in the comment", nested, DamagedArchive)
    nested = build_zip(comment=archive)
    yield RejectedArchive("archive in the comment of an empty one", nested, DamagedArchive)
    nested = build_zip(FIRST, comment=archive + b"\0")
    yield RejectedArchive("archive and a byte in the comment", nested, DamagedArchive)


def damaged_directories() -> Iterator[RejectedArchive]:
    """Yield archives whose central directory or end record is damaged."""
    archive = build_zip(FIRST, ZipMember("m", b"x" * 100), LAST)
    directory = archive.index(CENTRAL_SIGNATURE)
    yield RejectedArchive("flipped signature", _flip(archive, directory + 2), DamagedArchive)
    yield RejectedArchive("flipped length", _flip(archive, directory + 30), DamagedArchive)
    early = build_zip(FIRST, end={"size": 10**9})
    yield RejectedArchive("directory before the start", early, DamagedArchive)
    short = build_zip(FIRST, end={"size": 20})
    yield RejectedArchive("directory too short", short, DamagedArchive)
    moved = build_zip(FIRST, end={"offset": 50})
    yield RejectedArchive("offsets too large", moved, DamagedArchive)
    moved = build_zip(FIRST, end={"offset": 10**6})
    yield RejectedArchive("offsets before the start", moved, DamagedArchive, "before.txt")
    for label, end in (
        ("count too small", {"count": 2}),
        ("count too large", {"count": 4}),
        ("count of 0", {"count": 0}),
        ("count of 65,535", {"count": 0xFFFF}),
        ("empty directory after members", {"count": 0, "size": 0, "offset": len(archive) - 22}),
        ("empty directory outside", {"count": 0, "size": 0, "offset": 10**6}),
    ):
        ambiguous = build_zip(FIRST, ZipMember("m", b"x" * 100), LAST, end=end)
        yield RejectedArchive(label, ambiguous, DamagedArchive)
    for count in (2, 4, 0xFFFF):
        ambiguous = build_zip(FIRST, ZipMember("m"), LAST, end={"count": count}, zip64=True)
        yield RejectedArchive(f"zip64 count of {count}", ambiguous, DamagedArchive)
    zip64 = build_zip(FIRST, zip64=True)
    record = zip64.index(ZIP64_END_SIGNATURE)
    yield RejectedArchive("flipped zip64 record", _flip(zip64, record), DamagedArchive)
    locator = zip64.index(ZIP64_LOCATOR_SIGNATURE)
    alone = ZIP64_LOCATOR_SIGNATURE + bytes(16) + build_zip()
    yield RejectedArchive("zip64 locator at the start", alone, DamagedArchive)
    elsewhere = _flip(_flip(zip64, record), locator + 15)
    yield RejectedArchive("zip64 record beyond the end", elsewhere, DamagedArchive)
    for label, member in (
        ("name that is not UTF-8", ZipMember(b"\xff\xfe", b"x", flags=0x808)),
        ("future version", ZipMember("a", central={"version": 99})),
        (
            "zip64 field too short",
            ZipMember("a", central={"size": 0xFFFFFFFF, "extra": struct.pack("<2HI", 1, 4, 0)}),
        ),
        ("extra field too long", ZipMember("a", central={"extra": b"\x01\0\xff\xff"})),
    ):
        yield RejectedArchive(label, build_zip(member), DamagedArchive)


def overlapping_members() -> Iterator[RejectedArchive]:
    """Yield archives whose members share bytes."""
    twice = [ZipMember("a", b"x" * 500), ZipMember("b", b"x" * 500, central={"offset": 0})]
    yield RejectedArchive("two members at one offset", build_zip(*twice), DamagedArchive, "a")
    kernel = ZipMember("a", ZEROS[: 2**20])
    copies = [ZipMember(f"{n}", b"", central={"offset": 0, "size": 2**20}) for n in range(50)]
    yield RejectedArchive("overlapping bomb", build_zip(kernel, *copies), DamagedArchive, "a")
    inner = build_zip(ZipMember("a", b"x" * 500), ZipMember("b", b"y" * 9, central={"offset": 20}))
    yield RejectedArchive("member within another", inner, DamagedArchive, "a")


def too_large() -> Iterator[RejectedArchive]:
    """Yield archives that exceed the limits."""
    bomb = build_zip(ZipMember("bomb", ZEROS))
    yield RejectedArchive("zip bomb", bomb, ArchiveLimitExceeded)
    files = build_zip(*[ZipMember(f"{n}", b"x" * 10) for n in range(11)])
    directories = build_zip(*[ZipMember(f"{n}/{n}/x") for n in range(5)])
    long_directory = build_zip(FIRST, between=bytes(10**6), end={"offset": 0, "size": 10**6 + 114})
    understated = build_zip(*[ZipMember(f"{n}") for n in range(11)], end={"count": 5})
    few = ArchiveLimits(max_members=10)
    for label, archive, member, limits in (
        ("large member", files, "0", ArchiveLimits(max_member_size=9)),
        ("large members", files, "10", ArchiveLimits(max_total_size=105)),
        ("many members", files, None, few),
        ("many directories", directories, "3/3/x", few),
        ("directory of a megabyte", long_directory, None, few),
        ("more members than recorded", understated, None, few),
    ):
        yield RejectedArchive(label, archive, ArchiveLimitExceeded, member, limits)
    tebibyte = {"size": 0xFFFFFFFF, "extra": struct.pack("<2HQ", 1, 8, 2**40)}
    claim = build_zip(ZipMember("bomb", b"x", central=tebibyte))
    yield RejectedArchive("recorded size of a tebibyte", claim, ArchiveLimitExceeded, "bomb")


def _flip(archive: bytes, offset: int) -> bytes:
    return archive[:offset] + bytes([archive[offset] ^ 0x40]) + archive[offset + 1 :]


REJECTED_ARCHIVES = [
    *unsafe_paths(),
    *unsafe_entries(),
    *collisions(),
    *wrong_data(),
    *contradicting_headers(),
    *unsupported(),
    *no_archives(),
    *damaged_directories(),
    *overlapping_members(),
    *two_archives(),
    *wrong_descriptors(),
    *too_large(),
]
