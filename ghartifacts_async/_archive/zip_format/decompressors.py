"""Decompress the data of members: deflate, bzip2, LZMA and Zstandard.

Each decompressor returns at most as many bytes at a time as its caller asks for.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.4.5 and 5.8
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol, TypeVar

from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry

_T = TypeVar("_T")

STORED = 0
_DEFLATED, _BZIP2, _LZMA, _ZSTD = 8, 12, 14, 93

_NAMES = {
    1: "Shrink", 2: "Reduce", 3: "Reduce", 4: "Reduce", 5: "Reduce", 6: "Implode", 9: "Deflate64",
    10: "PKWARE DCL Implode", _BZIP2: "bzip2", _LZMA: "LZMA", 20: "Zstandard (obsolete)",
    _ZSTD: "Zstandard", 94: "MP3", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd",
    99: "AES encryption",
}  # fmt: skip
_INVALID = "its compressed data is invalid"
_LZMA_HEADER_SIZE = 9
_LZMA_PROPERTIES_SIZE = 5
_LZMA_END_MARK_FLAG = 0x2
_MIN_DICTIONARY = 4096
_MAX_DICTIONARY = 2**28


class InvalidDataError(Exception):
    """Compressed data is invalid. The message completes the sentence "it is damaged: …"."""


class UnsupportedDataError(Exception):
    """Compressed data needs more than is supported. The message completes "it …"."""


class Decompressor(Protocol):
    """Decompresses the data of one member.

    Attributes:
        ended: Whether the end of the compressed data has been reached.
        excess: Number of bytes that were consumed after the end of the compressed data.
    """

    @property
    def ended(self) -> bool: ...

    @property
    def excess(self) -> int: ...

    def decompress(self, data: memoryview, max_size: int) -> tuple[bytes, int]:
        """Decompress at most `max_size` bytes. Do not call this at the end.

        Returns:
            The bytes, and how many bytes of `data` were consumed. The bytes are ``b""`` if more
            data is needed, or at the end.

        Raises:
            InvalidDataError: The data is invalid.
            UnsupportedDataError: The data needs too much memory.
        """
        ...


def unsupported_method(method: int) -> str:
    """Return the name of a compression method that is not supported, or ``""`` if it is."""
    if method in _FACTORIES:
        return ""
    needs = ", which needs Python 3.14" if method == _ZSTD else ""
    return f"{_NAMES.get(method, 'unknown')} (method {method}{needs})"


def make_decompressor(entry: CentralDirectoryEntry) -> Decompressor:
    """Return a decompressor for the data of a member."""
    return _FACTORIES[entry.method](entry)


class _Stored:
    """Returns the data of a member that is not compressed."""

    excess = 0

    def __init__(self, entry: CentralDirectoryEntry) -> None:
        self._remaining = entry.member.compressed_size

    @property
    def ended(self) -> bool:
        return self._remaining == 0

    def decompress(self, data: memoryview, max_size: int) -> tuple[bytes, int]:
        chunk = bytes(data[:max_size])
        self._remaining -= len(chunk)
        return chunk, len(chunk)


class _Deflate:
    """Decompresses deflate, which `zlib` does without buffering its input."""

    excess = 0

    def __init__(self, _: CentralDirectoryEntry) -> None:
        self._inner = zlib.decompressobj(-15)

    @property
    def ended(self) -> bool:
        return self._inner.eof

    def decompress(self, data: memoryview, max_size: int) -> tuple[bytes, int]:
        try:
            chunk = self._inner.decompress(data, max_size)
        except zlib.error:
            chunk = None
        if chunk is None:
            raise InvalidDataError(_INVALID)
        return chunk, len(data) - len(self._inner.unconsumed_tail) - len(self._inner.unused_data)


class _Buffering:
    """Decompresses with an object that buffers the input for which it has no output yet."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    @property
    def ended(self) -> bool:
        return bool(self._inner.eof)

    @property
    def excess(self) -> int:
        return len(self._inner.unused_data) if self.ended else 0

    def decompress(self, data: memoryview, max_size: int) -> tuple[bytes, int]:
        taken = data if self._inner.needs_input else data[:0]
        return _checked(self._inner.decompress, taken, max_size), len(taken)


