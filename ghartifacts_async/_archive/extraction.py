"""Extract members to a directory: from an archive on disk, or while their bytes are downloaded."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._archive import arguments
from ghartifacts_async._archive.extraction_plan import ExtractionPlan, plan_extraction
from ghartifacts_async._archive.member_index import MemberIndex
from ghartifacts_async._archive.member_paths import PathRules
from ghartifacts_async._archive.member_reader import DecoderInput
from ghartifacts_async._archive.member_writer import (
    BYTES_PER_FILE,
    READ_SIZE,
    STEP_SIZE,
    ExtractionOutput,
    FileExtractor,
    MemberWriter,
    read_index,
)
from ghartifacts_async._archive.remote_file import RemoteFile
from ghartifacts_async._archive.zip_format import member_decoder
from ghartifacts_async._archive.zip_format.member_decoder import MemberDecoder
from ghartifacts_async._disk.directories import Folder
from ghartifacts_async._disk.file_io import InputFile
from ghartifacts_async._disk.staging import PAYLOAD, StagingDirectory, staging_directory
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._download import ranges
from ghartifacts_async.errors import ArchiveError
from ghartifacts_async.models import (
    ArchiveLimits,
    Backslashes,
    Download,
    IfDirectoryExists,
    OnCollision,
    Symlinks,
)

_CONCURRENT_EXTRACTORS = min(4, os.cpu_count() or 1)
_CONCURRENT_REQUESTS = 4


@frozen
class ExtractionRequest:
    """The checked arguments of an extraction; see `Repo.extract_artifact`.

    Attributes:
        merge_as: Merge the files into `directory`; see `staging_directory`.
        on_plan: Called in a thread with the plan before anything is written. It may refuse the
            plan.
    """

    directory: str | os.PathLike[str]
    members: str | tuple[str, ...] | None
    if_exists: IfDirectoryExists
    rules: PathRules
    encoding: str | None
    limits: ArchiveLimits
    merge_as: str | None = None
    on_plan: Callable[[ExtractionPlan], None] = lambda _: None

    @classmethod
    def from_arguments(
        cls,
        directory: str | os.PathLike[str],
        *,
        members: str | Iterable[str] | None = None,
        strip: int = 0,
        if_exists: IfDirectoryExists = "error",
        portable: bool = False,
        symlinks: Symlinks = "error",
        backslashes: Backslashes = "error",
        on_collision: OnCollision = "error",
        encoding: str | None = None,
        limits: ArchiveLimits = ArchiveLimits(),
    ) -> ExtractionRequest:
        """Check the arguments of a public method.

        Raises:
            InvalidArgument: An argument is invalid.
        """
        _arguments.destination(directory)
        _arguments.of_kind(limits, ArchiveLimits)
        _arguments.flags(portable=portable)
        for what, value, kind in (
            ("symlinks", symlinks, Symlinks),
            ("backslashes", backslashes, Backslashes),
            ("on_collision", on_collision, OnCollision),
        ):
            arguments.choice(what, value, kind)
        rules = PathRules(
            _arguments.count("strip", strip),
            portable or os.name == "nt",
            symlinks,
            backslashes,
            on_collision,
        )
        return cls(
            directory,
            _arguments.members(members),
            _arguments.if_directory_exists(if_exists),
            rules,
            arguments.encoding(encoding),
            limits,
        )

    def plan(self, index: MemberIndex) -> ExtractionPlan:
        """Plan where the requested members are extracted.

        Raises:
            ArchiveError: A member is missing or refused, or `if_exists` is ``"replace"`` and no
                files would be extracted.
        """
        entries = index.select(self.members, self.rules.spelling)
        plan = plan_extraction(entries, self.limits, self.rules)
        if self.if_exists == "replace" and not plan.files:
            raise ArchiveError(
                "no files would be extracted, so the directory is not replaced; check `members` "
                "and `strip`"
            )
        return plan


async def download_and_extract(
    threads: IoThreads,
    download: Callable[[Path, Folder], Awaitable[Download]],
    request: ExtractionRequest,
) -> list[Path]:
    """Download and verify a payload, then extract it; see `Repo.extract_artifact`."""
    opening = staging_directory(
        threads, request.directory, request.if_exists, merge_as=request.merge_as
    )
    async with opening as staging:
        await staging.check()
        payload = (await download(staging.work / PAYLOAD, staging.folder)).path
        await staging.check()
        open_file = staging.open_payload
        index = await threads.run(read_index, payload, request.limits, open_file, request.encoding)
        plan = await threads.run(request.plan, index)
        await threads.run(request.on_plan, plan)
        await extract_from_file(threads, payload, plan, staging, open_file)
        return await staging.publish(path for _, path in plan.files)


async def extract_from_file(
    threads: IoThreads,
    path: Path,
    plan: ExtractionPlan,
    staging: StagingDirectory,
    open_file: Callable[[Path], InputFile],
) -> None:
    """Extract members of an archive on disk, in several threads.

    Args:
        threads: Threads that read and inflate the archive.
        path: Path of the archive.
        plan: The members to extract, and their paths.
        staging: The directory to write to.
        open_file: Opens `path`, for example relative to an open directory.

    Raises:
        ArchiveError: A member does not match its entry in the central directory.
        DiskError: A file cannot be read or written.
    """
    await staging.fill(plan.directories)
    decoders = await threads.run(_decoders, plan, STEP_SIZE)
    output = ExtractionOutput(plan, staging)
    waiting = deque(FileExtractor(path, open_file, decoder, output) for decoder in decoders)

    async def worker() -> None:
        while waiting:
            extractor = waiting.popleft()
            try:
                while await threads.run(extractor.step):
                    pass
            except BaseException:
                # After the last step the extractor has closed its files itself.
                await threads.run(extractor.close, after_close=True)
                raise

    await _run_workers(worker, min(_CONCURRENT_EXTRACTORS, len(waiting)))
    await threads.run(output.create_links)


async def extract_from_ranges(
    threads: IoThreads, remote: RemoteFile, plan: ExtractionPlan, staging: StagingDirectory
) -> None:
    """Extract members while their bytes are downloaded.

    Raises:
        ArchiveError: A member does not match its entry in the central directory.
        DownloadError: The bytes cannot be downloaded.
        DiskError: A file cannot be written.
    """
    await staging.fill(plan.directories)
    waiting = deque(await threads.run(_decoders, plan, ranges.BYTES_PER_CONNECTION))
    output = ExtractionOutput(plan, staging)

    async def worker() -> None:
        while waiting:
            decoder = waiting.popleft()
            await _extract_group(threads, remote, decoder, MemberWriter(decoder, output))

    await _run_workers(worker, min(_CONCURRENT_REQUESTS, len(waiting)))
    await threads.run(output.create_links)


async def _extract_group(
    threads: IoThreads, remote: RemoteFile, decoder: MemberDecoder, writer: MemberWriter
) -> None:
    source = DecoderInput(remote, decoder)
    try:
        while not decoder.done:
            while await threads.run(writer.write):
                pass
            if not decoder.done:
                decoder.feed(await source.read())
    finally:
        try:
            await source.close()
        finally:
            await threads.run(writer.close, after_close=True)


async def _run_workers(worker: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    """Run a worker in `count` tasks. If one fails, cancel the others and raise its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(worker())
    except ExceptionGroup as failures:
        error = failures.exceptions[0]
    else:
        return
    raise error


def _decoders(plan: ExtractionPlan, max_size: int) -> list[MemberDecoder]:
    """Group members that are cheapest to read together, and return a decoder for each group."""
    return list(
        member_decoder.group_members(
            plan.entries,
            max_gap=READ_SIZE,
            max_size=max_size,
            max_members=max(1, max_size // BYTES_PER_FILE),
        )
    )
