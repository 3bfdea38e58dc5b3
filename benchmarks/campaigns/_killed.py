"""The child of a kill campaign: downloads one artifact, and notes each byte that came.

The note is in memory that is shared with the parent, so that it outlives this process.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
from pathlib import Path

from ghartifacts_async import Client
from ghartifacts_async._http.transport import StreamedResponse

_LAYOUT = struct.Struct("<QQ")

NOTE_BYTES = _LAYOUT.size
"""Size of a note."""


class Note:
    """What a child has received so far, for another process to read.

    Args:
        path: A file of `NOTE_BYTES`, the same in both processes.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), NOTE_BYTES)

    def add(self, size: int) -> None:
        """So many bytes came at once."""
        received, largest = self.read()
        _LAYOUT.pack_into(self._memory, 0, received + size, max(largest, size))

    def read(self) -> tuple[int, int]:
        """How many bytes came in all, and how many at once at most."""
        received, largest = _LAYOUT.unpack_from(self._memory)
        return received, largest

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


async def _download(
    note: str, url: str, token: str, repository: str, artifact: str, target: str, connections: str
) -> None:
    noted, plain = Note(Path(note)), StreamedResponse.read

    async def read(stream: StreamedResponse) -> bytes:
        chunk = await plain(stream)
        noted.add(len(chunk))
        return chunk

    StreamedResponse.read = read  # type: ignore[method-assign,assignment]
    async with Client(token, base_url=url) as gh:
        await gh.repo(repository).download_artifact(
            int(artifact), target, connections=int(connections)
        )


if __name__ == "__main__":
    asyncio.run(_download(*sys.argv[1:]))