class _Lzma:
    """Decompresses LZMA, whose end is marked, or else is known from the size of the member."""

    def __init__(self, entry: CentralDirectoryEntry) -> None:
        self._output_left = entry.member.size
        self._input_left = entry.member.compressed_size
        self._has_end_mark = bool(entry.flags & _LZMA_END_MARK_FLAG)
        self._inner: _Buffering | None = None
        self.excess = 0

    @property
    def ended(self) -> bool:
        if self._has_end_mark:
            return self._inner is not None and self._inner.ended
        return self._output_left == 0 and self._input_left == 0

    def decompress(self, data: memoryview, max_size: int) -> tuple[bytes, int]:
        header_size = 0
        if self._inner is None:
            if self._input_left < _LZMA_HEADER_SIZE:
                raise InvalidDataError("its LZMA header is truncated")
            if len(data) < _LZMA_HEADER_SIZE:
                return b"", 0
            self._inner = _Buffering(_raw_lzma(bytes(data[:_LZMA_HEADER_SIZE]), self._output_left))
            header_size, data = _LZMA_HEADER_SIZE, data[_LZMA_HEADER_SIZE:]
        if self._has_end_mark:
            chunk, consumed = self._inner.decompress(data, max_size)
            self.excess = self._inner.excess
        elif self._output_left:
            # Without an end mark, the decompressor would interpret the last bytes as more data.
            chunk, consumed = self._inner.decompress(data, min(max_size, self._output_left))
        else:
            chunk, consumed = b"", len(data)
        self._output_left -= len(chunk)
        self._input_left -= consumed + header_size
        return chunk, consumed + header_size


def _raw_lzma(header: bytes, size: int) -> Any:
    """Return a decompressor for LZMA data, given the header before it and its size."""
    properties_size = int.from_bytes(header[2:4], "little")
    properties, dictionary = header[4], int.from_bytes(header[5:], "little")
    if properties_size != _LZMA_PROPERTIES_SIZE or properties >= 9 * 5 * 5:
        raise InvalidDataError("its LZMA header is invalid")
    # A dictionary that is larger than the member is never full.
    dictionary = min(dictionary, size)
    if dictionary > _MAX_DICTIONARY:
        raise UnsupportedDataError(
            f"needs an LZMA dictionary of {dictionary} bytes; at most {_MAX_DICTIONARY} are "
            "supported"
        )
    options = {
        "id": _lzma.FILTER_LZMA1,
        "lc": properties % 9,
        "lp": properties // 9 % 5,
        "pb": properties // 45,
        "dict_size": max(dictionary, _MIN_DICTIONARY),
    }
    return _checked(lambda: _lzma.LZMADecompressor(_lzma.FORMAT_RAW, filters=[options]))


def _checked(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call a function of a decompressor, and convert its exceptions."""
    try:
        return function(*arguments)
    except MemoryError:
        raise
    except Exception:  # noqa: S110 - raised below, without the other exception as its context
        pass
    raise InvalidDataError(_INVALID)


def _optional(name: str) -> Any:
    """Import a module of the standard library that not every Python has."""
    with suppress(ImportError):
        return import_module(name)
    return None


_bz2, _lzma, _zstd = _optional("bz2"), _optional("lzma"), _optional("compression.zstd")

_ALL_FACTORIES: dict[int, tuple[Any, Callable[[CentralDirectoryEntry], Decompressor]]] = {
    STORED: (zlib, _Stored),
    _DEFLATED: (zlib, _Deflate),
    _BZIP2: (_bz2, lambda _: _Buffering(_bz2.BZ2Decompressor())),
    _LZMA: (_lzma, _Lzma),
    _ZSTD: (_zstd, lambda _: _Buffering(_zstd.ZstdDecompressor())),
}
_FACTORIES = {
    method: factory for method, (module, factory) in _ALL_FACTORIES.items() if module is not None
}
