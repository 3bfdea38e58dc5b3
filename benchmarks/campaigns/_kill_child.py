"""The child process of a kill campaign: downloads one artifact and counts the bytes it receives.

The counts are in memory shared with the parent, so they are not lost when the child is killed.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
from pathlib import Path

from ghartifacts_async import Client
from ghartifacts_async._http.transport import StreamedResponse

_COUNTERS = struct.Struct("<QQ")

COUNTER_BYTES = _COUNTERS.size
"""Size of the file that holds the counts."""


class ByteCounter:
    """Counts of the bytes that a child has received, readable from another process.

    Args:
        path: A file of `COUNTER_BYTES` bytes, the same in both processes.
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

    async def read(stream: StreamedResponse) -> bytes:
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
