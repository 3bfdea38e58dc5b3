"""Read single members of an archive, from the store or from a temporary download."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from ghartifacts_async._archive.remote_file import RangeReader, RemoteFile
from ghartifacts_async._archive.zip_format.archive_tail import quote_name
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from ghartifacts_async._archive.zip_format.member_decoder import MemberDecoder
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.errors import ClientStateError

_T = TypeVar("_T")

_MAX_SIZE_ON_LOOP = 2**16
"""Members of at most this size in bytes are decoded in the event loop, as a thread takes longer."""


class DecoderInput:
    """The bytes of the archive that a decoder needs, in order."""

    def __init__(self, remote: RemoteFile, decoder: MemberDecoder) -> None:
        self._remote = remote
        self._decoder = decoder
        self._position = decoder.start
        self._reader = RangeReader(remote, decoder.start, decoder.stop)

    async def read(self) -> bytes:
        """Read the next bytes. Do not call this when the decoder is done."""
        chunk = await self._reader.read()
        if not chunk:
            # The decoder has increased its `stop` since this range was requested.
            await self._reader.close()
            assert self._position < self._decoder.stop
            self._reader = RangeReader(self._remote, self._position, self._decoder.stop)
            chunk = await self._reader.read()
        self._position += len(chunk)
        return chunk

    async def close(self) -> None:
        """Close the connection."""
        await self._reader.close()


class MemberReader:
    """Reads one member, chunk by chunk."""

    def __init__(self, remote: RemoteFile, entry: CentralDirectoryEntry) -> None:
        self._threads = remote.threads
        self._decoder = MemberDecoder([entry])
        self._input = DecoderInput(remote, self._decoder)
        self._decode_on_loop = entry.member.size <= _MAX_SIZE_ON_LOOP
        self._interrupted = False

    async def next(self) -> bytes:
        """Read the next chunk of at most 1 MiB. Return ``b""`` at the end.

        Raises:
            ClientStateError: An earlier call was cancelled or failed, so bytes may be missing.
            DamagedArchive: The member does not match its entry in the central directory.
            DownloadError: The bytes cannot be downloaded.
        """
        if self._interrupted:
            raise ClientStateError(
                "reading this member was interrupted, so bytes may be missing; read it again"
            )
        self._interrupted = True
        chunk = b""
        while not self._decoder.done:
            if self._decode_on_loop:
                decoded = self._decoder.next()
            else:
                decoded = await self._threads.run(self._decoder.next)
            if decoded is not None:
                _, chunk = decoded
                break
            self._decoder.feed(await self._input.read())
        self._interrupted = False
        return chunk

    async def read_all(self) -> bytes:
        """Read all remaining chunks."""
        chunks: list[bytes] = []
        while chunk := await self.next():
            chunks.append(chunk)
        return b"".join(chunks)

    async def close(self) -> None:
        """Close the connection. Later reads fail."""
        self._interrupted = True
        await self._input.close()


class MemberStream:
    """The chunks of a member, for ``async for``."""

    def __init__(self, reader: MemberReader, lifetime: Lifetime) -> None:
        self._reader = reader
        self._lifetime = lifetime

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        async with self._lifetime.scope():
            chunk = await self._reader.next()
        if not chunk:
            raise StopAsyncIteration
        return chunk


def parse(artifact_id: int, name: str, data: bytes, parser: Callable[[bytes], _T]) -> _T:
    """Parse the bytes of a member, and add a note that names the member to an error.

    Raises:
        ValueError: The parser raised it.
    """
    try:
        return parser(data)
    except ValueError as error:
        error.add_note(f"in member {quote_name(name)} of artifact {artifact_id}")
        raise


def load_json(data: bytes) -> Any:
    """Parse a member as JSON.

    Raises:
        ValueError: It is not valid JSON, or its objects and arrays are nested too deeply.
    """
    try:
        return json.loads(data)
    except RecursionError:
        pass
    raise json.JSONDecodeError("Objects or arrays are nested too deeply", "", 0)
