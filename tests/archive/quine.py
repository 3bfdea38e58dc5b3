"""A zip that holds itself: unpacked again and again, it never ends.

The data is a program of deflate's two instructions, which each take five bytes here: L(n) says the
next n bytes, R(n) the last n bytes again. What it says is the archive, program included. Of the
archive's checksum, which it says of itself, each bit depends on the others linearly.

Source: https://research.swtch.com/zip
"""

from __future__ import annotations

import struct
import zlib

from tests.archive.zip_writer import CENTRAL, DATE, END, LOCAL

NAME = b"an-archive-that-holds-itself.z"
"""Of such a length that header and name, with one L, are 65 bytes: R(65) fits into five bytes."""

_BEHIND = 253
"""Bytes behind the data, with one R 258: as many as deflate copies at once."""


def quine() -> bytes:
    """The archive, which holds one member: the archive."""
    for time in range(100):
        zero = _archive(0, time)
        base = zlib.crc32(zero)
        columns = [zlib.crc32(_archive(1 << bit, time)) ^ base ^ (1 << bit) for bit in range(32)]
        crc = _solve(columns, base)
        if crc is not None:
            return _archive(crc, time)
    raise AssertionError("no time has a solution")


def _archive(crc: int, time: int) -> bytes:
    length = len(LOCAL) + 26 + len(NAME)
    size = length + (packed := 150 + length + _BEHIND) + _BEHIND
    told = struct.pack("<5H3I2H", 20, 0, 8, time, DATE, crc, packed, size, len(NAME), 0)
    before = LOCAL + told + NAME
    behind = CENTRAL + struct.pack("<H", 0x314) + told
    behind += struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, 0) + NAME
    directory = len(behind)
    comment = bytes(_BEHIND - directory - 22)
    behind += END + struct.pack("<4H2IH", 0, 0, 1, 1, directory, length + packed, len(comment))
    data = _program(before, behind + comment)
    assert len(data) == packed
    return before + data + behind + comment


def _program(before: bytes, behind: bytes) -> bytes:
    first, last, four = len(before) + 5, len(behind) + 5, 20
    again, end = _again(first), _again(last)
    return b"".join(
        [
            *(_say(first), before, _say(first)),
            again,
            *(_say(5), again),
            *(_say(5), _say(5)),
            *(_say(four), again, _say(5), _say(5), _say(four)),
            _again(four),
            *(_say(four), _again(four), _say(four), _again(four), _say(four)),
            _again(four),
            *(_say(four), _again(four), _say(0), _say(0), _say(last)),
            _again(four),
            *(_say(0), _say(0)),
            *(_say(last), end, behind),
            end,
        ]
    )


def _say(count: int) -> bytes:
    return struct.pack("<BHH", 0, count, count ^ 0xFFFF)


def _again(count: int) -> bytes:
    """The last so many bytes again: 20, 65, or 258 and the end."""
    matches = {
        # Bits of symbols as they are read, extra bits with the lowest first.
        20: "0001000" + "01000" + "110" + "0001000" + "01000" + "110" + "0000000",
        65: "0010100" + "011" + "01100" + "00000" + "0000000",
        258: "11000101" + "10000" + "1000000" + "0000000",
    }
    bits = "010" + matches[count]
    if count != 20:
        bits += ("1" if count == 258 else "0") + "10" + "0000000"
    assert len(bits) == 40
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, 40, 8))


def _solve(columns: list[int], wanted: int) -> int | None:
    """Which of the columns make up what is wanted, bit by bit; ``None`` where none do."""
    pivots: dict[int, tuple[int, int]] = {}
    for number, column in enumerate(columns):
        value, chosen = _reduced(column, 1 << number, pivots)
        if value:
            pivots[value.bit_length()] = value, chosen
    value, chosen = _reduced(wanted, 0, pivots)
    return None if value else chosen


def _reduced(value: int, chosen: int, pivots: dict[int, tuple[int, int]]) -> tuple[int, int]:
    for length in range(32, 0, -1):
        if value.bit_length() == length and length in pivots:
            value ^= pivots[length][0]
            chosen ^= pivots[length][1]
    return value, chosen
