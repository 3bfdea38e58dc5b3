"""The extra fields of a header: the sizes in a zip64 field, and names in Unicode Path fields.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.5.3 and 4.6.9
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

IN_ZIP64_FIELD = 0xFFFFFFFF
"""A size or an offset with this value is in the zip64 field."""

_ZIP64_FIELD, _UNICODE_PATH_FIELD = 1, 0x7075
_UNICODE_PATH = struct.Struct("<BI")


def extra_fields(extra: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the header id and the data of each extra field.

    Raises:
        ValueError: A field is longer than the bytes that are left.
    """
    position, stop = 0, len(extra)
    while position + 4 <= stop:
        header_id, length = struct.unpack_from("<HH", extra, position)
        position += 4 + length
        if position > stop:
            raise ValueError(f"extra field {header_id:#06x} has {length} bytes, but fewer are left")
        yield header_id, extra[position - length : position]


def zip64_values(fields: Sequence[tuple[int, memoryview]], values: Sequence[int]) -> list[int]:
    """Return values of a header. Read those that do not fit into the header from a zip64 field.

    Args:
        fields: The extra fields of the header.
        values: The size, the compressed size and, in the central directory, the offset.

    Raises:
        ValueError: The zip64 field is too short.
    """
    field = next((data for header_id, data in fields if header_id == _ZIP64_FIELD), None)
    if field is None or IN_ZIP64_FIELD not in values:
        return [*values]
    found = struct.iter_unpack("<Q", field[: len(field) // 8 * 8])
    try:
        return [next(found)[0] if value == IN_ZIP64_FIELD else value for value in values]
    except StopIteration:
        pass
    raise ValueError("the zip64 extra field is too short")


def unicode_paths(fields: Sequence[tuple[int, memoryview]], raw_name: bytes) -> set[str | None]:
    """Return the names in Unicode Path fields that apply to a raw name.

    A field for another raw name is out of date, because a program that did not know it has renamed
    the member. Such a field is ignored. The set contains None if a name is not valid UTF-8.
    """
    found: set[str | None] = set()
    for header_id, data in fields:
        if header_id == _UNICODE_PATH_FIELD and len(data) > _UNICODE_PATH.size:
            version, crc32 = _UNICODE_PATH.unpack_from(data)
            if version == 1 and crc32 == zlib.crc32(raw_name):
                try:
                    found.add(str(data[_UNICODE_PATH.size :], "utf-8"))
                except UnicodeDecodeError:
                    found.add(None)
    return found
