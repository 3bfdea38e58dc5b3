"""The façade: a `Client` for a GitHub, a `Repo` for a repository of it."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from ghartifacts_async._disk import Disk
from ghartifacts_async._download import OnProgress, check_callback, check_destination, download
from ghartifacts_async._lifetime import Lifetime
from ghartifacts_async._limiter import Limiter
from ghartifacts_async._listing import ArtifactListing
from ghartifacts_async._sansio import arguments, calls
from ghartifacts_async._sansio.secret import Secret, hidden
from ghartifacts_async._session import Session
from ghartifacts_async._transport import Transport, check_borrowed
from ghartifacts_async.auth import Auth, GitHubApp, auth_of
from ghartifacts_async.errors import ClientStateError, InvalidArgument
from ghartifacts_async.models import (
    Artifact,
    Direction,
    Download,
    Limits,
    RateLimit,
    RetryPolicy,
    Stats,
    Timeouts,
)

if TYPE_CHECKING:
    import aiohttp


class Client:
    """A session with one GitHub: github.com, a data-residency host, or an Enterprise Server.

    Use it once, as ``async with Client(…) as gh``; many tasks may share it.

    Args:
        auth: A token, an `Auth`, an async callable that returns a token, or ``None`` for
            anonymous calls. Downloads need a token, also from public repositories.
        base_url: Of the API: ``https://api.github.com``, ``https://HOST/api/v3`` for GHES, or
            ``https://api.SUB.ghe.com`` for data residency.
        api_version: Sent as ``X-GitHub-Api-Version``.
        session: A session to borrow: its connection pool, proxy and trace configs are used, its
            default headers, cookies, netrc and middlewares are not. It is never closed. ``None``
            for one of our own.
        user_agent: Sent with every request; GitHub asks for the name of the application.
        retry: How often and how long a call is tried.
        limits: The pace of the calls, shared by all tasks; `Limits.off()` for a GHES without.
        timeouts: How long to wait.
        conditional: Whether the last answers of `get_artifact` and of first pages are kept in
            memory and asked after with their ``ETag``: what has not changed costs nothing of
            the primary limit.

    Raises:
        InvalidArgument: An argument cannot be right, or `session` holds default credentials.
    """

    def __init__(
        self,
        auth: Auth | str | Callable[[], Awaitable[str]] | None = None,
        *,
        base_url: str = "https://api.github.com",
        api_version: str = "2026-03-10",
        session: aiohttp.ClientSession | None = None,
        user_agent: str | None = None,
        retry: RetryPolicy = RetryPolicy(),
        limits: Limits = Limits(),
        timeouts: Timeouts = Timeouts(),
        conditional: bool = True,
    ) -> None:
        self._state, self._base_url = "not entered", "?"
        # The frames of an error show what their names hold.
        auth = hidden(auth)
        self._base_url = arguments.base_url(base_url)
        if session is not None:
            check_borrowed(session)
        for value, kind in ((retry, RetryPolicy), (limits, Limits), (timeouts, Timeouts)):
            arguments.of_kind(value, kind)
        if isinstance(auth, GitHubApp):
            auth.bind(self._base_url)
        self._transport = Transport(
            session,
            user_agent=arguments.header_value("user_agent", user_agent or _user_agent()),
            timeouts=timeouts,
        )
        self._disk = Disk()
        self._lifetime = Lifetime()
        self._session = Session(
            self._transport,
            auth_of(auth),
            Limiter(limits, time.time),
            retry,
            self._lifetime,
            base_url=self._base_url,
            api_version=arguments.header_value("api_version", api_version),
            conditional=conditional,
        )

    @classmethod
    def from_env(
        cls,
        *,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        limits: Limits = Limits(),
        timeouts: Timeouts = Timeouts(),
    ) -> Self:
        """A client as the environment describes it.

        The token is ``GH_TOKEN``, or else ``GITHUB_TOKEN``. The API is at ``GITHUB_API_URL`` (set
        in every workflow), or else on the host ``GH_HOST``, or else on github.com.

        Args:
            session: A session to borrow; this and the others as in `Client`.
            retry: How often and how long a call is tried.
            limits: The pace of the calls.
            timeouts: How long to wait.

        Raises:
            InvalidArgument: There is no token, or one of them cannot be right.
        """
        token = Secret(os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN") or "")
        if not token:
            raise InvalidArgument("neither GH_TOKEN nor GITHUB_TOKEN is set; one holds the token")
        url = os.environ.get("GITHUB_API_URL")
        if not url:
            url = arguments.base_url_of_host(os.environ.get("GH_HOST") or "github.com")
        return cls(
            token, base_url=url, session=session, retry=retry, limits=limits, timeouts=timeouts
        )

    def repo(self, name: str) -> Repo:
        """The repository ``owner/name``, or an `InvalidArgument`. Nothing is asked."""
        return Repo(arguments.repository(name), self)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary rate limit as GitHub last told it; ``None`` before, or where it has none."""
        return self._session.rate_limit

    @property
    def stats(self) -> Stats:
        """What this client has done so far."""
        return self._session.stats

    async def __aenter__(self) -> Self:
        if self._state != "not entered":
            raise ClientStateError(f"this client is {self._state}; make a new one for each use")
        await self._transport.open()
        self._state = "open"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._state = "closed"
        self._lifetime.close()
        try:
            await self._transport.close()
        finally:
            await self._disk.close()

    def __repr__(self) -> str:
        return f"<Client of {self._base_url}, {self._state}>"

    def _opened(self) -> tuple[Session, Transport, Disk]:
        if self._state != "open":
            raise ClientStateError(f"this client is {self._state}; use it in 'async with Client()'")
        return self._session, self._transport, self._disk


