"""The child process of a kill campaign: downloads one artifact and counts the received bytes.

The counts are in memory that the parent shares, so they are not lost when the child is killed.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
from pathlib import Path

from ghartifacts_async import Client
from ghartifacts_async._http.buffered_body import Chunk
from ghartifacts_async._http.streamed_response import StreamedResponse

_COUNTERS = struct.Struct("<QQ")

COUNTER_BYTES = _COUNTERS.size
"""Size in bytes of the file that holds the counts."""


class ByteCounter:
    """A counter of received bytes in memory that two processes share.

    Args:
        path: A file of `COUNTER_BYTES` bytes, which both processes map into memory.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), COUNTER_BYTES)

    def add(self, size: int) -> None:
        """Count a chunk of `size` bytes."""
        received, largest = self.read()
        _COUNTERS.pack_into(self._memory, 0, received + size, max(largest, size))

    def read(self) -> tuple[int, int]:
        """Return the number of received bytes and the size of the largest chunk."""
        received, largest = _COUNTERS.unpack_from(self._memory)
        return received, largest

    def close(self) -> None:
        """Unmap the memory."""
        self._memory.close()


async def _download(
    path: str, url: str, token: str, repository: str, artifact: str, target: str, connections: str
) -> None:
    counter, original_read = ByteCounter(Path(path)), StreamedResponse.read

    async def read(stream: StreamedResponse) -> Chunk:
        chunk = await original_read(stream)
        counter.add(len(chunk))
        return chunk

    StreamedResponse.read = read  # type: ignore[method-assign,assignment]
    async with Client(token, base_url=url) as gh:
        await gh.repo(repository).download_artifact(
            int(artifact), target, connections=int(connections)
        )


if __name__ == "__main__":
    asyncio.run(_download(*sys.argv[1:]))
