"""Downloading one artifact of a bulk operation, with a fast path for small artifacts.

On the fast path, an artifact is received into memory, verified, and written to disk by one job in a
thread. An ordinary download needs about a dozen such jobs, because it maintains a journal and a
part file. For an artifact of 64 KiB, these jobs more than double the CPU time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import evolve

from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async._context import ClientContext
from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async._disk.nameless_file import supports_nameless_files, write_nameless_file
from ghartifacts_async._download import verification
from ghartifacts_async._download.blob import BlobClient
from ghartifacts_async._download.stream import open_stream
from ghartifacts_async._download.target import DownloadRequest
from ghartifacts_async._tasks.keyed_lock import is_locked, keyed_lock
from ghartifacts_async.models import Artifact, Download

_MAX_SMALL_SIZE = 2**18


async def download_one(
    context: ClientContext,
    request: DownloadRequest,
    meter: BulkMeter,
    *,
    on_received: Callable[[], None] = lambda: None,
) -> Download:
    """Download one artifact of a bulk operation.

    Args:
        context: The client's connections, threads and settings.
        request: The request for the artifact. Its `name_for` and `folder` must be set.
        meter: Counts the bytes received by all downloads.
        on_received: Called when a small payload has been received and is about to be written.

    Raises:
        ArtifactsError: The artifact cannot be downloaded; see `Repo.download_artifact`.
    """
    name_for, folder = request.name_for, request.folder
    assert name_for is not None
    assert folder is not None
    artifact = request.artifact
    target, is_free = await context.threads.run(
        _find_target, folder, Path(request.destination), name_for(artifact.name)
    )
    # While another task downloads this file, an ordinary download waits for it.
    if is_free and _is_small(artifact) and not is_locked(target):
        async with keyed_lock(target):
            download = await _download_small(
                context, request, folder, target, name_for, on_received
            )
        if download is not None:
            meter.add_bytes(download.size)
            return download
    on_progress = meter.callback(request.on_progress)
    return await context.download(evolve(request, destination=target, on_progress=on_progress))


async def _download_small(
    context: ClientContext,
    request: DownloadRequest,
    folder: Folder,
    target: Path,
    name_for: Callable[[str], str],
    on_received: Callable[[], None],
) -> Download | None:
    """Download a small artifact. Return None if its file already exists or cannot be written."""
    artifact = request.artifact
    urls = context.signed_url(request.repository, artifact)
    client = BlobClient(context.transport, urls, artifact, whole=True)
    async with open_stream(artifact, client, context.retrier(), context.lifetime) as stream:
        path = target.with_name(name_for(stream.filename))
        if path != target and await context.threads.run(os.path.lexists, path):
            return None
        chunks = [chunk async for chunk in stream]
    digest = stream.digest
    assert digest is not None
    on_received()
    write = partial(write_nameless_file, mode=request.mode, durable=request.durable)
    if not await context.threads.run(write, folder, path.name, chunks):
        return None
    refreshes = max(0, urls.issued - 1)
    return Download(artifact, path, artifact.size_in_bytes, digest, True, url_refreshes=refreshes)


def _is_small(artifact: Artifact) -> bool:
    """Return True if a payload fits into memory and has a digest to verify."""
    return verification.sha256(artifact) is not None and artifact.size_in_bytes <= _MAX_SMALL_SIZE


def _find_target(folder: Folder, target: Path, raw_name: str) -> tuple[Path, bool]:
    """Return the path of an artifact's file, and whether the fast path can write that file.

    Args:
        folder: Directory of the file.
        target: Path of the file if the payload is a zip.
        raw_name: Name of the file if the payload is a raw file with the artifact's name.
    """
    directory, name = os.path.split(target)
    raw_path = os.path.join(directory, raw_name)  # noqa: PTH118 - a Path takes ten times as long
    if raw_name != name and os.path.lexists(raw_path) and not os.path.lexists(target):
        # Remove the leftovers of a zip download now, because later calls only use the raw name.
        HiddenFiles.of(name).remove_leftovers(folder)
        return target.with_name(raw_name), False
    return target, _can_be_written(folder, name)


def _can_be_written(folder: Folder, name: str) -> bool:
    """Return True if the fast path can write a file.

    Neither the file nor a partial download of it may exist, and the file system must support
    nameless files.
    """
    directory = folder.path
    try:
        resumable = os.path.lexists(directory / HiddenFiles.of(name).journal)
        free = not resumable and not os.path.lexists(directory / name)
        return free and supports_nameless_files(directory)
    except OSError:
        return False  # The ordinary download then raises an error that explains the problem.
