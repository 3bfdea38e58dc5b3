"""The artifacts and workflow runs of one repository: the class `Repo`.

The examples of all guides run inside ``async with Client.from_env() as gh:``, with
``repo = gh.repo("octo-org/octo-docs")``. Wherever an artifact is passed, its id is accepted too.

## Listings

A listing is lazy: it requests pages while you read it. It yields every artifact that exists
throughout exactly once, even if others are uploaded or deleted in the meantime.

```python
listing = repo.list_artifacts(pattern="dist*", branch="main", expired=False)
async for artifact in listing:
    print(artifact.id, artifact.name, artifact.size_in_bytes, artifact.created_at)
newest = await listing.first()  # None if no artifact matches
print(newest, await repo.list_artifacts().total_count())
```

Names are not unique: each upload makes another artifact, and the newest comes first. GitHub can
filter by `name` only, which makes the listing of a large repository short. The library applies the
other filters of `ArtifactFilters` itself.

**Forks.** Anybody can open a pull request from a branch of a fork, and so upload an artifact of any
name and content. `branch` and `head_sha` therefore do not match runs of forks, unless
``from_fork=True`` is passed.

## Downloads

```python
download = await repo.download_artifact(11, "out/")
print(download.path, download.size, download.digest, download.verified)
```

The file appears at its path only after its size and SHA-256 have been verified. `Download.verified`
is False if GitHub recorded no digest, as for uploads before upload-artifact v4. If the download
fails, is cancelled or is killed, the next call for the same path resumes. A correct file is not
downloaded again; ``if_exists="replace"`` and ``"error"`` change that.

Large artifacts use several connections. Show the progress with a function:

```python
from ghartifacts_async import Progress


def show(progress: Progress) -> None:
    print(f"{progress.received:,} of {progress.total or 0:,} bytes, {progress.rate:,.0f} a second")


await repo.download_artifact(11, "out/dist.zip", if_exists="replace", on_progress=show)
```

To pass the bytes on without writing a file, stream them. The last chunk is yielded only after the
digest has been verified, so a receiver must not trust the others until it has the last one:

```python
async with repo.stream_artifact(11) as stream:
    async for chunk in stream:
        print(stream.filename, len(chunk))
```

## Archives

Most artifacts are zip archives. `Repo.open_artifact` reads members with range requests, without
downloading the rest; reading one takes two or three requests, however large the archive is.

```python
async with repo.open_artifact(11) as archive:
    for member in archive.members():
        print(member.name, member.size)
    for name in archive.glob("**/*.json"):
        print(await archive.read_json(name))
print(await repo.read_member(11, "report.json"))  # a single member
```

`Repo.extract_artifact` downloads and unpacks all or some of them into a new directory, which
appears complete or not at all. ``if_exists="replace"`` replaces the directory:

```python
from ghartifacts_async import ArchiveLimits

files = await repo.extract_artifact(
    11, "site/", members="**/*.json", limits=ArchiveLimits(max_total_size=2**30)
)
print(files)
```

Archives are treated as hostile. Members that would be written outside the directory, links,
devices and names that collide are refused with an `UnsafeMember`. The arguments `symlinks`,
`backslashes` and `on_collision` allow what some programs write without harm, at a risk that
`Repo.extract_artifact` describes.

## Finding artifacts by their runs

`Repo.latest_artifact` finds the newest artifact whose run matches. If there is none, the error says
why the others were passed over. `Repo.resolve_artifacts` finds several artifacts of the same run.

```python
artifact = await repo.latest_artifact("dist", branch="main", workflow="ci.yml", event="push")
resolution = await repo.resolve_artifacts(["dist"], branch="main")
print(artifact.created_at, resolution.run.html_url, resolution.artifacts["dist"].id)

async for run in repo.list_runs(branch="main", conclusion="success"):
    print(run.id, run.workflow_file, run.run_attempt, run.created_at)
```

To wait for a run that has not ended, see `ghartifacts_async.webhooks`.
"""

from __future__ import annotations

import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from attrs import field, frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._api.listing import ArtifactListing
from ghartifacts_async._api.pagination import ListingPage
from ghartifacts_async._context import ClientContext
from ghartifacts_async._download.progress import OnProgress
from ghartifacts_async._download.stream import ArtifactStream, open_stream
from ghartifacts_async._download.target import DownloadRequest
from ghartifacts_async.errors import ClientStateError
from ghartifacts_async.models import (
    ArchiveLimits,
    Artifact,
    ArtifactFilters,
    Backslashes,
    Direction,
    Download,
    IfDirectoryExists,
    IfExists,
    OnCollision,
    Run,
    Symlinks,
)

if TYPE_CHECKING:
    from ghartifacts_async._archive.archive import Archive
    from ghartifacts_async._archive.operations import ArchiveOperations
    from ghartifacts_async._bulk.operations import BulkOperations
    from ghartifacts_async._runs.operations import RunOperations
    from ghartifacts_async._runs.run_listing import RunListing
    from ghartifacts_async._runs.selection import Resolution
    from ghartifacts_async._runs.waiter import Waiter
    from ghartifacts_async.reports import (
        BulkProgress,
        Deletion,
        Extraction,
        ManifestEntry,
        MirrorReport,
        Outcome,
        PruneReport,
    )


def _no_client() -> ClientContext:
    raise ClientStateError("this repository is not bound to a client; pass it to Client.repo")


