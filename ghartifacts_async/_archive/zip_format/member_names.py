"""Decode the names of members.

A flag says that a name is UTF-8. Without the flag, the format specifies the code page 437, but
programs on Unix and macOS write UTF-8, and programs on Windows write the code page of the system.
A Unicode Path field has the name in UTF-8 if the raw name cannot represent it.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.6.9 and appendix D
"""

from __future__ import annotations

from collections.abc import Sequence

from ghartifacts_async._archive.zip_format.extra_fields import unicode_paths
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import DamagedArchive

UTF8_FLAG = 0x800
UNIX_SYSTEMS = frozenset({3, 19})


def decode_name(
    raw_name: bytes,
    flags: int,
    system: int,
    fields: Sequence[tuple[int, memoryview]],
    encoding: str | None,
) -> tuple[str, bool]:
    """Decode the name of a member.

    Args:
        raw_name: The name as recorded.
        flags: General purpose bit flags.
        system: The system of the program that made the archive.
        fields: The extra fields in the central directory.
        encoding: Encoding of names for which the archive does not specify one. None for code page
            437.

    Returns:
        The name, and whether the archive gives the member two names. Then the name is the decoded
        raw name.

    Raises:
        DamagedArchive: The name cannot be decoded.
    """
    name = _decode_raw(raw_name, flags, system, encoding)
    others = unicode_paths(fields, raw_name) - {name} if fields else set()
    if not others:
        return name, False
    other = others.pop()
    # The field is needed only for a name that the raw name cannot represent.
    is_needed = other is not None and not other.isascii() and not flags & UTF8_FLAG
    if others or other is None or not is_needed:
        return name, True
    return other, False


def _decode_raw(raw_name: bytes, flags: int, system: int, encoding: str | None) -> str:
    if raw_name.isascii() and (encoding is None or flags & UTF8_FLAG):
        return raw_name.decode("ascii")
    if flags & UTF8_FLAG or system in UNIX_SYSTEMS:
        try:
            return raw_name.decode("utf-8")
        except UnicodeDecodeError:
            pass
        if flags & UTF8_FLAG:
            raise DamagedArchive(
                "the archive is damaged: a name is not valid UTF-8, although its flag says so: "
                f"{printable(repr(raw_name))}"
            )
    try:
        name = raw_name.decode(encoding or "cp437")
        name.encode()  # fails for a lone surrogate, which utf-7 can decode
    except UnicodeError:
        pass
    else:
        return name
    raise DamagedArchive(
        f"a name cannot be decoded as {encoding}: {printable(repr(raw_name))}; pass another "
        "encoding"
    )