def _user_agent() -> str:
    try:
        return f"ghartifacts_async/{version('ghartifacts_async')}"
    except PackageNotFoundError:
        return "ghartifacts_async"


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
    _client: Client = field(eq=False)

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
        return ArtifactListing(self._client._opened()[0], call)

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
        return ArtifactListing(self._client._opened()[0], call)

    async def get_artifact(self, artifact: Artifact | int) -> Artifact:
        """The artifact as it is now.

        Raises:
            NotFound: There is none of this id, or the token may not see it.

        Source: https://docs.github.com/rest/actions/artifacts#get-an-artifact
        """
        session, _, _ = self._client._opened()
        call = calls.get_artifact(self.name, arguments.artifact_id(artifact))
        return calls.read_artifact(call, await session.call(call))

    async def delete_artifact(self, artifact: Artifact | int) -> None:
        """Delete an artifact, for good.

        Raises:
            NotFound: There is none of this id, or the token may not see it.
            PermissionDenied: The token may not delete it.

        Source: https://docs.github.com/rest/actions/artifacts#delete-an-artifact
        """
        session, _, _ = self._client._opened()
        call = calls.delete_artifact(self.name, arguments.artifact_id(artifact))
        calls.check_deleted(call, await session.call(call))

    async def download_artifact(
        self,
        artifact: Artifact | int,
        destination: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """Stream an artifact's payload to a file, verified; memory stays flat at any size.

        The signed URL is fetched at once, without the token. The bytes go to a part file beside
        the target, in threads; their number and their SHA-256, read back from the disk, are
        checked before the file takes the target's place in one step. Whatever goes wrong, and
        when cancelled, the target is untouched and the part file is removed; only a cancellation
        in the very moment of that step may find an older file replaced, by the whole new one.

        Args:
            artifact: Which; an id costs a call more, for size and digest.
            destination: A file; or a directory, existing or a str with a separator at its end
                (a `Path` keeps none), which gets ``<artifact name>.zip`` or, for a payload that
                is not a zip, a file of its own name, made safe. A file that is there is replaced,
                and names are not unique. Directories are made as needed, and stay.
            on_progress: Called in the event loop, at most ten times a second, the last time at
                the verified end.

        Raises:
            ArtifactExpired: Its retention is over.
            NotFound: There is none of this id, or the token may not see it.
            RedirectRefused: GitHub names no target, or an insecure one.
            StoreError: The blob store refuses.
            IncompleteDownload: Bytes are missing, or too many.
            DigestMismatch: The bytes are not those that were uploaded.
            DiskError: The file cannot be written.
            ProgressError: `on_progress` raised.

        Source: https://docs.github.com/rest/actions/artifacts#download-an-artifact
        """
        check_destination(destination)
        check_callback(on_progress)
        if not isinstance(artifact, Artifact):
            artifact = await self.get_artifact(artifact)
        call = calls.download_artifact(self.name, artifact.id)
        opened = self._client._opened()
        return await download(*opened, call, artifact, destination, on_progress)