@frozen(repr=False)
class Repo:
    """One repository on a GitHub server.

    Every method that takes an artifact also takes its id.

    Every method may raise a `GitHubError` (GitHub answered with an error), a `TransportError` (no
    complete answer arrived), a `RedirectRefused` (an invalid or insecure redirect) or a
    `TokenProviderError` (your token provider raised an exception). Before it sends anything, it may
    raise an `InvalidArgument` or a `ClientStateError`.

    A repository can be pickled and serialized with `to_json`. Only its name and base URL are kept,
    not the client and its token. Pass the restored repository to `Client.repo` before you use it.

    Attributes:
        name: ``owner/name``.
        base_url: Base URL of the API.
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
        per_page: int = 100,
        concurrency: int = 16,
        **filters: Unpack[ArtifactFilters],
    ) -> ArtifactListing:
        """List the repository's artifacts, newest first, each exactly once.

        Nothing is requested until you read the `ArtifactListing`.

        Args:
            name: List only artifacts of exactly this name. GitHub applies this filter, and the
                library checks it.
            per_page: Maximum number of artifacts per request, from 1 to 100. If GitHub fails to
                make a page of this size, smaller ones are requested.
            concurrency: Maximum number of pages to fetch concurrently, at most 256.
            filters: List only artifacts that match all of these filters, which the library applies:
                `pattern`, `branch`, `head_sha`, `from_fork`, `created_after`, `created_before`,
                `expired`, `min_size` and `max_size`; see `ArtifactFilters`. With `branch` or
                `head_sha`, artifacts of forks match only if `from_fork` is True.

        Source: https://docs.github.com/rest/actions/artifacts#list-artifacts-for-a-repository
        """
        name = _arguments.artifact_name(name)
        call = endpoints.list_repository_artifacts(
            self.name, name=name, per_page=_arguments.per_page(per_page)
        )
        return self._listing(call, Filter(name=name, **filters), concurrency)

    def list_run_artifacts(
        self,
        run_id: Run | int | str,
        *,
        name: str | None = None,
        direction: Direction = "desc",
        per_page: int = 100,
        concurrency: int = 16,
        **filters: Unpack[ArtifactFilters],
    ) -> ArtifactListing:
        """List the artifacts of a workflow run, from all of its attempts, each exactly once.

        Nothing is requested until you read the `ArtifactListing`.

        Args:
            run_id: The workflow run, or its id; also as text, as ``GITHUB_RUN_ID`` contains it.
            name: List only artifacts of exactly this name. GitHub applies this filter, and the
                library checks it.
            direction: ``"desc"`` for newest first, ``"asc"`` for oldest first.
            per_page: Maximum number of artifacts per request, from 1 to 100. If GitHub fails to
                make a page of this size, smaller ones are requested.
            concurrency: Maximum number of pages to fetch concurrently, at most 256.
            filters: List only artifacts that match these filters, as in `list_artifacts`.

        Source: https://docs.github.com/rest/actions/artifacts#list-workflow-run-artifacts
        """
        name, run = _arguments.artifact_name(name), _arguments.run_id(run_id)
        call = endpoints.list_run_artifacts(
            self.name,
            run,
            name=name,
            direction=_arguments.direction(direction),
            per_page=_arguments.per_page(per_page),
        )
        return self._listing(call, Filter(name=name, run_id=run, **filters), concurrency)

    def list_runs(
        self,
        *,
        workflow: int | str | None = None,
        branch: str | None = None,
        event: str | None = None,
        status: str | None = None,
        conclusion: str | None = None,
        actor: str | None = None,
        head_sha: str | None = None,
        from_fork: bool | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        exclude_pull_requests: bool = False,
        per_page: int = 100,
        concurrency: int = 16,
    ) -> RunListing:
        """List the repository's workflow runs, newest first, each exactly once.

        Nothing is requested until you read the `RunListing`. GitHub applies most of the filters,
        and the library checks all of them. More than 1,000 runs are listed, too.

        Args:
            workflow: List only runs of this workflow: the name of its file, such as ``"ci.yml"``,
                or its id.
            branch: List only runs on this branch of the repository, not of forks; see
                `ArtifactFilters`.
            event: List only runs triggered by this event, such as ``"push"``.
            status: List only runs with this status, such as ``"in_progress"``.
            conclusion: List only runs with this conclusion, such as ``"success"``.
            actor: List only runs triggered by the account with this login.
            head_sha: List only runs of this commit of the repository, given in full.
            from_fork: List only runs whose commit comes from a fork (True), or only those of the
                repository's own branches (False). If it is None, runs of forks are listed unless
                `branch` or `head_sha` is given.
            created_after: List only runs created at this time or later.
            created_before: List only runs created before this time.
            exclude_pull_requests: Ask GitHub not to describe the pull requests of each run, which
                makes responses smaller. The runs themselves are listed.
            per_page: Maximum number of runs per request, from 1 to 100.
            concurrency: Maximum number of pages to fetch concurrently, at most 256.

        Raises:
            InvalidArgument: No run can match, for example because GitHub has no such status.

        Source: https://docs.github.com/rest/actions/workflow-runs
        """
        _arguments.flags(exclude_pull_requests=exclude_pull_requests)
        return self._runs().list_runs(
            workflow=workflow,
            branch=branch,
            event=event,
            status=status,
            conclusion=conclusion,
            actor=actor,
            head_sha=head_sha,
            from_fork=from_fork,
            created_after=created_after,
            created_before=created_before,
            exclude_pull_requests=exclude_pull_requests,
            per_page=_arguments.per_page(per_page),
            concurrency=_arguments.concurrency(concurrency),
        )

    async def get_run(self, run_id: Run | int | str) -> Run:
        """Return the current state of a workflow run.

        Raises:
            NotFound: No run has this id, or the token cannot see it.

        Source: https://docs.github.com/rest/actions/workflow-runs#get-a-workflow-run
        """
        return await self._runs().get_run(_arguments.run_id(run_id))

    async def latest_artifact(
        self,
        name: str | None = None,
        *,
        pattern: str | None = None,
        workflow: int | str | None = None,
        branch: str | None = None,
        event: str | None = None,
        conclusion: str | None = "success",
        from_fork: bool | None = False,
        max_age: timedelta | None = None,
        include_expired: bool = False,
    ) -> Artifact:
        """Return the newest artifact of a run that matches.

        "Newest" is decided by the time of creation, because neither ids nor GitHub's listings of
        runs follow it. The run of each candidate is requested by its id.

        This takes one call for each 100 artifacts of this name that are read (the first two pages
        if there are more than 100), and one for each run that is considered, usually one. If
        `workflow` and `event` are not given and `conclusion` is None, no run needs to be requested.
        At most 200 runs are considered. Without `name`, GitHub cannot filter, so artifacts of all
        names are read.

        Args:
            name: Exact name of the artifact.
            pattern: Pattern that the name must match; see `ArtifactFilters`.
            workflow: Consider only runs of this workflow: the name of its file, such as
                ``"ci.yml"``, or its id.
            branch: Consider only runs on this branch.
            event: Consider only runs triggered by this event, such as ``"push"``.
            conclusion: Consider only runs with this conclusion in their latest attempt. None
                considers all runs, even unfinished ones.
            from_fork: Consider only the repository's own runs (False) or only those of forks
                (True). Anybody can make a fork's run upload anything. None is the same as False if
                `branch` is given, and otherwise considers all runs.
            max_age: Consider only artifacts that were created at most this long ago.
            include_expired: Consider expired artifacts, whose content can no longer be downloaded.

        Raises:
            NotFound: No artifact matches. The summary says why the candidates were passed over.
        """
        _arguments.flags(include_expired=include_expired)
        return await self._runs().latest_artifact(
            _arguments.artifact_name(name),
            pattern,
            max_age,
            workflow=workflow,
            branch=branch,
            event=event,
            conclusion=conclusion,
            from_fork=from_fork,
            include_expired=include_expired,
        )

    async def resolve_artifacts(
        self,
        names: str | Iterable[str],
        *,
        require: Iterable[str] | None = None,
        nearest_ancestor_of: str | None = None,
        base: str | None = None,
        workflow: int | str | None = None,
        branch: str | None = None,
        event: str | None = None,
        conclusion: str | None = "success",
        from_fork: bool | None = False,
        max_age: timedelta | None = None,
        include_expired: bool = False,
    ) -> Resolution:
        """Return several artifacts that come from one run, and that run.

        Runs are considered in the order in which their first required artifact was created, newest
        first. A run that lacks a required artifact, or in which one has expired, is passed over. If
        several attempts of a run uploaded an artifact of the same name, the newest is returned.

        This takes the calls of `latest_artifact`, and one for each run whose other artifacts are
        listed. With `nearest_ancestor_of`, it takes one more for each 100 commits that are read,
        and with `base` another one. If the run was re-run after the upload, each earlier attempt
        may take one.

        Args:
            names: Names of the artifacts, or patterns (with ``*``, ``?`` or ``[``), which stand for
                all matching artifacts of the run.
            require: Those of `names` that the run must have; None for all of them.
            nearest_ancestor_of: Consider only runs of this commit (a SHA or branch) and its
                ancestors, in the order of ``git log``. The dates of commits must be right to a day.
            base: Begin at the newest common ancestor of `nearest_ancestor_of` and this branch or
                commit, for example to compare a pull request with the commit that it started from.
            workflow: See `latest_artifact`, as for the following arguments.
            branch: Consider only runs on this branch.
            event: Consider only runs triggered by this event.
            conclusion: Consider only runs with this conclusion.
            from_fork: Consider only the repository's own runs (False) or only those of forks.
            max_age: Consider only artifacts that were created at most this long ago.
            include_expired: Accept expired artifacts.

        Raises:
            NotFound: No run matches. The summary says why the candidates were passed over.
        """
        _arguments.flags(include_expired=include_expired)
        return await self._runs().resolve_artifacts(
            _arguments.artifact_names(names),
            None if require is None else _arguments.artifact_names(require, "require"),
            nearest_ancestor_of,
            base,
            max_age,
            workflow=workflow,
            branch=branch,
            event=event,
            conclusion=conclusion,
            from_fork=from_fork,
            include_expired=include_expired,
        )

    async def wait_for_artifact(
        self,
        name: str,
        *,
        run_id: Run | int | str | None = None,
        head_sha: str | None = None,
        workflow: int | str | None = None,
        any_conclusion: bool = False,
        timeout: float | None = 600.0,  # noqa: ASYNC109 - waits for a repository share their polls
        poll_interval: float | None = None,
    ) -> Artifact:
        """Wait until a run has uploaded an artifact, and return the artifact.

        An artifact is returned as soon as it can be downloaded, which may be before the run ends.
        While a run is re-run, the artifacts of earlier attempts do not count. After the end of the
        run, an artifact may take up to 30 seconds to be listed. If several runs of a commit have
        the artifact, the newest is returned.

        All waits for one repository share their polls. A poll takes two or three calls; responses
        that have not changed do not count against the primary rate limit. Polls are 2 seconds
        apart at first and up to 30 seconds later. If many of their calls count, polls are less
        frequent, so that ten minutes use at most 30 calls of the limit for any number of waits.
        With `waiter`, a webhook makes a wait poll at once, or within a minute if very many webhooks
        arrive.

        Args:
            name: Name of the artifact.
            run_id: The run, or its id. Pass either this or `head_sha`.
            head_sha: Full SHA of the commit whose runs may upload the artifact. The runs need not
                exist yet. Runs of forks do not count.
            workflow: Wait only for runs of this workflow: the name of its file, or its id.
            any_conclusion: Accept an artifact of a run that failed or was cancelled.
            timeout: Seconds to wait; None for no limit.
            poll_interval: Seconds between two polls; None to poll as described. A server
                that names a longer interval (``X-Poll-Interval``) is obeyed.

        Raises:
            RunEnded: The run ended without the artifact, was cancelled or failed.
            WaitTimedOut: `timeout` has passed.
            NotFound: No run has this id, the token cannot see it, or it belongs to another
                workflow.
        """
        _arguments.flags(any_conclusion=any_conclusion)
        return await self._runs().wait_for_artifact(
            _arguments.artifact_name(name),
            None if run_id is None else _arguments.run_id(run_id),
            head_sha,
            workflow,
            _arguments.seconds("timeout", timeout),
            _arguments.seconds("poll_interval", poll_interval),
            any_conclusion=any_conclusion,
        )

    async def wait_for_run(
        self,
        run_id: Run | int | str,
        *,
        timeout: float | None = 600.0,  # noqa: ASYNC109 - waits for a repository share their polls
        poll_interval: float | None = None,
    ) -> Run:
        """Wait until a run has ended, with any conclusion, and return it.

        Args:
            run_id: The run, or its id.
            timeout: Seconds to wait; None for no limit.
            poll_interval: Seconds between two polls; see `wait_for_artifact`.

        Raises:
            WaitTimedOut: `timeout` has passed.
            NotFound: No run has this id, or the token cannot see it.
        """
        return await self._runs().wait_for_run(
            _arguments.run_id(run_id),
            _arguments.seconds("timeout", timeout),
            _arguments.seconds("poll_interval", poll_interval),
        )

    @property
    def waiter(self) -> Waiter:
        """The waits of the client, which webhooks can wake: ``repo.waiter.notify(event)``.

        Raises:
            ClientStateError: The client is not open.
        """
        return self._runs().waiter

    async def get_artifact(self, artifact: Artifact | int) -> Artifact:
        """Return the current state of an artifact.

        Raises:
            NotFound: No artifact has this id, or the token cannot see it.

        Source: https://docs.github.com/rest/actions/artifacts#get-an-artifact
        """
        return await self._opened().get(self.name, _arguments.artifact_id(artifact))

    async def delete_artifact(self, artifact: Artifact | int) -> None:
        """Delete an artifact permanently.

        If the response to an attempt is lost and GitHub answers 404 to the next one, the artifact
        counts as deleted, provided that it no longer exists and the token can see the repository.

        Raises:
            NotFound: No artifact has this id, or the token cannot see it.
            PermissionDenied: The token does not allow deleting it.

        Source: https://docs.github.com/rest/actions/artifacts#delete-an-artifact
        """
        await self._bulk().delete_one(artifact)

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
        """Download an artifact to a file and verify it.

        The payload is streamed to a hidden part file next to the target, so memory use does not
        depend on its size, and all file access happens in threads. The payload comes from a blob
        store, at a signed URL that is renewed when it expires; the token is not sent to the store.
        If the connection drops or stalls or the store returns an error, the download resumes where
        it stopped, as long as new bytes keep arriving (see `RetryPolicy`).

        The complete file is read back from the disk, and its size and SHA-256 are compared with
        those that GitHub recorded. Then the file replaces the target in one step. If GitHub
        recorded no digest, only completeness is checked. If the download fails, is cancelled or its
        process is killed, the target is unchanged (or, at the very last moment, complete), and the
        next call for the same target resumes from the bytes already received.

        Args:
            artifact: The artifact, or its id, which costs one more API call.
            destination: Path of the file, or of a directory in which to create it. A path is a
                directory if it exists as one, or is a string that ends with a separator (a `Path`
                drops the separator). In a directory, the file is named ``<artifact name>.zip``, or
                after the uploaded file if that was uploaded without zipping. Unsafe names are
                changed. Artifact names are not unique. Missing directories are created.
            if_exists: What to do if the target exists. ``"verify"`` keeps a file that has the size
                and digest that GitHub recorded, unless it is a link or belongs to another user than
                this one and root, and replaces any other file. ``"replace"`` always replaces it.
                ``"error"`` raises `TargetExists`. A symbolic link is itself replaced, and the file
                that it points to stays unchanged.
            connections: Number of concurrent connections, at most 8; None to choose it by size. If
                the store does not serve byte ranges, only one connection is used.
            wait_for_lock: Wait while another download, in this or another process, writes to the
                same target. If False, raise `TargetBusy`. Tasks of one process that wait for a
                download of the same artifact get its result as skipped, or its error.
            keep_partial: If the download fails, keep the bytes received so far for the next call.
                They are in two hidden files next to the target, whose names depend only on the
                target.
            durable: Return only after the file has been synced to disk, so that it survives a power
                loss.
            on_progress: A function that is called in the event loop, at most ten times a second and
                once after the file has been verified.

        Raises:
            ArtifactExpired: The artifact's retention period is over.
            NotFound: No artifact has this id, or the token cannot see it.
            RedirectRefused: GitHub's redirect has no target, or an insecure one.
            StoreError: The blob store refused the request.
            IncompleteDownload: The payload has too few or too many bytes.
            DigestMismatch: The bytes are not those that were uploaded.
            TargetExists: The target exists and `if_exists` is ``"error"``.
            TargetBusy: Another download writes to the target and `wait_for_lock` is False.
            DiskFull: The disk has no space for the payload.
            DiskError: The file cannot be written.
            ProgressError: `on_progress` raised an exception.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        _arguments.destination(destination)
        _arguments.callback(on_progress)
        _arguments.if_exists(if_exists)
        _arguments.connections(connections)
        _arguments.flags(wait_for_lock=wait_for_lock, keep_partial=keep_partial, durable=durable)
        context = self._opened()
        async with context.lifetime.scope():
            request = DownloadRequest(
                repository=self.name,
                artifact=await self._described(artifact),
                destination=destination,
                if_exists=if_exists,
                connections=connections,
                wait_for_lock=wait_for_lock,
                keep_partial=keep_partial,
                durable=durable,
                on_progress=on_progress,
            )
            return await context.download(request)

    def stream_artifact(
        self, artifact: Artifact | int, *, on_progress: OnProgress | None = None
    ) -> AbstractAsyncContextManager[ArtifactStream]:
        """Stream an artifact's payload in order, for example to an object store or a pipe.

        ``async with repo.stream_artifact(artifact) as stream: async for chunk in stream: …``

        The stream uses one connection and resumes like a download. If the payload turns out to be
        incomplete or wrong, the iteration raises an error instead of yielding the last chunk. Other
        requests cannot use the connection until the stream has been read or closed, so do not open
        more streams than the client may have connections before you read them.

        Args:
            artifact: The artifact, or its id, which costs one more API call.
            on_progress: Called at most ten times per second while the stream is read, and once
                when its last chunk has been verified. None for no progress reports.

        Raises:
            ArtifactExpired: The artifact's retention period is over.
            NotFound: No artifact has this id, or the token cannot see it.
            RedirectRefused: GitHub's redirect has no target, or an insecure one.
            StoreError: The blob store refused the request.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        return self._open_stream(artifact, on_progress)

    @asynccontextmanager
    async def _open_stream(
        self, artifact: Artifact | int, on_progress: OnProgress | None
    ) -> AsyncIterator[ArtifactStream]:
        context = self._opened()
        _arguments.callback(on_progress)
        artifact = await self._described(artifact)
        client = context.blob_client(self.name, artifact, whole=True)
        retrier = context.retrier()
        async with open_stream(artifact, client, retrier, context.lifetime, on_progress) as stream:
            yield stream

    def open_artifact(
        self,
        artifact: Artifact | int,
        *,
        encoding: str | None = None,
        limits: ArchiveLimits = ArchiveLimits(),
    ) -> AbstractAsyncContextManager[Archive]:
        """Open an artifact's zip to read or extract single members without downloading the rest.

        ``async with repo.open_artifact(artifact) as archive: await archive.read("report.json")``

        Reading the central directory takes one or two requests (up to three if the artifact has no
        digest), and reading a member takes one more. Requests are retried and resumed like
        downloads. Leaving the block ends all reads that are still running.

        If the store does not serve byte ranges, the whole payload is downloaded to a temporary
        directory, which needs enough space for it; a warning is logged and `Archive.downloaded` is
        True. A process that is killed may leave that directory (``ghartifacts-…``) behind.

        Args:
            artifact: The artifact, or its id, which costs one more API call.
            encoding: Encoding of the member names for which the archive does not specify one, for
                example ``"cp932"`` or ``"cp866"``. By default, these are UTF-8 if a program on
                Unix or macOS wrote them and they are valid UTF-8, and otherwise code page 437.
            limits: Limits on what may be extracted.

        Raises:
            NotAZip: The payload is not a zip.
            DamagedArchive: The central directory is inconsistent, or a name cannot be decoded.
            ArchiveLimitExceeded: The archive has more members than allowed.
            ArtifactExpired: The artifact's retention period is over.
            NotFound: No artifact has this id, or the token cannot see it.
            DownloadError: The bytes could not be downloaded.
            DiskError: The temporary download could not be written.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        return self._open_archive(artifact, encoding, limits)

    @asynccontextmanager
    async def _open_archive(
        self, artifact: Artifact | int, encoding: str | None, limits: ArchiveLimits
    ) -> AsyncIterator[Archive]:
        _arguments.of_kind(limits, ArchiveLimits)
        archives = self._archives()
        archives.check_encoding(encoding)
        artifact = await self._described(artifact)
        async with archives.open(artifact, limits, encoding) as archive:
            yield archive

    async def read_member(
        self,
        artifact: Artifact | int,
        name: str,
        *,
        max_size: int = 2**26,
        encoding: str | None = None,
        limits: ArchiveLimits = ArchiveLimits(),
    ) -> bytes:
        """Read a single member of an artifact's zip, without downloading the rest.

        To read several members, use `open_artifact`, which reads the central directory only once.

        Args:
            artifact: The artifact, or its id, which costs one more API call.
            name: The member's exact name.
            max_size: Maximum size in bytes; 64 MiB by default.
            encoding: Encoding of member names, as in `open_artifact`.
            limits: Limits on what may be extracted.

        Raises:
            MemberNotFound: The archive has no member with this name.
            ArchiveError: The payload is not a zip, or the member cannot be read; see
                `open_artifact` and `Archive.read`.
            DownloadError: The bytes could not be downloaded.
        """
        _arguments.count("max_size", max_size)
        _arguments.members((name,))
        async with self.open_artifact(artifact, encoding=encoding, limits=limits) as archive:
            return await archive.read(name, max_size=max_size)

    async def extract_artifact(
        self,
        artifact: Artifact | int,
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
        on_progress: OnProgress | None = None,
    ) -> list[Path]:
        """Download an artifact, verify it and extract it into a new directory.

        Nothing is written outside the directory. The archive is refused if it exceeds `limits`, or
        if one of the members to extract is a link or a device, has a name that leads out of the
        directory, or has a name that denotes the same file as another's on some system.
        `symlinks`, `backslashes` and `on_collision` can allow some of these. Components of a name
        that are empty or ``.`` are ignored. All file access happens in threads.

        Members are extracted into a hidden staging directory next to the target, which then becomes
        the target in one step, or in two steps if it replaces a directory. If anything fails, the
        target is unchanged and nothing is left behind. After a cancellation, the target is
        unchanged or, at the very last moment, complete. If the process is killed, the staging
        directory (``.….ghartifacts-staging``) remains. The next extraction to the same target
        resumes its download, moves a replaced directory back, and removes the rest. Extractions to
        the same target wait for each other. If the target is an empty directory whose parent cannot
        be written, the staging directory is in the target, and its files are moved one by one.

        Files get mode 0644, or 0755 if the archive marks them executable, and directories 0755,
        less the umask.

        Args:
            artifact: The artifact, or its id, which costs one more API call.
            directory: The target directory. It and missing parents are created; an empty directory
                counts as missing.
            members: The members to extract: an iterable of names, one name, or a glob pattern as in
                `Archive.glob`, such as ``"**/*.xml"``. None for all members.
            strip: Number of leading path components to remove from each name. Members with no more
                components than that are skipped.
            if_exists: What to do if the directory exists and is not empty. ``"error"`` raises
                `TargetExists`. ``"replace"`` replaces it, including its mode and owner. The old
                directory is moved aside (for a moment, the target does not exist) and then removed,
                or moved back if the new one cannot take its place. Nothing is replaced if no
                member becomes a file. A mount point, the current directory and its parents cannot
                be replaced.
            portable: Refuse names that are invalid on Windows. On Windows, these are always
                refused.
            symlinks: What to do with symbolic links. ``"error"`` refuses the archive. ``"skip"``
                leaves them out. ``"inside"`` creates those that lead to a place within the
                directory, after all files, and refuses others. Its risk: a program that later
                writes through the link changes another file of the directory.
            backslashes: ``"error"`` refuses names with backslashes. ``"separator"`` treats a
                backslash as a slash, as PowerShell 5 writes it. Its risk: on Unix, a backslash is
                an ordinary character of a name, so the file ends up in another place.
            on_collision: What to do with two names that differ only in case or in Unicode
                composition. ``"error"`` refuses them. ``"rename"`` extracts the second one as
                ``name~2.ext``. Its risk: programs that expect the recorded name do not find the
                file. Other collisions are always refused.
            encoding: Encoding of member names, as in `open_artifact`.
            limits: Limits on what may be extracted.
            on_progress: A function that is called with the progress of the download, as in
                `download_artifact`.

        Returns:
            Paths of the files and links, in the order of the archive.

        Raises:
            NotAZip: The payload is not a zip.
            DamagedArchive: The archive is inconsistent.
            UnsafeMember: A member is refused.
            UnsupportedMember: A member is encrypted, or its compression method is not supported.
            MemberNotFound: No member has one of the names or matches the pattern.
            ArchiveLimitExceeded: The archive exceeds `limits`.
            ArtifactExpired: The artifact's retention period is over.
            NotFound: No artifact has this id, or the token cannot see it.
            DownloadError: The payload could not be downloaded.
            TargetExists: The directory exists, is not empty, and `if_exists` is ``"error"``; or the
                target is not a directory.
            DiskFull: The disk has no space for the files.
            DiskError: A file cannot be written, or the directory cannot be replaced.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        archives = self._archives()
        _arguments.callback(on_progress)
        request = archives.extraction_request(
            directory,
            members=members,
            strip=strip,
            if_exists=if_exists,
            portable=portable,
            symlinks=symlinks,
            backslashes=backslashes,
            on_collision=on_collision,
            encoding=encoding,
            limits=limits,
        )
        async with self._opened().lifetime.scope():
            return await archives.extract(await self._described(artifact), request, on_progress)

    def download_artifacts(
        self,
        artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
        directory: str | os.PathLike[str],
        *,
        template: str = _arguments.DEFAULT_TEMPLATE,
        concurrency: int = 8,
        connections: int | None = None,
        if_exists: IfExists = "verify",
        durable: bool = False,
        on_progress: Callable[[BulkProgress], None] | None = None,
        on_artifact_progress: OnProgress | None = None,
    ) -> AsyncGenerator[Outcome, None]:
        """Download many artifacts concurrently and yield an outcome as each one ends.

        ``async for outcome in repo.download_artifacts(repo.list_artifacts(), "out/"): …``

        Each artifact is saved as ``<directory>/<artifact name>-<id>.zip``. If the payload is not a
        zip, the file has the extension of the uploaded file instead. Unsafe names are changed. The
        paths never collide, and a second call finds the files of the first. If an artifact fails or
        has expired, its `Outcome` contains the error, and the other downloads continue. Each
        download has one connection of its own. Large ones share eight more, so that they do not
        delay small ones.

        An artifact is taken from `artifacts` only when its download can start, so a listing may be
        endless. Closing the generator, leaving the loop or cancelling ends the running downloads
        and keeps their partial data for the next call. Use `contextlib.aclosing` to be sure that
        the generator is closed even if the loop body raises.

        Args:
            artifacts: A listing, or any iterable or async iterable of artifacts or ids; an id costs
                one more API call.
            directory: The target directory; created if missing.
            template: Path of each file without its extension, as in `mirror`. If it has no
                ``{id}``, the first artifact with a path gets it, and others whose paths would be
                equal on some file system get their id appended. So ``"{name}"`` saves ``dist.zip``
                and ``dist-1.zip``.
            concurrency: Maximum number of concurrent downloads, at most 256.
            connections: Number of connections of each download, at most 8; None to choose it by
                size and limit it for all downloads together.
            if_exists: What to do if a file exists, as in `download_artifact`.
            durable: Yield an outcome only after its file has been synced to disk, so that it
                survives a power loss.
            on_progress: A function that is called in the event loop, at most ten times a second and
                once when all downloads have ended.
            on_artifact_progress: A function that is called with the progress of each download, as
                in `download_artifact`. An artifact that arrives in one piece is not reported.

        Raises:
            ProgressError: A callback raised an exception.
            Exception: Any exception that iterating over `artifacts` raises. Errors of single
                artifacts are not raised but are in their outcomes.
        """
        return self._bulk().download(
            artifacts,
            directory,
            template=template,
            concurrency=concurrency,
            connections=connections,
            if_exists=if_exists,
            durable=durable,
            on_progress=on_progress,
            on_artifact_progress=on_artifact_progress,
        )

    def extract_artifacts(
        self,
        artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int],
        directory: str | os.PathLike[str],
        *,
        concurrency: int = 8,
        merge: bool = False,
        members: str | Iterable[str] | None = None,
        strip: int = 0,
        if_exists: IfDirectoryExists = "error",
        portable: bool = False,
        symlinks: Symlinks = "error",
        backslashes: Backslashes = "error",
        on_collision: OnCollision = "error",
        encoding: str | None = None,
        limits: ArchiveLimits = ArchiveLimits(),
        on_progress: Callable[[BulkProgress], None] | None = None,
    ) -> AsyncGenerator[Extraction, None]:
        """Extract many artifacts concurrently and yield a result as each one ends.

        ``async for extraction in repo.extract_artifacts(repo.list_run_artifacts(42), "out/"): …``

        Each artifact is extracted to ``<directory>/<artifact name>/``, as by `extract_artifact`.
        Unsafe names are changed. If several artifacts have the same name, ``-<id>`` is appended to
        the names of all but the first one. If an artifact fails or has expired, its `Extraction`
        contains the error, and the others continue. Closing the generator, leaving the loop or
        cancelling ends the running extractions. Use `contextlib.aclosing` to be sure that the
        generator is closed even if the loop body raises.

        Args:
            artifacts: A listing, or any iterable or async iterable of artifacts or ids; an id costs
                one more API call.
            directory: The directory of all artifacts; created if missing.
            concurrency: Maximum number of artifacts to extract at the same time, at most 256.
            merge: Extract all artifacts to `directory` itself, which may contain other files. No
                file is replaced: if one file of an artifact exists already, or has the same path
                as another artifact's file on some system, the whole artifact fails. Each file
                appears complete, but not all at the same time.
            members: The members to extract from each artifact, as in `extract_artifact`.
            strip: As in `extract_artifact`.
            if_exists: What to do if the directory of an artifact exists, as in `extract_artifact`.
                ``"replace"`` cannot be combined with `merge`.
            portable: As in `extract_artifact`.
            symlinks: As in `extract_artifact`.
            backslashes: As in `extract_artifact`.
            on_collision: As in `extract_artifact`.
            encoding: As in `extract_artifact`.
            limits: Limits on what each artifact may expand to.
            on_progress: A function that is called in the event loop, at most ten times a second and
                once when all extractions have ended.

        Raises:
            ProgressError: `on_progress` raised an exception.
            DiskError: `directory` cannot be created.
            Exception: Any exception that iterating over `artifacts` raises. Errors of single
                artifacts are not raised but are in their results.
        """
        request = self._archives().extraction_request(
            directory,
            members=members,
            strip=strip,
            if_exists=if_exists,
            portable=portable,
            symlinks=symlinks,
            backslashes=backslashes,
            on_collision=on_collision,
            encoding=encoding,
            limits=limits,
        )
        return self._bulk().extract(
            artifacts, request, concurrency=concurrency, merge=merge, on_progress=on_progress
        )

    def delete_artifacts(
        self, artifacts: Iterable[Artifact | int] | AsyncIterable[Artifact | int]
    ) -> AsyncGenerator[Deletion, None]:
        """Delete many artifacts permanently and yield a result as each one ends.

        ``async for deletion in repo.delete_artifacts(artifacts): …``

        Deletions are one second apart, as GitHub asks (`RateLimitPolicy.delete_interval`). An
        artifact that another client has already deleted counts as deleted, provided that the token
        can see the repository. If one deletion fails, the others continue. If you leave the loop,
        the remaining artifacts are kept.

        Args:
            artifacts: A listing, or any iterable or async iterable of artifacts or ids.

        Raises:
            Exception: Any exception that iterating over `artifacts` raises. Errors of single
                deletions are not raised but are in their results.

        Source: https://docs.github.com/rest/actions/artifacts#delete-an-artifact
        """
        return self._bulk().delete(artifacts)

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str | int | None] | None = None,
        json: object = None,
    ) -> Any:
        """Call any endpoint below ``/repos/OWNER/REPO`` with the token, and return its JSON.

        Retries, errors and the other arguments are those of `Client.request`.

        Args:
            method: HTTP method, such as ``"GET"``.
            path: Percent-encoded path below the repository's, such as ``/actions/secrets``;
                ``""`` for the repository itself.
            params: Query parameters. None leaves a parameter out.
            json: JSON to send, or None.

        Returns:
            The JSON of the response, or None if it has no body.
        """
        path = f"/repos/{self.name}" + (_arguments.request_path(path) if path else "")
        return await self._opened().api.call(endpoints.request(method, path, params, json))

    async def prune(
        self,
        *,
        older_than: timedelta | None = None,
        keep_latest: int | None = None,
        max_total_size: int | None = None,
        name: str | None = None,
        dry_run: bool = True,
        **filters: Unpack[ArtifactFilters],
    ) -> PruneReport:
        """Delete old artifacts, or by default report which ones would be deleted.

        Only artifacts that match `name` and all `filters` are considered. All of them are listed
        before the first deletion. Artifacts to delete are selected in three steps. First, of each
        name, the newest `keep_latest` artifacts that have not expired are protected. Second, all
        unprotected artifacts older than `older_than` are selected. Third, the oldest of the other
        unprotected artifacts are selected until all that are not selected, including the protected
        ones, have at most `max_total_size` bytes. If neither `older_than` nor `max_total_size` is
        given, all unprotected artifacts are selected.

        If two artifacts were created at the same time, the one with the higher id counts as newer.
        An artifact without a creation date counts as newest. An expired artifact counts as 0 bytes
        and is never protected.

        Args:
            older_than: Maximum age since creation.
            keep_latest: Number of artifacts of each name to keep in any case.
            max_total_size: Maximum total size of the artifacts that are kept, in bytes.
            name: Consider only artifacts with exactly this name.
            dry_run: Delete nothing. The report's `artifacts` are those that the same call with
                ``dry_run=False`` would delete, in that order.
            filters: Consider only artifacts that match these filters of `list_artifacts`.

        Raises:
            InvalidArgument: `older_than`, `keep_latest` and `max_total_size` are all None.
        """
        return await self._bulk().prune(
            lambda: self.list_artifacts(name, **filters),
            older_than=older_than,
            keep_latest=keep_latest,
            max_total_size=max_total_size,
            dry_run=dry_run,
        )

    async def mirror(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        template: str = _arguments.DEFAULT_TEMPLATE,
        concurrency: int = 8,
        durable: bool = False,
        on_progress: Callable[[BulkProgress], None] | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
        **filters: Unpack[ArtifactFilters],
    ) -> MirrorReport:
        """Bring a local copy of the repository's artifacts up to date.

        Existing files are not downloaded again, and files whose artifacts were deleted on GitHub
        are kept. After a first line that describes the mirror, the manifest ``artifacts.jsonl`` has
        a line of JSON for each file with its path, size, modification time and digest, and all data
        of its artifact; `ghartifacts_async.reports` shows how to read it. A file that still matches
        its line costs one file system lookup and no request. A missing or changed file is
        downloaded, unless the mirror has another file with the same digest. In that case, the new
        file is made from the other one: as a reflink, or else a hard link, or else a copy.

        If the mirror is cancelled or killed, every file at its final path is correct, and the next
        call downloads only what is still missing. If the manifest is missing, the files are
        verified by their digests. Only one call at a time can work on a directory.

        A file that other users may write to is verified by its digest in each update. So are all
        files if they may write to the directory or the manifest, and a warning is logged. A
        manifest of another user is refused. Links below the directory are not followed.

        Args:
            directory: The mirror's directory; created if missing.
            name: Mirror only artifacts with exactly this name.
            template: Path of each file without its extension: text, slashes and the fields
                ``{name}``, ``{id}``, ``{run_id}``, ``{branch}``, ``{sha}``, ``{digest}`` and
                ``{created:%Y-%m-%d}``. Characters of field values that are unsafe in a path are
                replaced. If the template does not distinguish artifacts by ``{id}``, the id is
                appended. The template of an existing mirror cannot be changed.
            concurrency: Maximum number of concurrent downloads, at most 256.
            durable: Sync each file, and then its line in the manifest, to disk before continuing,
                so that they survive a power loss. If False, the manifest is synced once at the end.
            on_progress: A function that is called in the event loop, at most ten times a second and
                once at the end.
            on_outcome: A function that is called in the event loop with the outcome of each
                artifact that is downloaded, linked or fails, but not of those whose files exist.
            filters: Mirror only artifacts that match these filters of `list_artifacts`.

        Returns:
            A report, which also contains the errors of single artifacts.

        Raises:
            TargetBusy: Another call is updating this mirror. Noticed only if the file system
                supports locks.
            InvalidArgument: The directory is the mirror of another server, or was created with
                another template.
            DiskFull: The disk had no space for many artifacts in a row.
            AuthenticationError: The token is refused. This error, `TokenProviderError`,
                `RateLimited` and `ProgressError` end the mirror. Any other error of a single
                artifact is only recorded in the report.
        """
        return await self._bulk().mirror(
            lambda: self.list_artifacts(name, **filters),
            directory,
            template=template,
            concurrency=concurrency,
            durable=durable,
            is_counted=all(value is None for value in filters.values()),
            on_progress=on_progress,
            on_outcome=on_outcome,
        )

    def _listing(
        self, call: ApiCall[ListingPage[Artifact]], criteria: Filter, concurrency: int
    ) -> ArtifactListing:
        """Return a listing, given the call for its first page and its filters."""
        concurrency = _arguments.concurrency(concurrency)
        return ArtifactListing(self._opened().api, call, criteria, concurrency=concurrency)

    def _bulk(self) -> BulkOperations:
        return _bulk_operations()(self._opened, self.name)

    def _runs(self) -> RunOperations:
        """Import the operations on runs, which many programs never use, and return them."""
        from ghartifacts_async._runs.operations import RunOperations

        return RunOperations(self._opened, self.name)

    def _archives(self) -> ArchiveOperations:
        """Import the archive operations, which many programs never use, and return them."""
        from ghartifacts_async._archive.operations import ArchiveOperations

        return ArchiveOperations(self._opened, self.name)

    async def _described(self, artifact: Artifact | int) -> Artifact:
        """Return the artifact, requesting it from GitHub if only its id is given."""
        return artifact if isinstance(artifact, Artifact) else await self.get_artifact(artifact)

    def _bound(self, opened: Callable[[], ClientContext]) -> Repo:
        """Return the same repository, bound to an open client."""
        repo = Repo(self.name, self.base_url)
        object.__setattr__(repo, "_opened", opened)
        return repo


def read_manifest(directory: str | os.PathLike[str]) -> Iterator[ManifestEntry]:
    """Yield the entries of a mirror's manifest, in the order in which they were added.

    ``for entry in read_manifest("mirror"): print(entry.path, entry.artifact.name)``

    It needs no client, makes no requests and takes no lock, so it may be called during an update.
    Reading blocks: in an event loop, use ``await asyncio.to_thread(list, read_manifest(…))``.

    Args:
        directory: Directory of the mirror of one repository; of `Client.mirror`, the directory
            ``<directory>/<owner>/<name>``.

    Raises:
        DiskError: The directory has no manifest, or it cannot be read.
    """
    return _bulk_operations().read_manifest(directory)


def _bulk_operations() -> type[BulkOperations]:
    """Import the bulk operations, which many programs never use."""
    from ghartifacts_async._bulk.operations import BulkOperations

    return BulkOperations
