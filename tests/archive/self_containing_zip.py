"""A zip archive whose only member is the archive itself.

Its data consists of two kinds of deflate instructions, each encoded in five bytes: L(n) copies the
n bytes that follow it, and R(n) repeats the last n bytes of output. The output is the whole
archive, including these instructions. The archive also contains its own CRC-32. CRC-32 is linear,
so the value that satisfies this is the solution of 32 linear equations, one for each bit.

Source: https://research.swtch.com/zip
"""

from __future__ import annotations

import struct
import zlib

from tests.archive.zip_writer import CENTRAL_SIGNATURE, DATE, END_SIGNATURE, LOCAL_SIGNATURE

NAME = b"an-archive-that-holds-itself.z"
"""A name of 30 bytes. The local header and one L take 65 bytes, and R(65) fits into five."""

_TRAILER_SIZE = 253
"""Number of bytes after the data. With one R they are 258, the longest match in deflate."""


def self_containing_zip() -> bytes:
    """Build the archive that contains itself."""
    for time in range(100):
        crc_of_zero = zlib.crc32(_archive(0, time))
        columns = [
            zlib.crc32(_archive(1 << bit, time)) ^ crc_of_zero ^ (1 << bit) for bit in range(32)
        ]
        crc32 = _solve(columns, crc_of_zero)
        if crc32 is not None:
            return _archive(crc32, time)
    raise AssertionError("the equations have no solution for any timestamp")


def _archive(crc32: int, time: int) -> bytes:
    header_size = len(LOCAL_SIGNATURE) + 26 + len(NAME)
    compressed_size = 150 + header_size + _TRAILER_SIZE
    size = header_size + compressed_size + _TRAILER_SIZE
    fields = struct.pack(
        "<5H3I2H", 20, 0, 8, time, DATE, crc32, compressed_size, size, len(NAME), 0
    )
    header = LOCAL_SIGNATURE + fields + NAME
    trailer = CENTRAL_SIGNATURE + struct.pack("<H", 0x314) + fields
    trailer += struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, 0) + NAME
    directory_size = len(trailer)
    comment = bytes(_TRAILER_SIZE - directory_size - 22)
    trailer += END_SIGNATURE
    trailer += struct.pack(
        "<4H2IH", 0, 0, 1, 1, directory_size, header_size + compressed_size, len(comment)
    )
    data = _program(header, trailer + comment)
    assert len(data) == compressed_size
    return header + data + trailer + comment


def _program(header: bytes, trailer: bytes) -> bytes:
    first, last, four = len(header) + 5, len(trailer) + 5, 20
    repeat, end = _repeat(first), _repeat(last)
    return b"".join(
        [
            *(_literal(first), header, _literal(first)),
            repeat,
            *(_literal(5), repeat),
            *(_literal(5), _literal(5)),
            *(_literal(four), repeat, _literal(5), _literal(5), _literal(four)),
            _repeat(four),
            *(_literal(four), _repeat(four), _literal(four), _repeat(four), _literal(four)),
            _repeat(four),
            *(_literal(four), _repeat(four), _literal(0), _literal(0), _literal(last)),
            _repeat(four),
            *(_literal(0), _literal(0)),
            *(_literal(last), end, trailer),
            end,
        ]
    )


def _literal(count: int) -> bytes:
    """Encode L(count)."""
    return struct.pack("<BHH", 0, count, count ^ 0xFFFF)


def _repeat(count: int) -> bytes:
    """Encode R(count), where count is 20, 65 or 258. R(258) also ends the data."""
    matches = {
        # Bits in the order of the stream. The lowest of the extra bits comes first.
        20: "0001000" + "01000" + "110" + "0001000" + "01000" + "110" + "0000000",
        65: "0010100" + "011" + "01100" + "00000" + "0000000",
        258: "11000101" + "10000" + "1000000" + "0000000",
    }
    bits = "010" + matches[count]
    if count != 20:
        bits += ("1" if count == 258 else "0") + "10" + "0000000"
    assert len(bits) == 40
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, 40, 8))


def _solve(columns: list[int], target: int) -> int | None:
    """Return a bit mask of the columns that add up to the target, or ``None`` if none do.

    This is Gaussian elimination over the field of two elements.
    """
    pivots: dict[int, tuple[int, int]] = {}
    for number, column in enumerate(columns):
        value, chosen = _reduced(column, 1 << number, pivots)
        if value:
            pivots[value.bit_length()] = value, chosen
    value, chosen = _reduced(target, 0, pivots)
    return None if value else chosen


def _reduced(value: int, chosen: int, pivots: dict[int, tuple[int, int]]) -> tuple[int, int]:
    for length in range(32, 0, -1):
        if value.bit_length() == length and length in pivots:
            value ^= pivots[length][0]
            chosen ^= pivots[length][1]
    return value, chosen
