"""An artifact's bytes, from the redirect to the file."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TypeAlias

from ghartifacts_async._disk import Disk, PartFile, disk_error
from ghartifacts_async._sansio import payload, redirects
from ghartifacts_async._sansio.calls import ApiCall
from ghartifacts_async._session import Session
from ghartifacts_async._transport import Stream, Transport
from ghartifacts_async.errors import (
    DigestMismatch,
    InvalidArgument,
    ProgressError,
    RedirectRefused,
    StoreError,
)
from ghartifacts_async.models import Artifact, Download, Progress

OnProgress: TypeAlias = Callable[[Progress], None]

_ERROR_BYTES = 4096
_PROGRESS_SECONDS = 0.1
_STORE_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")


async def download(
    session: Session,
    transport: Transport,
    disk: Disk,
    call: ApiCall,
    artifact: Artifact,
    destination: str | os.PathLike[str],
    on_progress: OnProgress | None,
) -> Download:
    """Fetch, check and publish; see `Repo.download_artifact`."""
    path = Path(destination)
    directory = await disk.run(_directory_meant, os.fspath(destination))
    async with _open_payload(session, transport, call) as stream:
        if directory:
            path /= payload.filename(artifact, stream.url.path, stream.headers)
        most = payload.most_bytes(artifact, stream.headers)
        meter = _Meter(artifact, most, on_progress)
        async with disk.part_file(path.parent) as part:
            received = await _receive(stream, part, meter, disk)
            await part.flush()
            payload.check_complete(
                artifact, received, stream.headers, await part.tail(payload.END_OF_ZIP)
            )
            digest = part.digest()
            verified = artifact.digest is not None and artifact.digest.algorithm == digest.algorithm
            if verified and digest != artifact.digest:
                raise DigestMismatch(
                    f"artifact {artifact.id}: GitHub recorded {artifact.digest}, "
                    f"what came is {digest}; nothing was kept",
                    expected=str(artifact.digest),
                    actual=str(digest),
                )
            meter.done()
            await part.publish(path)
    return Download(artifact, path, received, digest, verified)


def check_destination(destination: str | os.PathLike[str]) -> None:
    """Make sure that a destination is a path.

    Raises:
        InvalidArgument: It is none.
    """
    if not isinstance(destination, str | os.PathLike) or isinstance(
        text := os.fspath(destination), bytes
    ):
        raise InvalidArgument(f"destination is a str or a path, not {destination!r}")
    try:
        sound = b"\0" not in os.fsencode(text)
    except ValueError:
        sound = False
    if not sound:
        raise InvalidArgument(f"destination holds what no path may: {text!r}")
    if not text:
        raise InvalidArgument("destination is empty; '.' is the working directory")


def check_callback(tell: OnProgress | None) -> None:
    """Make sure that a progress callback is one that can be called in the event loop.

    Raises:
        InvalidArgument: It cannot, or nobody would await it.
    """
    if tell is not None and (not callable(tell) or iscoroutinefunction(tell)):
        raise InvalidArgument("on_progress is a plain function, called in the event loop")


def _directory_meant(text: str) -> bool:
    try:
        return text.endswith((os.sep, os.altsep or os.sep)) or Path(text).is_dir()
    except OSError as error:
        raise disk_error(error, Path(text)) from error


@asynccontextmanager
async def _open_payload(
    session: Session, transport: Transport, call: ApiCall
) -> AsyncIterator[Stream]:
    """The store's answer, asked for as soon as GitHub has said where: the URL lives a minute."""
    async with transport.slots:
        url = await session.locate(call)
        for _ in range(redirects.MAX_HOPS + 1):
            async with transport.stream(url) as stream:
                hop = redirects.store_hop(url.value, stream.status, stream.headers)
                if hop is None:
                    if stream.status != 200:
                        raise await _store_error(stream)
                    yield stream
                    return
                url = hop
    raise RedirectRefused(f"{url.host}: more than {redirects.MAX_HOPS} redirects; they may loop")


async def _store_error(stream: Stream) -> StoreError:
    found = _STORE_CODE.search(await stream.beginning(_ERROR_BYTES))
    code = found[1].decode() if found else None
    return StoreError(
        f"the store {stream.url.host} answered {stream.status}" + (f" {code}" if code else ""),
        status=stream.status,
        code=code,
        host=stream.url.host,
    )


async def _receive(stream: Stream, part: PartFile, meter: _Meter, disk: Disk) -> int:
    """Move the body to disk in batches; the bytes that came."""
    batch: list[bytes] = []
    received = gathered = 0
    async for chunk in stream.chunks():
        batch.append(chunk)
        gathered += len(chunk)
        if gathered >= disk.batch_bytes:
            received += gathered
            meter.add(received)
            await part.append(batch)
            batch, gathered = [], 0
    meter.add(received + gathered)
    await part.append(batch)
    return received + gathered


class _Meter:
    """Counts the bytes, and tells the caller: ten times a second at most, and at the end."""

    def __init__(self, artifact: Artifact, total: int | None, tell: OnProgress | None) -> None:
        self._artifact = artifact
        self._total = total
        self._tell = tell
        self._received = 0
        self._started = self._told = asyncio.get_running_loop().time()

    def add(self, received: int) -> None:
        """This many bytes by now."""
        payload.check_not_over(self._artifact, received, self._total)
        self._received = received
        now = asyncio.get_running_loop().time()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._report(now)

    def done(self) -> None:
        """All bytes are there, and right."""
        self._total = self._received
        self._report(asyncio.get_running_loop().time())

    def _report(self, now: float) -> None:
        if self._tell is None:
            return
        rate = self._received / max(now - self._started, 1e-9)
        try:
            self._tell(Progress(self._artifact, self._received, self._total, rate))
        except Exception as error:
            raise ProgressError(f"on_progress raised {type(error).__name__}") from error
