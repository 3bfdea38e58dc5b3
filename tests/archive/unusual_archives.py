"""Archives that are spelled in unusual ways, but mean the same to every program."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib

from tests.archive.zip_writer import (
    DATA_DESCRIPTOR_FLAG,
    DESCRIPTOR_SIGNATURE,
    STORED,
    ZipMember,
    build_zip,
)

BZIP2, LZMA = 12, 14
LZMA_END_MARK_FLAG = 0x2
DATA = b"0123456789" * 100
NAME = "übung.txt"


def unicode_path(raw: bytes, name: str, *, version: int = 1) -> bytes:
    """Return a Unicode Path field."""
    data = struct.pack("<BI", version, zlib.crc32(raw)) + name.encode()
    return struct.pack("<2H", 0x7075, len(data)) + data


def compress_lzma(data: bytes) -> bytes:
    """Compress data like `zipfile`, which marks the end."""
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    return struct.pack("<2BHBI", 9, 4, 5, 93, 2**23) + packed


def unusual_archives() -> list[bytes]:
    """Return unusual archives that are accepted without any option."""
    raw = NAME.encode()
    field = {"extra": unicode_path(raw, NAME)}
    plain = ZipMember("a", DATA, flags=0)
    descriptor = DESCRIPTOR_SIGNATURE + struct.pack(
        "<3I", zlib.crc32(DATA), len(plain.payload), len(DATA)
    )
    local_only = ZipMember("a", DATA, flags=0, local={"flags": DATA_DESCRIPTOR_FLAG})
    lzma_flags = DATA_DESCRIPTOR_FLAG | LZMA_END_MARK_FLAG
    return [
        build_zip(ZipMember(raw, DATA)),
        build_zip(ZipMember(raw, DATA, local=field, central={"system": 0, **field})),
        build_zip(ZipMember("./"), ZipMember("./a", DATA), ZipMember("d//b", b"x")) + bytes(99),
        build_zip(ZipMember("-", DATA, mode=0o010600), comment=b"comment") + b"\n",
        build_zip(local_only, between=descriptor),
        build_zip(ZipMember("a", DATA, BZIP2, compressed_data=bz2.compress(DATA))),
        build_zip(
            ZipMember("a", DATA, LZMA, compressed_data=compress_lzma(DATA), flags=lzma_flags)
        ),
        build_zip(ZipMember("a", DATA, STORED, central={"extra": b"\x99\x99\0\0" * 400})),
    ]
