"""The façade: a `Repo` for a repository of a GitHub."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import field, frozen

from ghartifacts_async._archive import Archive, Unpacking, extract, open_archive
from ghartifacts_async._disk import Disk
from ghartifacts_async._download import Job, download
from ghartifacts_async._lease import Lease
from ghartifacts_async._lifetime import Lifetime
from ghartifacts_async._listing import ArtifactListing
from ghartifacts_async._patience import Patience
from ghartifacts_async._progress import OnProgress, check_callback
from ghartifacts_async._remote import Remote
from ghartifacts_async._sansio import arguments, calls
from ghartifacts_async._session import Session
from ghartifacts_async._source import Source
from ghartifacts_async._stream import ArtifactStream, stream
from ghartifacts_async._target import check_destination
from ghartifacts_async._transport import Transport
from ghartifacts_async.models import (
    Artifact,
    Budget,
    Direction,
    Download,
    IfDirectoryExists,
    IfExists,
    RetryPolicy,
)


@frozen
class Parts:
    """What an open client lends to its repositories."""

    base_url: str
    session: Session
    transport: Transport
    disk: Disk
    lifetime: Lifetime
    policy: RetryPolicy


@frozen(repr=False)
class Repo:
    """One repository. Wherever an artifact is wanted, its id serves as well.

    Every method may raise a `GitHubError` (GitHub says no), a `TransportError` (it does not
    answer), a `RedirectRefused` (it leads astray), a `TokenProviderError`, and before anything is
    sent an `InvalidArgument` or a `ClientStateError`.

    Attributes:
        name: ``owner/name``.
    """

    name: str
    _opened: Callable[[], Parts] = field(eq=False)

    def __repr__(self) -> str:
        return f"<Repo {self.name}>"

    def list_artifacts(self, name: str | None = None, *, per_page: int = 100) -> ArtifactListing:
        """The repository's artifacts, newest first, expired ones included.

        Args:
            name: Only those of exactly this name; GitHub filters.
            per_page: Artifacts a call fetches, at most 100.

        Source: https://docs.github.com/rest/actions/artifacts#list-artifacts-for-a-repository
        """
        call = calls.list_repository_artifacts(
            self.name,
            name=arguments.artifact_name(name),
            per_page=arguments.per_page(per_page),
        )
        return ArtifactListing(self._opened().session, call)

    def list_run_artifacts(
        self,
        run_id: int,
        *,
        name: str | None = None,
        direction: Direction = "desc",
        per_page: int = 100,
    ) -> ArtifactListing:
        """The artifacts of a workflow run, of all its attempts.

        Args:
            run_id: Id of the run.
            name: Only those of exactly this name; GitHub filters.
            direction: ``"desc"``, newest first, or ``"asc"``.
            per_page: Artifacts a call fetches, at most 100.

        Source: https://docs.github.com/rest/actions/artifacts#list-workflow-run-artifacts
        """
        call = calls.list_run_artifacts(
            self.name,
            arguments.run_id(run_id),
            name=arguments.artifact_name(name),
            direction=arguments.direction(direction),
            per_page=arguments.per_page(per_page),
        )
        return ArtifactListing(self._opened().session, call)

    async def get_artifact(self, artifact: Artifact | int) -> Artifact:
        """The artifact as it is now.

        Raises:
            NotFound: There is none of this id, or the token may not see it.

        Source: https://docs.github.com/rest/actions/artifacts#get-an-artifact
        """
        session = self._opened().session
        call = calls.get_artifact(self.name, arguments.artifact_id(artifact))
        return calls.read_artifact(call, await session.call(call))

    async def delete_artifact(self, artifact: Artifact | int) -> None:
        """Delete an artifact, for good.

        Raises:
            NotFound: There is none of this id, or the token may not see it.
            PermissionDenied: The token may not delete it.

        Source: https://docs.github.com/rest/actions/artifacts#delete-an-artifact
        """
        session = self._opened().session
        call = calls.delete_artifact(self.name, arguments.artifact_id(artifact))
        calls.check_deleted(call, await session.call(call))

    async def download_artifact(
        self,
        artifact: Artifact | int,
        destination: str | os.PathLike[str],
        *,
        if_exists: IfExists = "verify",
        connections: int | None = None,
        wait: bool = True,
        keep_partial: bool = True,
        durable: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """Stream an artifact's payload to a file, verified; memory stays flat at any size.

        The signed URL is fetched without the token, and renewed when it ends. The bytes go to a
        part file beside the target, in threads; a drop, a stall or an error of the store is gone
        on from where it struck, as often as bytes come in between. Number and SHA-256, read back
        from the disk, are checked before the file takes the target's place in one step. Whatever
        goes wrong, and when cancelled or killed, the target is untouched or, at the last moment,
        complete, and the next call for it goes on with what came.

        Args:
            artifact: Which; an id costs a call more, for size and digest.
            destination: A file; or a directory, existing or a str with a separator at its end
                (a `Path` keeps none), which gets ``<artifact name>.zip`` or, for a payload that
                is not a zip, a file of its own name, made safe. Names are not unique. Directories
                are made as needed.
            if_exists: What to do about a file that is there: ``"verify"`` keeps it where its size
                and digest are those that GitHub records, and else replaces it; ``"replace"``;
                ``"error"``.
            connections: How many to fetch side by side, at most 8; ``None`` for what suits the
                size. A store that serves no ranges gets one.
            wait: Whether to wait while another download, of this process or another, is at work
                on the same target.
            keep_partial: Whether what came stays beside the target for the next call, where this
                one fails: two hidden files, named alike for the same destination.
            durable: Whether the file survives a loss of power once this has returned.
            on_progress: Called in the event loop, at most ten times a second, the last time at
                the verified end.

        Raises:
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            RedirectRefused: GitHub names no target, or an insecure one.
            StoreError: The blob store refuses.
            IncompleteDownload: Bytes are missing, or too many.
            DigestMismatch: The bytes are not those that were uploaded.
            TargetExists: There is a file, and `if_exists` is ``"error"``.
            TargetBusy: Another download is at work on it, and `wait` is false.
            DiskFull: There is no room for it.
            DiskError: The file cannot be written.
            ProgressError: `on_progress` raised.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        check_destination(destination)
        check_callback(on_progress)
        arguments.if_exists(if_exists)
        arguments.connections(connections)
        parts = self._opened()
        async with parts.lifetime.work():
            if not isinstance(artifact, Artifact):
                artifact = await self.get_artifact(artifact)
            job = Job(
                artifact,
                f"{parts.base_url}/{self.name}/{artifact.id}",
                destination,
                if_exists=if_exists,
                connections=connections,
                wait=wait,
                keep_partial=keep_partial,
                durable=durable,
                on_progress=on_progress,
            )
            lease = self._lease(parts, artifact)
            return await download(parts.transport, parts.disk, parts.policy, lease, job)

    @asynccontextmanager
    async def stream_artifact(self, artifact: Artifact | int) -> AsyncIterator[ArtifactStream]:
        """An artifact's payload in order, for those who write elsewhere: an object store, a pipe.

        ``async with repo.stream_artifact(artifact) as stream: async for chunk in stream: …``. The
        bytes heal themselves as those of a download do, over one connection, and are as verified:
        the end is reached only where they are complete and right.

        Args:
            artifact: Which; an id costs a call more, for size and digest.

        Raises:
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            RedirectRefused: GitHub names no target, or an insecure one.
            StoreError: The blob store refuses.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        parts = self._opened()
        if not isinstance(artifact, Artifact):
            artifact = await self.get_artifact(artifact)
        source = Source(parts.transport, self._lease(parts, artifact), artifact)
        async with stream(artifact, source, Patience(parts.policy), parts.lifetime) as opened:
            yield opened

    @asynccontextmanager
    async def open_artifact(
        self, artifact: Artifact | int, *, budget: Budget = Budget()
    ) -> AsyncIterator[Archive]:
        """Look into an artifact's zip, and read or unpack single members without the rest of it.

        ``async with repo.open_artifact(artifact) as archive: await archive.read("report.json")``.
        Its directory is fetched in one or two requests, then each member in one, healed as a
        download is. A store that serves no ranges is downloaded from, to a temporary directory;
        a warning says so, and `Archive.downloaded`.

        Args:
            artifact: Which; an id costs a call more, for its size.
            budget: How much may be unpacked.

        Raises:
            NotAZip: The payload is none.
            DamagedArchive: Its directory contradicts itself.
            BudgetExceeded: It is of more members than allowed.
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            DownloadError: Its bytes cannot be had.
            DiskError: They cannot be written, where they are downloaded.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        arguments.of_kind(budget, Budget)
        parts = self._opened()
        if not isinstance(artifact, Artifact):
            artifact = await self.get_artifact(artifact)
        lease = self._lease(parts, artifact)
        source = Source(parts.transport, lease, artifact)
        whole = self._whole(parts, artifact, lease)
        remote = Remote(artifact, source, parts.policy, parts.disk, whole)
        async with open_archive(artifact, remote, parts.lifetime, budget) as archive:
            yield archive

    async def extract_artifact(
        self,
        artifact: Artifact | int,
        directory: str | os.PathLike[str],
        *,
        members: str | Iterable[str] | None = None,
        strip: int = 0,
        if_exists: IfDirectoryExists = "error",
        portable: bool = False,
        budget: Budget = Budget(),
    ) -> list[Path]:
        """Download an artifact, verified, and unpack it in threads into a directory of its own.

        Whatever its members are called, nothing is written outside: what might be is refused by
        name, and so are links, devices, names that are one on some system, and more than the
        budget. The directory is filled beside its place and takes it in one step. Whatever goes
        wrong, and when cancelled, its place is as it was and nothing is left; a process that is
        killed leaves a hidden directory beside it (``.….ghartifacts-unpack``).

        Files are 0644, or 0755 where an executable bit was recorded, directories 0755, less what
        the umask takes away.

        Args:
            artifact: Which; an id costs a call more, for size and digest.
            directory: Made, and those above it, as needed. An empty one counts as none.
            members: Names; or one name, or a pattern of names whose ``*`` stands for slashes too;
                or ``None`` for all.
            strip: How many leading components of each name to leave out; what has no more is left
                out as a whole.
            if_exists: ``"error"``, or ``"replace"`` for a directory that is there: it is moved
                aside, put back where the new one cannot take its place, and else removed.
            portable: Whether names are refused that Windows does not take; there they always are.
            budget: How much may be unpacked.

        Returns:
            The files, in the order of the archive.

        Raises:
            NotAZip: The payload is none.
            DamagedArchive: It contradicts itself.
            UnsafeMember: A member is refused.
            UnsupportedMember: A member is encrypted, or compressed in another way than deflate.
            MemberNotFound: There is none of a name, or for the pattern.
            BudgetExceeded: It is more than allowed.
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            DownloadError: Its bytes cannot be had.
            TargetExists: There is a directory, and `if_exists` is ``"error"``; or something else.
            DiskFull: There is no room for it.
            DiskError: A file cannot be written.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        wanted = Unpacking.of(directory, members, strip, if_exists, portable, budget)
        parts = self._opened()
        async with parts.lifetime.work():
            if not isinstance(artifact, Artifact):
                artifact = await self.get_artifact(artifact)
            whole = self._whole(parts, artifact, self._lease(parts, artifact))
            return await extract(parts.disk, whole, wanted)

    def _whole(
        self, parts: Parts, artifact: Artifact, lease: Lease
    ) -> Callable[[Path], Awaitable[Download]]:
        """A download that leaves nothing, to a file that nobody else knows."""

        def whole(path: Path) -> Awaitable[Download]:
            job = Job(
                artifact,
                f"{parts.base_url}/{self.name}/{artifact.id}",
                path,
                if_exists="replace",
                connections=None,
                wait=True,
                keep_partial=False,
                durable=False,
                on_progress=None,
            )
            return download(parts.transport, parts.disk, parts.policy, lease, job)

        return whole

    def _lease(self, parts: Parts, artifact: Artifact) -> Lease:
        call = calls.download_artifact(self.name, artifact.id)
        return Lease(parts.session, parts.transport, call)
