"""Layouts of programs that cannot be installed here, written byte for byte."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.archive.unusual_archives import unicode_path
from tests.archive.zip_writer import (
    DATA_DESCRIPTOR_FLAG,
    DESCRIPTOR_SIGNATURE,
    STORED,
    ZipMember,
    build_zip,
)

OFFICIAL = Path(__file__).parents[2] / "data" / "archives"
HELLO = b"hello\n" * 100


def layouts() -> dict[str, bytes]:
    """Return the archives by the name of the program and of the layout."""
    return {
        "dropbox": dropbox(),
        "ditto": ditto(),
        "camlzip": camlzip(),
        "winrar": winrar(),
        "powershell5": powershell5(),
        "ftp-text-mode": build_zip(ZipMember("a.txt", HELLO)) + b"\r\n",
        "tape-padding": build_zip(ZipMember("a.txt", HELLO)) + bytes(10240),
        "self-extractor": build_zip(ZipMember("a.txt", HELLO), prefix=b"MZ" + bytes(5000)),
        "apk-signing-block": apk(),
        **{f"uploader-{path.stem}": path.read_bytes() for path in sorted(OFFICIAL.glob("*.zip"))},
    }


def dropbox() -> bytes:
    """Return an archive whose first entry is the root, as Dropbox writes it."""
    flags = DATA_DESCRIPTOR_FLAG
    members = [
        ZipMember(name, HELLO if name[-1] != "/" else b"", STORED, mode=0, flags=flags)
        for name in ("/", "photos/", "photos/ü.txt", "a.txt")
    ]
    return build_zip(*members)


def ditto() -> bytes:
    """Return an archive as the Finder of macOS writes it: UTF-8 without the flag."""
    ux = {"extra": struct.pack("<2H8x", 0x5855, 8)}
    return build_zip(
        ZipMember("dir/", mode=0o040755, central=ux, local=ux),
        ZipMember("dir/e\u0301te\u0301.txt".encode(), HELLO, mode=0o100644, central=ux, local=ux),
        ZipMember(b"__MACOSX/dir/._x", b"\0\5\x16\7", mode=0o100644, central=ux, local=ux),
    )


def camlzip() -> bytes:
    """Return an archive whose local header alone announces the data descriptor."""
    member = ZipMember("a.txt", HELLO, flags=0)
    descriptor = DESCRIPTOR_SIGNATURE + struct.pack(
        "<3I", zlib.crc32(HELLO), len(member.payload), len(HELLO)
    )
    local = {"flags": DATA_DESCRIPTOR_FLAG, "crc32": 0, "size": 0, "compressed_size": 0}
    written = ZipMember("a.txt", HELLO, flags=0, local=local, central={"system": 0})
    return build_zip(written, between=descriptor)


def winrar() -> bytes:
    """Return an archive with names in a code page, and in UTF-8 in a field."""
    name = "файл.txt"
    raw = name.encode("cp866")
    field = {"extra": unicode_path(raw, name)}
    return build_zip(ZipMember(raw, HELLO, flags=0, mode=0, local=field, central=field))


def powershell5() -> bytes:
    """Return an archive whose separators are backslashes."""
    members = [
        ZipMember(name, HELLO, flags=0, mode=0, central={"system": 0})
        for name in ("site\\index.html", "site\\css\\style.css", "readme.txt")
    ]
    return build_zip(*members)


def apk() -> bytes:
    """Return an archive with a block between the last member and the central directory."""
    block = struct.pack("<Q", 4088) + bytes(4064) + struct.pack("<Q", 4088) + b"APK Sig Block 42"
    return build_zip(ZipMember("a.txt", HELLO, flags=0), between=block)
