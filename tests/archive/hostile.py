"""Archives that must not be unpacked, each with the error that says so."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from attrs import evolve, frozen

from ghartifacts_async import (
    ArchiveError,
    ArchiveLimitExceeded,
    ArchiveLimits,
    DamagedArchive,
    NotAZip,
    UnsafeMember,
    UnsupportedMember,
)
from tests.archive.zip_writer import CENTRAL, DEFERRED, STORED, Part, deflate, forge

BEFORE, AFTER = Part("before.txt", b"harmless"), Part("z/after.txt", b"harmless")
ZEROS = bytes(70 * 2**20)


@frozen
class Hostile:
    """An archive, and what becomes of whoever unpacks it.

    Attributes:
        label: What it tries.
        archive: Its bytes.
        error: Raised, of exactly this class.
        member: The member that it names, ``None`` for none.
        limits: What is allowed.
        portable: Whether Windows has a say.
    """

    label: str
    archive: bytes
    error: type[ArchiveError]
    member: str | None = None
    limits: ArchiveLimits = ArchiveLimits()  # noqa: RUF009 - it is frozen
    portable: bool = False


def unsafe(label: str, *parts: Part, member: str | None = None, portable: bool = False) -> Hostile:
    """One whose last member, among harmless ones, is unsafe."""
    name = parts[-1].raw_name.decode() if member is None else member
    archive = forge(BEFORE, *parts, AFTER)
    return Hostile(label, archive, UnsafeMember, name, portable=portable)


def damaged(label: str, part: Part, error: type[ArchiveError] = DamagedArchive) -> Hostile:
    """One whose second member, among harmless ones, is not what it claims."""
    return Hostile(label, forge(BEFORE, part, AFTER), error, part.raw_name.decode())


def slips() -> Iterator[Hostile]:
    """Names that lead out of the directory, here or elsewhere."""
    for name in (
        "../evil", "a/../../evil", "..", "a/..", "../", "/etc/evil", "//server/share/evil",
        "C:/evil", "c:evil", "..\\evil", "\\\\server\\share\\evil", "a\\b", "\\evil", "a/./b",
        "./evil", ".", "a//b", "", "/", "a\0b", "evil\0/../x", "evil\n", "\x1b[2Jevil", "evil\x7f",
        "evil\x85", "../evil/", "C:/evil/",
    ):  # fmt: skip
        yield unsafe(f"slip {name!r}", Part(name, b"evil" if name[-1:] != "/" else b""))
    for kind, mode in (
        ("link", 0o120777), ("character device", 0o020666), ("block device", 0o060666),
        ("pipe", 0o010644), ("socket", 0o140644),
    ):  # fmt: skip
        yield unsafe(kind, Part("evil", b"/etc/passwd", mode=mode))
    mac = Part("evil", b"/etc/passwd", mode=0o120777, central={"system": 19})
    yield unsafe("link of macOS", mac)
    yield unsafe("long component", Part("x" * 256, b""))
    yield unsafe("long component of few characters", Part("é" * 128, b""))
    yield unsafe("too deep", Part("a/" * 128 + "b", b""))
    other = struct.pack("<2HBI", 0x7075, 9, 1, zlib.crc32(b"mine")) + b"your"
    yield unsafe("two names", Part("mine", b"x", central={"extra": other}))
    yield unsafe("too long extra", Part("x", b"", central={"extra": b"\x99\x99\0\0" * 257}))
    yield unsafe("long name", Part("a/" * 2100, b""))
    yield unsafe("long extra", Part("x", b"", central={"extra": b"\x99\x99\0\0" * 2000}))
    for name in (
        "aux", "NUL.txt", "a/COM1/b", "con ", "a.", "a /b", "ab:c", "what?", "a*", "<a>", "a|b",
        'say "a"', "lpt¹",
    ):  # fmt: skip
        yield unsafe(f"Windows {name!r}", Part(name, b"x"), portable=True)


def collisions() -> Iterator[Hostile]:
    """Members that are in each other's way, on some system or on all."""
    for one, other in (
        ("README", "readme"), ("a/b", "A/c"), ("a/B", "a/b"), ("é", "e\u0301"),
        ("É", "e\u0301"), ("straße", "STRASSE"), ("\u03c3", "\u03c2"), ("same", "same"),
        ("x/é/y", "x/e\u0301/z"), ("k", "\u212a"), ("a/", "A/"), ("a/", "A"),
    ):  # fmt: skip
        pair = [Part(name, b"x" if name[-1] != "/" else b"") for name in (one, other)]
        yield unsafe(f"collision of {one!r} and {other!r}", *pair)
    yield unsafe("file, then directory", Part("a", b"x"), Part("a/b", b"x"))
    yield unsafe("directory, then file", Part("a/b", b"x"), Part("a", b"x"))
    yield unsafe("file, then directory alone", Part("a", b"x"), Part("a/"))
    yield unsafe("empty files", Part("a"), Part("a"))


