"""Whether what stands before a member's data agrees with what the directory tells of it.

An archive of which two readers see different members is how one of them is deceived. The official
uploader leaves zeros for what it does not know yet, and says so in a flag; all else must agree.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.4.4 and 4.5.3
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ghartifacts_async._archive.central_directory import (
    LOCAL_HEADER,
    UTF8,
    CentralDirectoryEntry,
    fields,
    has_other_name,
    shown,
)
from ghartifacts_async.errors import DamagedArchive

_MARK = b"PK\x03\x04"
_DEFERRED = 0x8


def data_start(entry: CentralDirectoryEntry, header: memoryview) -> int | None:
    """Where a member's data begins, once its local header agrees with the directory.

    Args:
        entry: The member.
        header: Bytes from its `start` on; ``None`` is the answer to too few.

    Raises:
        DamagedArchive: The two tell different things.
    """
    if len(header) < LOCAL_HEADER.size:
        return None
    mark, _, flags, method, _, _, crc, packed, size, name, extra = LOCAL_HEADER.unpack_from(header)
    length = LOCAL_HEADER.size + name + extra
    known = entry.member
    fits = entry.start + length + known.compressed_size <= entry.room
    if mark != _MARK or name != len(entry.raw_name) or not fits:
        raise _disagrees(entry)
    if len(header) < length:
        return None
    raw = bytes(header[LOCAL_HEADER.size : LOCAL_HEADER.size + name])
    beside = header[LOCAL_HEADER.size + name : length]
    if 0xFFFFFFFF in (packed, size):
        size, packed = _zip64(beside, size, packed)
    same = zip((crc, packed, size), (known.crc32, known.compressed_size, known.size), strict=True)
    deferred = {0, 0xFFFFFFFF} if flags & _DEFERRED else set[int]()
    if (
        raw != entry.raw_name
        or method != entry.method
        or (flags ^ entry.flags) & ~_harmless(raw)
        or not all(one == other or one in deferred for one, other in same)
        or has_other_name(beside)
    ):
        raise _disagrees(entry)
    start: int = entry.start + length
    return start


def _harmless(raw_name: bytes) -> int:
    """Flags that may differ: how hard it was compressed, and the encoding of an ASCII name."""
    return 0x6 | (UTF8 if raw_name.isascii() else 0)


def _zip64(extra: memoryview, size: int, packed: int) -> tuple[int, int]:
    """Sizes out of the zip64 field where there is one."""
    for kind, data in fields(extra):
        if kind == 1:
            values = _numbers(data)
            size = next(values, size) if size == 0xFFFFFFFF else size
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            break
    return size, packed


def _numbers(data: bytes | memoryview) -> Iterator[int]:
    return (number for (number,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]))


def _disagrees(entry: CentralDirectoryEntry) -> DamagedArchive:
    name = entry.member.name
    return DamagedArchive(
        f"{shown(name)}: its local header disagrees with the directory", member=name
    )
