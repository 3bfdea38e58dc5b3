"""Decompressing members with other methods than deflate."""

from __future__ import annotations

import bz2
import lzma
import struct
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArchiveLimits, DamagedArchive, UnsupportedMember
from tests.archive.unusual_archives import DATA, NAME, compress_lzma
from tests.archive.zip_writer import (
    DATA_DESCRIPTOR_FLAG,
    ZipMember,
    build_zip,
    unzip,
)
from tests.values import examples

UTF8 = NAME.encode()


@examples(40)
@given(
    st.binary(max_size=300) | st.builds(lambda b, n: b * n, st.binary(), st.integers(0, 9999)),
    st.sampled_from([12, 14]),
    st.integers(1, 5000),
)
def test_methods(data: bytes, method: int, chunk_size: int) -> None:
    """Members compressed with bzip2 and LZMA are read like other members."""
    packed = bz2.compress(data) if method == 12 else compress_lzma(data)
    flags = DATA_DESCRIPTOR_FLAG | 2 * (method == 14)
    member = ZipMember("a", data, method, compressed_data=packed, flags=flags)
    archive = build_zip(ZipMember("b", b"x"), member, ZipMember("c", b"y"))
    assert unzip(archive, chunk_size=chunk_size) == {"b": b"x", "a": data, "c": b"y"}


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (compress_lzma(DATA) + b"x", "1 bytes follow"),
        (compress_lzma(DATA * 2), "more than the recorded"),
    ],
)
def test_bytes_after_lzma(packed: bytes, reason: str) -> None:
    """LZMA data that continues after its mark, or after the size of the member, is refused."""
    member = ZipMember("a", DATA, 14, compressed_data=packed, flags=2)
    for chunk_size in (3, 2**16):
        with pytest.raises(DamagedArchive, match=reason):
            unzip(build_zip(member), chunk_size=chunk_size)


@pytest.mark.parametrize("properties", [{"lc": 0, "lp": 0, "pb": 4}, {"lc": 1, "lp": 3, "pb": 2}])
def test_properties_of_lzma(properties: dict[str, int]) -> None:
    """LZMA data may be compressed with any literal and position bits."""
    packed = lzma.compress(DATA, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, **properties}])
    first = (properties["pb"] * 5 + properties["lp"]) * 9 + properties["lc"]
    header = struct.pack("<2BHBI", 9, 4, 5, first, 2**23)
    member = ZipMember("a", DATA, 14, compressed_data=header + packed, flags=2)
    assert unzip(build_zip(member)) == {"a": DATA}


def test_lzma_without_an_end_mark() -> None:
    """LZMA data may end at the size of the member instead of at a mark."""
    for data in (DATA, b"", bytes(3 * 2**20)):
        packed = compress_lzma(data)[: None if data else 14]
        member = ZipMember("a", data, 14, compressed_data=packed)
        for chunk_size in (1 if len(packed) < 500 else 100, 2**16):
            assert unzip(build_zip(member), chunk_size=chunk_size) == {"a": data}


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", "header is truncated"),
        (bytes(8), "header is truncated"),
        (bytes(9), "header is invalid"),
        (compress_lzma(DATA)[:4] + b"\xff" + compress_lzma(DATA)[5:], "header is invalid"),
        (compress_lzma(DATA)[:4] + b"\xe1" + compress_lzma(DATA)[5:], "header is invalid"),
        (compress_lzma(DATA)[:4] + b"\x2c" + compress_lzma(DATA)[5:], "data is invalid"),
        (compress_lzma(DATA)[:9] + b"\xff" * 50, "data is invalid"),
        (compress_lzma(DATA)[:-9], "truncated"),
        (compress_lzma(DATA[:-1]), "instead of|truncated|data is invalid"),
        (compress_lzma(DATA[1:] + b"0"), "CRC"),
    ],
)
@pytest.mark.parametrize("flags", [0, 2])
def test_invalid_lzma(packed: bytes, reason: str, flags: int) -> None:
    """Invalid LZMA data is refused."""
    member = ZipMember("a", DATA, 14, compressed_data=packed, flags=flags)
    for chunk_size in (3, 2**16):
        with pytest.raises(DamagedArchive, match=reason):
            unzip(build_zip(member), chunk_size=chunk_size)


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"", "truncated"),
        (b"BZh9nonsense", "data is invalid"),
        (bz2.compress(DATA)[:-5], "truncated"),
        (bz2.compress(DATA) + b"x", "1 bytes follow"),
        (bz2.compress(DATA + b"x"), "more than the recorded"),
        (bz2.compress(DATA[1:]), "instead of"),
    ],
)
def test_invalid_bzip2(packed: bytes, reason: str) -> None:
    """Invalid bzip2 data is refused, also bytes after its end."""
    member = ZipMember("a", DATA, 12, compressed_data=packed, flags=0)
    for chunk_size in (3, 2**16):
        with pytest.raises(DamagedArchive, match=reason):
            unzip(build_zip(member), chunk_size=chunk_size)


def test_a_large_dictionary() -> None:
    """A member whose LZMA dictionary takes more than 256 MiB is refused before it is allocated."""
    packed = compress_lzma(DATA)[:5] + struct.pack("<I", 2**32 - 1) + compress_lzma(DATA)[9:]
    assert unzip(build_zip(ZipMember("a", DATA, 14, compressed_data=packed))) == {"a": DATA}
    member = ZipMember("a", DATA, 14, compressed_data=packed, central={"size": 2**28 + 1})
    with pytest.raises(UnsupportedMember, match="needs an LZMA dictionary of 268435457 bytes"):
        unzip(build_zip(member), ArchiveLimits(max_ratio=1e9))


@pytest.mark.parametrize(
    ("method", "name"),
    [(9, "Deflate64"), (1, "Shrink"), (95, "XZ"), (98, "PPMd"), (99, "AES"), (77, "unknown")],
)
def test_methods_that_are_not_supported(method: int, name: str) -> None:
    """The error for a method that is not supported has its name and the supported ones."""
    with pytest.raises(UnsupportedMember, match=rf"{name}.*method {method}.*only stored, deflate"):
        unzip(build_zip(ZipMember("a", DATA, method)))


def test_zstandard() -> None:
    """Members compressed with Zstandard are read where Python has it, and named elsewhere."""
    if find_spec("compression") is None:
        with pytest.raises(UnsupportedMember, match=r"Zstandard .*needs Python 3\.14"):
            unzip(build_zip(ZipMember("a", DATA, 93)))
        return
    zstd = pytest.importorskip("compression.zstd")
    packed = zstd.compress(DATA)
    for chunk_size in (3, 2**16):
        archive = build_zip(ZipMember("a", DATA, 93, compressed_data=packed))
        assert unzip(archive, chunk_size=chunk_size) == {"a": DATA}
    for bad in (packed[:-3], packed + b"x", b"nonsense"):
        with pytest.raises(DamagedArchive):
            unzip(build_zip(ZipMember("a", DATA, 93, compressed_data=bad)))
