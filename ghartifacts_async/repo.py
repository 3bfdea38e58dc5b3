"""The façade: a `Repo` for a repository of a GitHub.

What one method alone needs is imported there: a program pays for the rooms that it enters.
"""

from __future__ import annotations

import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

from attrs import field, frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._api.listing import ArtifactListing
from ghartifacts_async._context import ClientContext
from ghartifacts_async.errors import ClientStateError
from ghartifacts_async.models import (
    ArchiveLimits,
    Artifact,
    ArtifactFilters,
    Direction,
    Download,
    IfDirectoryExists,
    IfExists,
)

if TYPE_CHECKING:
    from ghartifacts_async._archive.archive import Archive
    from ghartifacts_async._bulk.mirror import Mirror
    from ghartifacts_async._bulk.path_template import PathTemplate
    from ghartifacts_async._download.progress import OnProgress
    from ghartifacts_async._download.stream import ArtifactStream
    from ghartifacts_async.reports import (
        BulkProgress,
        Deletion,
        MirrorReport,
        Outcome,
        PruneReport,
    )


def _no_client() -> ClientContext:
    raise ClientStateError("this repository belongs to no client; pass it to Client.repo")


@frozen(repr=False)
class Repo:
    """One repository. Wherever an artifact is wanted, its id serves as well.

    Every method may raise a `GitHubError` (GitHub says no), a `TransportError` (it does not
    answer), a `RedirectRefused` (it leads astray), a `TokenProviderError`, and before anything is
    sent an `InvalidArgument` or a `ClientStateError`.

    It pickles, and goes through `to_json`, as what it is called: without the client and its token.
    What comes out belongs to no client, and calls nothing before `Client.repo` has taken it in.

    Attributes:
        name: ``owner/name``.
        base_url: Of the API.
    """

    name: str
    base_url: str
    _opened: Callable[[], ClientContext] = field(default=_no_client, init=False, eq=False)

    def __repr__(self) -> str:
        return f"<Repo {self.name}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Repo], tuple[str, str]]:
        return Repo, (self.name, self.base_url)

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
            pattern: Only those whose name is like this, as of ``gh run download -p``: ``*``,
                ``?``, ``[…]`` and ``[^…]``, upper and lower case told apart.
            branch: Only those of runs on this branch.
            head_sha: Only those of runs of this commit, in full.
            created_after: Only those of this moment or later; a datetime with a time zone. What
                is older than that is not read, but for a page or two.
            created_before: Only those from before this moment.
            expired: Only those whose bytes are gone, or only those whose are not.
            min_size: Only those of this many bytes or more.
            max_size: Only those of this many bytes or fewer.
            per_page: Artifacts that the first call fetches, at most 100; others fetch up to 100.
            concurrency: Pages to fetch side by side, at most 256.

        Source: https://docs.github.com/rest/actions/artifacts#list-artifacts-for-a-repository
        """
        call = endpoints.list_repository_artifacts(
            self.name,
            name=_arguments.artifact_name(name),
            per_page=_arguments.per_page(per_page),
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
        concurrency = _arguments.concurrency(concurrency)
        return ArtifactListing(self._opened().api, call, wanted, concurrency=concurrency)

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
            created_before: See there; in ascending order what is newer is not read.
            expired: See there.
            min_size: See there.
            max_size: See there.
            direction: ``"desc"``, newest first, or ``"asc"``.
            per_page: As in `list_artifacts`.
            concurrency: As in `list_artifacts`.

        Source: https://docs.github.com/rest/actions/artifacts#list-workflow-run-artifacts
        """
        call = endpoints.list_run_artifacts(
            self.name,
            _arguments.run_id(run_id),
            name=_arguments.artifact_name(name),
            direction=_arguments.direction(direction),
            per_page=_arguments.per_page(per_page),
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
        concurrency = _arguments.concurrency(concurrency)
        return ArtifactListing(self._opened().api, call, wanted, concurrency=concurrency)

    async def get_artifact(self, artifact: Artifact | int) -> Artifact:
        """The artifact as it is now.

        Raises:
            NotFound: There is none of this id, or the token may not see it.

        Source: https://docs.github.com/rest/actions/artifacts#get-an-artifact
        """
        return await self._opened().get(self.name, _arguments.artifact_id(artifact))

    async def delete_artifact(self, artifact: Artifact | int) -> None:
        """Delete an artifact, for good.

        Raises:
            NotFound: There is none of this id, or the token may not see it.
            PermissionDenied: The token may not delete it.

        Source: https://docs.github.com/rest/actions/artifacts#delete-an-artifact
        """
        call = endpoints.delete_artifact(self.name, _arguments.artifact_id(artifact))
        await self._opened().api.call(call)

    async def download_artifact(
        self,
        artifact: Artifact | int,
        destination: str | os.PathLike[str],
        *,
        if_exists: IfExists = "verify",
        connections: int | None = None,
        wait_for_lock: bool = True,
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
            wait_for_lock: Whether to wait while another download, of this process or another,
                writes to the same target.
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
            TargetBusy: Another download is at work on it, and `wait_for_lock` is false.
            DiskFull: There is no room for it.
            DiskError: The file cannot be written.
            ProgressError: `on_progress` raised.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        from ghartifacts_async._download.progress import check_callback
        from ghartifacts_async._download.target import check_destination

        check_destination(destination)
        check_callback(on_progress)
        _arguments.if_exists(if_exists)
        _arguments.connections(connections)
        parts = self._opened()
        async with parts.lifetime.work():
            artifact = await self._described(artifact)
            return await parts.download(
                self.name,
                artifact,
                destination,
                if_exists=if_exists,
                connections=connections,
                wait_for_lock=wait_for_lock,
                keep_partial=keep_partial,
                durable=durable,
                on_progress=on_progress,
            )

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
        from ghartifacts_async._download.blob import BlobClient
        from ghartifacts_async._download.retries import Retrier
        from ghartifacts_async._download.stream import stream

        parts = self._opened()
        artifact = await self._described(artifact)
        source = BlobClient(parts.transport, parts.lease(self.name, artifact), artifact)
        async with stream(artifact, source, Retrier(parts.policy), parts.lifetime) as opened:
            yield opened

    @asynccontextmanager
    async def open_artifact(
        self, artifact: Artifact | int, *, limits: ArchiveLimits = ArchiveLimits()
    ) -> AsyncIterator[Archive]:
        """Look into an artifact's zip, and read or unpack single members without the rest of it.

        ``async with repo.open_artifact(artifact) as archive: await archive.read("report.json")``.
        Its directory is fetched in one or two requests, or three of an artifact without a digest,
        then each member in one, healed as a download is; what is at work when it is left ends. A
        store that serves no ranges is downloaded from, to a temporary directory, which needs room
        for all of it; a warning says so, and `Archive.downloaded`. A process that is killed may
        leave that directory (``ghartifacts-…``).

        Args:
            artifact: Which; an id costs a call more, for its size.
            limits: How much may be unpacked.

        Raises:
            NotAZip: The payload is none.
            DamagedArchive: Its directory contradicts itself.
            ArchiveLimitExceeded: It is of more members than allowed.
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            DownloadError: Its bytes cannot be had.
            DiskError: They cannot be written, where they are downloaded.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        from ghartifacts_async._archive.archive import open_archive
        from ghartifacts_async._archive.remote_file import RemoteFile
        from ghartifacts_async._download.blob import BlobClient

        _arguments.of_kind(limits, ArchiveLimits)
        parts = self._opened()
        artifact = await self._described(artifact)
        source = BlobClient(parts.transport, parts.lease(self.name, artifact), artifact)
        whole = self._whole(parts, artifact)
        remote = RemoteFile(artifact, source, parts.policy, parts.disk, whole)
        async with open_archive(artifact, remote, parts.lifetime, limits) as archive:
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
        limits: ArchiveLimits = ArchiveLimits(),
    ) -> list[Path]:
        """Download an artifact, verified, and unpack it in threads into a directory of its own.

        Whatever its members are called, nothing is written outside: what might be is refused by
        name, and so are links, devices, names that are one on some system, and more than the
        budget. The directory is filled beside its place and takes it in one step, or two where it
        replaces another. Whatever goes wrong, its place is as it was and nothing is left; when
        cancelled it is so, or, at the last moment, complete. A process that is killed leaves a
        hidden directory beside it (``.….ghartifacts-unpack``), and killed between the two steps,
        in that one the directory that was there, as ``old``.

        Files are 0644, or 0755 where an executable bit was recorded, directories 0755, less what
        the umask takes away.

        Args:
            artifact: Which; an id costs a call more, for size and digest.
            directory: Made, and those above it, as needed. An empty one counts as none.
            members: Names; or one name, or a pattern of names whose ``*`` stands for slashes too;
                or ``None`` for all.
            strip: How many leading components of each name to leave out; what has no more is left
                out as a whole.
            if_exists: ``"error"``, or ``"replace"`` for a directory that is there, mode and owner
                included: it is moved aside, so that for a moment there is none, put back where the
                new one cannot take its place, and else removed. Where no file would be in the new
                one, nothing is replaced; neither is a mount point, nor the current directory or
                one above it.
            portable: Whether names are refused that Windows does not take; there they always are.
            limits: How much may be unpacked.

        Returns:
            The files, in the order of the archive.

        Raises:
            NotAZip: The payload is none.
            DamagedArchive: It contradicts itself.
            UnsafeMember: A member is refused.
            UnsupportedMember: A member is encrypted, or compressed in another way than deflate.
            MemberNotFound: There is none of a name, or for the pattern.
            ArchiveLimitExceeded: It is more than allowed.
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            DownloadError: Its bytes cannot be had.
            TargetExists: There is a directory, and `if_exists` is ``"error"``; or something else.
            DiskFull: There is no room for it.
            DiskError: A file cannot be written.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        from ghartifacts_async._archive.archive import Unpacking, extract

        wanted = Unpacking.of(directory, members, strip, if_exists, portable, limits)
        parts = self._opened()
        async with parts.lifetime.work():
            artifact = await self._described(artifact)
            return await extract(parts.disk, self._whole(parts, artifact), wanted)

    def download_artifacts(
        self,
        artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
        directory: str | os.PathLike[str],
        *,
        concurrency: int = 8,
        if_exists: IfExists = "verify",
        durable: bool = False,
        on_progress: Callable[[BulkProgress], None] | None = None,
    ) -> AsyncGenerator[Outcome, None]:
        """Download many artifacts, some at a time: ``async for outcome in …``, as each ends.

        Each becomes ``<directory>/<artifact name>-<id>.zip``, or of a payload that is not a zip
        with that one's extension, made safe: no two of them collide, and calling it again finds
        what is there. One that fails, or has expired, is told of and stops nothing. Large ones do
        not take the connections of small ones: each download has one of its own, and those that
        are large enough share eight more.

        An artifact is taken only when a download can begin with it, so a listing may be endless.
        Closing the generator, leaving the loop and cancelling end what is under way, and what came
        of it stays for the next call; `contextlib.aclosing` closes it whatever happens in the loop.

        Args:
            artifacts: Which: a listing, or any iterable, sync or async; an id costs a call more.
            directory: Where to; made if need be.
            concurrency: How many at a time, at most 256.
            if_exists: What to do about a file that is there, as of `download_artifact`.
            durable: Whether each file survives a loss of power once it was told of.
            on_progress: Called in the event loop, at most ten times a second, the last time when
                all have ended.

        Raises:
            ProgressError: `on_progress` raised; so does, unchanged, what `artifacts` raises. What
                goes wrong with one artifact is in its `Outcome`.
        """
        from ghartifacts_async._bulk.downloads import downloads
        from ghartifacts_async._bulk.path_template import PathTemplate
        from ghartifacts_async._download.progress import check_callback
        from ghartifacts_async._download.target import check_destination

        check_destination(directory)
        check_callback(on_progress)
        return downloads(
            self._opened(),
            self.name,
            _arguments.several(artifacts),
            Path(directory),
            PathTemplate(_arguments.DEFAULT_TEMPLATE),
            concurrency=_arguments.concurrency(concurrency),
            if_exists=_arguments.if_exists(if_exists),
            durable=durable,
            on_progress=on_progress,
        )

    def delete_artifacts(
        self, artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int]
    ) -> AsyncGenerator[Deletion, None]:
        """Delete many artifacts, for good: ``async for deletion in …``, as each ends.

        Deletions are a second apart, as GitHub wants (`RateLimitPolicy.delete_interval`).
        An artifact that another client has deleted counts as deleted, once the token is known to
        see the repository. A failure stops nothing. Leaving the loop stops the work, and the
        rest stays.

        Args:
            artifacts: Which: a listing, or any iterable, sync or async, of artifacts or ids.

        Raises:
            Exception: What `artifacts` raises. What goes wrong with one is in its `Deletion`.

        Source: https://docs.github.com/rest/actions/artifacts#delete-an-artifact
        """
        from ghartifacts_async._bulk.downloads import deletions

        return deletions(self._opened(), self.name, _arguments.several(artifacts))

    async def prune(
        self,
        *,
        older_than: timedelta | None = None,
        keep_latest: int | None = None,
        max_total_size: int | None = None,
        name: str | None = None,
        pattern: str | None = None,
        dry_run: bool = True,
    ) -> PruneReport:
        """Delete old artifacts, or by default tell which that would be.

        All that `name` and `pattern` choose are read before the first is deleted; others are
        neither deleted nor counted. Of each name the newest `keep_latest` that have not expired
        are kept, whatever else is asked. Of the others go, the oldest first: those that are older
        than `older_than`; and where what is left is more than `max_total_size` together, as many
        as it takes. Where neither of the two is given, all others go.

        Newest means created last; at the same time, of the higher id. What has no date counts as
        newest. Expired artifacts weigh nothing, and are kept for no reason but their age.

        Args:
            older_than: Age, from its creation on, up to which an artifact may stay.
            keep_latest: How many of each name stay in any case.
            max_total_size: Bytes that may stay together.
            name: Only those of exactly this name; GitHub filters.
            pattern: Only those of such a name, as of `list_artifacts`.
            dry_run: Whether nothing is deleted; the report's `artifacts` are then those that the
                same call without it deletes, in that order.

        Raises:
            InvalidArgument: None of the first three is given.
        """
        from ghartifacts_async._bulk.deletions import prune
        from ghartifacts_async._bulk.retention import Criteria

        _arguments.of_kind(dry_run, bool)
        criteria = Criteria(older_than, keep_latest, max_total_size)
        listing = self.list_artifacts(name, pattern=pattern)
        parts, now = self._opened(), datetime.now(UTC)
        return await prune(parts, self.name, listing, criteria, now, dry_run=dry_run)

    async def mirror(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        template: str = _arguments.DEFAULT_TEMPLATE,
        concurrency: int = 8,
        durable: bool = False,
        on_progress: Callable[[BulkProgress], None] | None = None,
        **filters: Unpack[ArtifactFilters],
    ) -> MirrorReport:
        """Bring a local copy up to date: what is there is not fetched again.

        The files lie as `template` has it; beside them ``artifacts.jsonl`` tells, a line of JSON
        each, of every file its path, size, time and digest, and all of its artifact. What is as it
        was told of costs a look, and no request; what is missing, or was changed, is fetched; what
        has the digest of a file that is there becomes a reflink of it, else a hard link, else a
        copy. What is deleted at GitHub stays here.

        Cancelled or killed at any moment, it leaves nothing at a final path that is not right, and
        the next call goes on: nothing that was complete is fetched again. Without the manifest
        everything is verified by its digest. Only one at a time works on a directory.

        Args:
            directory: The mirror; made if need be.
            name: Only artifacts of exactly this name; GitHub filters.
            template: Names the file of an artifact, without its extension: text, slashes, and
                ``{name}``, ``{id}``, ``{run_id}``, ``{branch}``, ``{sha}``, ``{digest}`` and
                ``{created:%Y-%m-%d}``, each made safe. Where it does not tell artifacts apart by
                their ``{id}``, that is added. A mirror keeps the one it was begun with.
            concurrency: How many downloads at a time, at most 256.
            durable: Whether each file, and then its line, survives a loss of power; otherwise the
                manifest is synced at the end.
            on_progress: Called in the event loop, at most ten times a second, the last time at
                the end.
            filters: Which artifacts, as of `list_artifacts`.

        Raises:
            TargetBusy: Another is at work on this mirror, as far as the file system knows locks.
            InvalidArgument: It is of another server, or of another template.
            DiskFull: There is no room, again and again.
            AuthenticationError: The token is refused; this, a `TokenProviderError`, a `RateLimited`
                and a `ProgressError` end it. What else goes wrong with one artifact is in the
                report.
        """
        from ghartifacts_async._bulk.mirror import mirror
        from ghartifacts_async._bulk.path_template import PathTemplate
        from ghartifacts_async._download.progress import check_callback
        from ghartifacts_async._download.target import check_destination

        check_destination(directory)
        check_callback(on_progress)
        return await mirror(
            [self._mirror(Path(directory), PathTemplate(template), name, durable, filters)],
            self._opened().lifetime,
            concurrency=_arguments.concurrency(concurrency),
            alone=True,
            on_progress=on_progress,
        )

    def _whole(
        self, parts: ClientContext, artifact: Artifact
    ) -> Callable[[Path], Awaitable[Download]]:
        """A download that leaves nothing, to a file that nobody else knows."""

        def whole(path: Path) -> Awaitable[Download]:
            return parts.download(
                self.name, artifact, path, if_exists="replace", keep_partial=False
            )

        return whole

    def _mirror(
        self,
        root: Path,
        layout: PathTemplate,
        name: str | None,
        durable: bool,
        filters: ArtifactFilters,
    ) -> Mirror:
        from ghartifacts_async._bulk.mirror import Mirror

        listing = self.list_artifacts(name, **filters)
        return Mirror(self._opened(), self.name, listing, root, layout, durable=durable)

    async def _described(self, artifact: Artifact | int) -> Artifact:
        """What GitHub tells of an artifact, asked for where an id stands for it."""
        return artifact if isinstance(artifact, Artifact) else await self.get_artifact(artifact)

    def _bound(self, opened: Callable[[], ClientContext]) -> Repo:
        """The same, of a client."""
        repo = Repo(self.name, self.base_url)
        object.__setattr__(repo, "_opened", opened)
        return repo