def liars() -> Iterator[Hostile]:
    """Members that are not what a header says of them."""
    data = b"0123456789" * 100
    good = Part("liar", data)
    yield damaged("more than its size", evolve(good, central={"size": 999}))
    yield damaged("less than its size", evolve(good, central={"size": 1001}))
    yield damaged("stored, of two sizes", evolve(good, method=STORED, central={"size": 999}))
    yield damaged("wrong CRC", evolve(good, central={"crc": 1}))
    yield damaged("wrong CRC, stored", evolve(good, method=STORED, central={"crc": 1}))
    yield damaged("no deflate", evolve(good, packed=b"\xff" * 40))
    yield damaged("deflate without end", evolve(good, packed=deflate(data)[:-1]))
    yield damaged("bytes behind its end", evolve(good, packed=deflate(data) + b"x"))
    yield damaged("no bytes", evolve(good, packed=b""))
    yield damaged("empty without an end", Part("liar", packed=b""))
    small = Part("liar", b"0123456789", packed=deflate(ZEROS))
    yield damaged("a bomb that claims ten bytes", small)
    yield damaged("packed size too large", evolve(good, central={"packed": 5000}))
    blocks = b"\0\0\0\xff\xff" * 20_000 + deflate(b"x")
    yield damaged("a hundred kilobytes for one", Part("liar", b"x", packed=blocks))
    yield damaged("directory with bytes", Part("liar/", b"x"))
    yield damaged("directory by mode, with bytes", Part("liar", b"x", mode=0o040755))
    plain = evolve(good, flags=0)
    for what, value in (
        ("name", b"liaR"), ("name", b"liar2"), ("method", STORED), ("crc", 1), ("size", 1),
        ("packed", 1), ("flags", 0x1), ("flags", DEFERRED), ("extra_length", 0xFFFF),
    ):  # fmt: skip
        label = f"local {what} {value!r}"
        yield damaged(label, evolve(plain, local={what: value}))
    zip64 = struct.pack("<2H2Q", 1, 16, 5, 5)
    local = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF, "extra": zip64}
    other = struct.pack("<2HBI", 0x7075, 9, 1, zlib.crc32(b"liar")) + b"your"
    yield damaged("local header with two names", evolve(plain, local={"extra": other}))
    yield damaged("local zip64 sizes", evolve(plain, local=local))
    foreign = {"name": "\xfcber".encode(), "flags": 0x800}
    yield Hostile(
        "local name in another encoding",
        forge(Part(b"\xc3\xbcber", data, flags=0, local=foreign)),
        DamagedArchive,
        b"\xc3\xbcber".decode("cp437"),
    )
    for flags in (0x1, 0x40 | 0x1, 0x2001):
        yield damaged(f"encrypted {flags:#x}", evolve(good, flags=flags | 8), UnsupportedMember)
    yield damaged("patch", evolve(good, flags=0x28), UnsupportedMember)
    for method in (1, 6, 9, 12, 14, 93, 95, 98, 99):
        yield damaged(f"method {method}", evolve(good, method=method), UnsupportedMember)


