"""The façade: a `Repo` for a repository of a GitHub."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from attrs import field, frozen

from ghartifacts_async._disk import Disk
from ghartifacts_async._download import Job, download
from ghartifacts_async._lease import Lease
from ghartifacts_async._lifetime import Lifetime
from ghartifacts_async._listing import ArtifactListing
from ghartifacts_async._patience import Patience
from ghartifacts_async._progress import OnProgress, check_callback
from ghartifacts_async._sansio import arguments, calls
from ghartifacts_async._sansio.filters import Filter
from ghartifacts_async._session import Session
from ghartifacts_async._source import Source
from ghartifacts_async._stream import ArtifactStream, stream
from ghartifacts_async._target import check_destination
from ghartifacts_async._transport import Transport
from ghartifacts_async.models import Artifact, Direction, Download, IfExists, RetryPolicy


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

    def list_artifacts(
        self,
        name: str | None = None,
        *,
        pattern: str | None = None,
        branch: str | None = None,
        head_sha: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        expired: bool | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        per_page: int = 100,
        concurrency: int = 8,
    ) -> ArtifactListing:
        """The repository's artifacts, newest first, each exactly once; see `ArtifactListing`.

        `name` is filtered by GitHub, the rest on this side. What an artifact does not tell, it
        does not match.

        Args:
            name: Only those of exactly this name.
            pattern: Only those whose name is like this: ``*``, ``?`` and ``[…]`` as in a shell,
                upper and lower case told apart.
            branch: Only those of runs on this branch.
            head_sha: Only those of runs of this commit, in full.
            created_after: Only those of this moment or later; a datetime with a time zone. Older
                pages are not asked for.
            created_before: Only those from before this moment.
            expired: Only those whose bytes are gone, or only those whose are not.
            min_size: Only those of this many bytes or more.
            max_size: Only those of this many bytes or fewer.
            per_page: Artifacts that the first call fetches, at most 100; the others fetch that
                many or fewer, but up to 20.
            concurrency: Pages to fetch side by side, at most 256.

        Source: https://docs.github.com/rest/actions/artifacts#list-artifacts-for-a-repository
        """
        call = calls.list_repository_artifacts(
            self.name,
            name=arguments.artifact_name(name),
            per_page=arguments.per_page(per_page),
        )
        wanted = Filter(
            pattern=pattern,
            branch=branch,
            head_sha=head_sha,
            created_after=created_after,
            created_before=created_before,
            expired=expired,
            min_size=min_size,
            max_size=max_size,
        )
        concurrency = arguments.concurrency(concurrency)
        return ArtifactListing(self._opened().session, call, wanted, concurrency=concurrency)

    def list_run_artifacts(
        self,
        run_id: int,
        *,
        name: str | None = None,
        pattern: str | None = None,
        branch: str | None = None,
        head_sha: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        expired: bool | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        direction: Direction = "desc",
        per_page: int = 100,
        concurrency: int = 8,
    ) -> ArtifactListing:
        """The artifacts of a workflow run, of all its attempts, each exactly once.

        Args:
            run_id: Id of the run.
            name: This and the other filters as in `list_artifacts`.
            pattern: See there.
            branch: See there.
            head_sha: See there.
            created_after: See there.
            created_before: See there. Newer pages are not asked for in ascending order.
            expired: See there.
            min_size: See there.
            max_size: See there.
            direction: ``"desc"``, newest first, or ``"asc"``.
            per_page: As in `list_artifacts`.
            concurrency: As in `list_artifacts`.

        Source: https://docs.github.com/rest/actions/artifacts#list-workflow-run-artifacts
        """
        call = calls.list_run_artifacts(
            self.name,
            arguments.run_id(run_id),
            name=arguments.artifact_name(name),
            direction=arguments.direction(direction),
            per_page=arguments.per_page(per_page),
        )
        wanted = Filter(
            pattern=pattern,
            branch=branch,
            head_sha=head_sha,
            created_after=created_after,
            created_before=created_before,
            expired=expired,
            min_size=min_size,
            max_size=max_size,
        )
        concurrency = arguments.concurrency(concurrency)
        return ArtifactListing(self._opened().session, call, wanted, concurrency=concurrency)

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

    def _lease(self, parts: Parts, artifact: Artifact) -> Lease:
        call = calls.download_artifact(self.name, artifact.id)
        return Lease(parts.session, parts.transport, call)
