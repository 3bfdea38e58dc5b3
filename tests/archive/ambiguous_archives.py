"""Archives in which different programs find different members. They must be rejected."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from attrs import evolve

from ghartifacts_async import DamagedArchive
from tests.archive.rejected_archive import RejectedArchive
from tests.archive.zip_writer import CENTRAL_SIGNATURE, DATA_DESCRIPTOR_FLAG, ZipMember, build_zip

FIRST, LAST = ZipMember("before.txt", b"harmless"), ZipMember("z/after.txt", b"harmless")


def two_archives() -> Iterator[RejectedArchive]:
    """Yield archives in which programs that read them in different ways find different members."""
    one, other = build_zip(FIRST, ZipMember("m", b"x" * 100)), build_zip(LAST)
    yield RejectedArchive("one after the other", one + other, DamagedArchive)
    yield RejectedArchive("one after the other, and padding", one + other + b"\n", DamagedArchive)
    yield RejectedArchive("second end record", one + other[-22:], DamagedArchive)
    yield RejectedArchive("end record of no members", one + build_zip(), DamagedArchive)
    signed = build_zip(FIRST, prefix=b"PK\3\4")
    yield RejectedArchive("signature of a member before the first one", signed, DamagedArchive)
    shown = b"#!/bin/sh\n" + one[:-22]
    start = build_zip(LAST, prefix=shown).rindex(CENTRAL_SIGNATURE)
    recorded = shown.index(CENTRAL_SIGNATURE)
    moved = evolve(LAST, central={"offset": len(shown) - (start - recorded)})
    two = build_zip(moved, prefix=shown, end={"offset": recorded})
    yield RejectedArchive("another directory where one is recorded", two, DamagedArchive)
    for label, hidden in (
        ("local header", other[: other.index(CENTRAL_SIGNATURE)]),
        ("directory", other[other.index(CENTRAL_SIGNATURE) : -22]),
        ("zip64 end record", b"PK\x06\x06" + bytes(52)),
        ("zip64 locator", b"PK\x06\x07" + bytes(16)),
    ):
        yield RejectedArchive(f"{label} in the padding", one + hidden, DamagedArchive)
        commented = build_zip(FIRST, comment=hidden)
        yield RejectedArchive(f"{label} in the comment", commented, DamagedArchive)
    hidden = other[: other.index(CENTRAL_SIGNATURE)]
    for where, between in (("at once", hidden), ("after 300 bytes", bytes(300) + hidden)):
        for kind, member in (("file", ZipMember("m", b"x")), ("directory", ZipMember("m/"))):
            ambiguous = build_zip(member, LAST, between=between)
            name, label = member.raw_name.decode(), f"hidden after a {kind}, {where}"
            yield RejectedArchive(label, ambiguous, DamagedArchive, name)
    shortest = build_zip(ZipMember("m", b"x", flags=0), LAST, between=b"PK\3\4")
    yield RejectedArchive("signature of a hidden member", shortest, DamagedArchive, "m")
    far = build_zip(ZipMember("m", b"x"), between=bytes(2**20 + 7) + hidden)
    yield RejectedArchive("hidden after a megabyte", far, DamagedArchive, "m")
    overlapped = build_zip(FIRST, comment=build_zip(LAST) + bytes(9))
    yield RejectedArchive("comment that ends with padding", overlapped + bytes(7), DamagedArchive)
    for key, value in (("count", 2), ("size", 1), ("offset", 1)):
        plain = build_zip(FIRST, zip64=True)
        end = struct.pack(
            "<4H2IH", 0, 0, *[2 if key == "count" else 0xFFFF] * 2,
            value if key == "size" else 0xFFFFFFFF, value if key == "offset" else 0xFFFFFFFF, 0,
        )  # fmt: skip
        contradicting = plain[:-18] + end
        yield RejectedArchive(f"two values of the {key}", contradicting, DamagedArchive)
    zip64 = build_zip(FIRST, zip64=True)
    yield RejectedArchive(
        "no zip64 end record", zip64.replace(b"PK\6\6", b"PK\6\5"), DamagedArchive
    )
    split = one[:-18] + b"\1\0" + one[-16:]
    yield RejectedArchive("part of a split archive", split, DamagedArchive)


def wrong_descriptors() -> Iterator[RejectedArchive]:
    """Yield archives with a data descriptor in the local header only, which is wrong."""
    good = ZipMember("liar", b"0123456789" * 100, local={"flags": DATA_DESCRIPTOR_FLAG}, flags=0)
    crc32, packed = zlib.crc32(good.data), len(good.payload)
    for label, values in (
        ("none", b""), ("short", struct.pack("<2I", crc32, packed)),
        ("CRC", struct.pack("<3I", 1, packed, 1000)), ("zeros", bytes(24)),
        ("size", b"PK\7\x08" + struct.pack("<3I", crc32, packed, 999)),
        ("long", struct.pack("<I2Q", crc32, packed + 1, 1000)),
    ):  # fmt: skip
        archive = build_zip(good, between=values)
        yield RejectedArchive(f"data descriptor, {label}", archive, DamagedArchive, "liar")