def broken() -> Iterator[Hostile]:
    """Archives that contradict themselves, or are none."""
    whole = forge(BEFORE, Part("m", b"x" * 100), AFTER)
    yield Hostile("empty", b"", NotAZip)
    yield Hostile("a text", b"no zip at all\n" * 1000, NotAZip)
    for at in (1, 18, 22, 60, len(whole) - 40, len(whole) - 1):
        yield Hostile(f"cut {at} bytes early", whole[:-at], NotAZip)
    yield Hostile("end record alone, cut", b"PK\x05\x06\0\0", NotAZip)
    yield Hostile("bytes behind its end", whole + b"\0", NotAZip)
    yield Hostile("an archive near the end of a file", whole + bytes(1024), NotAZip)
    yield Hostile("comment with an archive", forge(BEFORE, comment=whole), DamagedArchive)
    inner = forge(BEFORE, comment=whole + b"\0")
    yield Hostile("comment with an archive and more", inner, NotAZip)
    directory = whole.index(CENTRAL)
    yield Hostile("flipped mark", _flip(whole, directory + 2), DamagedArchive)
    yield Hostile("flipped length", _flip(whole, directory + 30), DamagedArchive)
    yield Hostile("directory before the start", forge(BEFORE, end={"size": 10**9}), DamagedArchive)
    yield Hostile("directory too short", forge(BEFORE, end={"size": 20}), DamagedArchive)
    yield Hostile(
        "offsets too large", forge(BEFORE, end={"offset": 50}), DamagedArchive, "before.txt"
    )
    before = forge(BEFORE, end={"offset": 10**6})
    yield Hostile("offsets before the start", before, DamagedArchive, "before.txt")
    name = Part(b"\xff\xfe", b"x", flags=0x808)
    yield Hostile("a name that is no UTF-8", forge(name), DamagedArchive)
    yield Hostile("a version to come", forge(Part("a", central={"version": 99})), DamagedArchive)
    short = Part("a", central={"size": 0xFFFFFFFF, "extra": struct.pack("<2HI", 1, 4, 0)})
    yield Hostile("zip64 field too short", forge(short), DamagedArchive)
    extra = Part("a", central={"extra": b"\x01\0\xff\xff"})
    yield Hostile("extra field too long", forge(extra), DamagedArchive)
    twice = [Part("a", b"x" * 500), Part("b", b"x" * 500, central={"offset": 0})]
    yield Hostile("two of one place", forge(*twice), DamagedArchive, "a")
    kernel = Part("a", ZEROS[: 2**20])
    copies = [Part(f"{n}", b"", central={"offset": 0, "size": 2**20}) for n in range(50)]
    yield Hostile("overlapping bomb", forge(kernel, *copies), DamagedArchive, "a")
    inside = forge(Part("a", b"x" * 500), Part("b", b"y" * 9, central={"offset": 20}))
    yield Hostile("one within the other", inside, DamagedArchive, "a")


def bombs() -> Iterator[Hostile]:
    """More than the budget."""
    yield Hostile("flat bomb", forge(Part("bomb", ZEROS)), ArchiveLimitExceeded)
    files = [Part(f"{n}", b"x" * 10) for n in range(11)]
    small = ArchiveLimits(max_member_size=9)
    yield Hostile("large member", forge(*files), ArchiveLimitExceeded, "0", small)
    small = ArchiveLimits(max_total_size=105)
    yield Hostile("large members", forge(*files), ArchiveLimitExceeded, "10", small)
    yield Hostile(
        "many members", forge(*files), ArchiveLimitExceeded, None, ArchiveLimits(max_members=10)
    )
    deep = [Part(f"{n}/{n}/x") for n in range(5)]
    yield Hostile(
        "many directories",
        forge(*deep),
        ArchiveLimitExceeded,
        "3/3/x",
        ArchiveLimits(max_members=10),
    )
    huge = forge(BEFORE, between=bytes(10**6), end={"offset": 0, "size": 10**6 + 114})
    yield Hostile(
        "a directory of a megabyte", huge, ArchiveLimitExceeded, None, ArchiveLimits(max_members=10)
    )
    tebibyte = {"size": 0xFFFFFFFF, "extra": struct.pack("<2HQ", 1, 8, 2**40)}
    claims = Part("bomb", b"x", central=tebibyte)
    yield Hostile("a claim of a tebibyte", forge(claims), ArchiveLimitExceeded, "bomb")


def _flip(archive: bytes, at: int) -> bytes:
    return archive[:at] + bytes([archive[at] ^ 0x40]) + archive[at + 1 :]


HOSTILE = [*slips(), *collisions(), *liars(), *broken(), *bombs()]
