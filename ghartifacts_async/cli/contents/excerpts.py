"""Parts of a file's content: its first or last lines, its matching lines."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable

from attrs import define, field

from ghartifacts_async.cli.values import counted

_MAX_KEPT = 2**26
"""Most bytes that are kept for the last lines, because a file may be one very long line."""


@define
class Excerpt:
    """The part of a content that is to be shown.

    Attributes:
        head: Number of lines from the beginning, or None for all.
        tail: Number of lines from the end, at most 64 MiB; None for all.
        max_bytes: Maximum number of bytes, of the end with `tail` and of the beginning otherwise.
        read: Number of bytes read so far.
        shown: Number of bytes returned so far.
    """

    head: int | None = None
    tail: int | None = None
    max_bytes: int | None = None
    read: int = 0
    shown: int = 0
    _kept: bytearray = field(factory=bytearray, init=False)
    _drop_at: int = field(default=0, init=False)

    @property
    def is_complete(self) -> bool:
        """Whether nothing that follows will be shown."""
        return self.tail is None and (self.head == 0 or self._room() == 0)

    def feed(self, chunk: bytes) -> bytes:
        """Return the part of the next chunk that is to be shown now."""
        self.read += len(chunk)
        if self.tail is not None:
            self._kept += chunk
            if len(self._kept) >= self._drop_at:
                self._drop_before_tail(self.tail)
                # Less often would take more memory, and more often quadratic time.
                self._drop_at = 2 * len(self._kept)
            return b""
        part = chunk[: self._room()]
        if self.head is not None:
            lines = part.split(b"\n", self.head)
            if len(lines) > self.head:
                part = part[: len(part) - len(lines[-1])]
            self.head -= part.count(b"\n")
        self.shown += len(part)
        return part

    def finish(self) -> bytes:
        """Return what is to be shown at the end of the content."""
        if self.tail is not None:
            self._drop_before_tail(self.tail)
        kept = bytes(self._kept)
        self.shown += len(kept)
        return kept

    def left_out(self, size: int) -> str:
        """Say how much of a content of this size was left out, or nothing if all was shown."""
        return (
            f"{size - self.shown} of {counted(size, 'byte')} left out" if self.shown < size else ""
        )

    def _room(self) -> int | None:
        return None if self.max_bytes is None else self.max_bytes - self.shown

    def _drop_before_tail(self, lines: int) -> None:
        end = len(self._kept) - self._kept.endswith(b"\n")
        for _ in range(lines):
            end = self._kept.rfind(b"\n", 0, end)
            if end < 0:
                break
        else:
            del self._kept[: end + 1 if lines else len(self._kept)]
        most = _MAX_KEPT if self.max_bytes is None else self.max_bytes
        del self._kept[: max(0, len(self._kept) - most)]


async def copy_excerpt(
    chunks: AsyncIterable[bytes], excerpt: Excerpt, write: Callable[[bytes], object]
) -> Excerpt:
    """Write an excerpt of a content, without reading what follows it, and return the excerpt."""
    async for chunk in chunks:
        if part := excerpt.feed(chunk):
            write(part)
        if excerpt.is_complete:
            break
    if rest := excerpt.finish():
        write(rest)
    write(b"")
    return excerpt
