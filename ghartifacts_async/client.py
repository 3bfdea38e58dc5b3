"""The façade: a `Client` for a GitHub.

What one method alone needs is imported there: a program pays for the rooms that it enters. Those of
calls and downloads are loaded in a thread while the client is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from ghartifacts_async import _arguments
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.rate_limiter import RateLimiter
from ghartifacts_async._context import ClientContext
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._http.connection_pool import check_borrowed
from ghartifacts_async._http.redaction import Secret, hidden
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async.auth import Auth, GitHubApp, auth_of
from ghartifacts_async.errors import ClientStateError, InvalidArgument
from ghartifacts_async.models import (
    ArtifactFilters,
    RateLimit,
    RateLimitPolicy,
    RetryPolicy,
    Stats,
    Timeouts,
)
from ghartifacts_async.repo import Repo

if TYPE_CHECKING:
    import aiohttp

    from ghartifacts_async.reports import BulkProgress, MirrorReport


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
        rate_limits: The pace of the calls, shared by all tasks;
            `RateLimitPolicy.unlimited()` for a GHES without limits.
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
        rate_limits: RateLimitPolicy = RateLimitPolicy(),
        timeouts: Timeouts = Timeouts(),
        conditional: bool = True,
    ) -> None:
        self._state, self._base_url = "not entered", "?"
        # The frames of an error show what their names hold.
        auth = hidden(auth)
        self._base_url = _arguments.base_url(base_url)
        if session is not None:
            check_borrowed(session)
        for value, kind in (
            (retry, RetryPolicy),
            (rate_limits, RateLimitPolicy),
            (timeouts, Timeouts),
        ):
            _arguments.of_kind(value, kind)
        if isinstance(auth, GitHubApp):
            auth.bind(self._base_url)
        transport = Transport(
            session,
            user_agent=_arguments.header_value("user_agent", user_agent or _user_agent()),
            timeouts=timeouts,
        )
        lifetime = Lifetime()
        self._api = ApiClient(
            transport,
            auth_of(auth).token,
            RateLimiter(rate_limits, time.time, bounded=transport.pool.bounded),
            retry,
            lifetime,
            base_url=self._base_url,
            api_version=_arguments.header_value("api_version", api_version),
            conditional=conditional,
        )
        self._parts = ClientContext(
            self._base_url, self._api, transport, IoThreads(), lifetime, retry
        )

    @classmethod
    def from_env(
        cls,
        *,
        session: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        rate_limits: RateLimitPolicy = RateLimitPolicy(),
        timeouts: Timeouts = Timeouts(),
    ) -> Self:
        """A client as the environment describes it.

        The token is ``GH_TOKEN``, or else ``GITHUB_TOKEN``. The API is at ``GITHUB_API_URL`` (set
        in every workflow), or else on the host ``GH_HOST``, or else on github.com.

        Args:
            session: A session to borrow; this and the others as in `Client`.
            retry: How often and how long a call is tried.
            rate_limits: The pace of the calls.
            timeouts: How long to wait.

        Raises:
            InvalidArgument: There is no token, or one of them cannot be right.
        """
        token = Secret(os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN") or "")
        if not token:
            raise InvalidArgument("neither GH_TOKEN nor GITHUB_TOKEN is set; one holds the token")
        url = os.environ.get("GITHUB_API_URL")
        if not url:
            url = _arguments.base_url_of_host(os.environ.get("GH_HOST") or "github.com")
        return cls(
            token,
            base_url=url,
            session=session,
            retry=retry,
            rate_limits=rate_limits,
            timeouts=timeouts,
        )

    def repo(self, name: str | Repo) -> Repo:
        """The repository ``owner/name``, or one that came out of a pickle. Nothing is asked.

        Raises:
            InvalidArgument: The name cannot be right, or it is of another server.
        """
        if isinstance(name, Repo):
            if name.base_url != self._base_url:
                raise InvalidArgument(
                    f"{name.name} is of {name.base_url}, this client of {self._base_url}"
                )
            name = name.name
        return Repo(_arguments.repository(name), self._base_url)._bound(self._opened)

    async def mirror(
        self,
        repositories: Iterable[str | Repo],
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        template: str = _arguments.DEFAULT_TEMPLATE,
        concurrency: int = 8,
        durable: bool = False,
        on_progress: Callable[[BulkProgress], None] | None = None,
        **filters: Unpack[ArtifactFilters],
    ) -> MirrorReport:
        """Mirror several repositories, each into ``<directory>/<owner>/<name>/``.

        One set of tasks, connections and limits serves all of them. Up to eight take turns, an
        artifact each, so that none waits for the largest to end. One that cannot be listed, or is
        being mirrored by another, is told of in the report and stops nothing.

        Args:
            repositories: ``owner/name`` each; one that is named twice is mirrored once.
            directory: Above all of them.
            name: As of `Repo.mirror`, as are all that follow.
            template: Of each mirror.
            concurrency: How many downloads at a time, of all together.
            durable: Whether what is done survives a loss of power.
            on_progress: Told of all together.
            filters: Which artifacts of each.

        Raises:
            DiskFull: As of `Repo.mirror`, like the others that end all of it.
        """
        from ghartifacts_async._bulk.mirror import mirror
        from ghartifacts_async._bulk.path_template import PathTemplate
        from ghartifacts_async._download.progress import check_callback
        from ghartifacts_async._download.target import check_destination

        check_destination(directory)
        check_callback(on_progress)
        if isinstance(repositories, str | Repo):
            raise InvalidArgument("repositories is an iterable of them; Repo.mirror takes one")
        # GitHub knows no two names that differ in case alone.
        named: dict[str, Repo] = {}
        for repo in map(self.repo, repositories):
            named.setdefault(repo.name.lower(), repo)
        paths = PathTemplate(template)
        mirrors = [
            repo._mirror(Path(directory, repo.name), paths, name, durable, filters)
            for repo in named.values()
        ]
        return await mirror(
            mirrors,
            self._opened().lifetime,
            concurrency=_arguments.concurrency(concurrency),
            alone=False,
            on_progress=on_progress,
        )

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary rate limit as GitHub last told it; ``None`` before, or where it has none."""
        return self._api.rate_limit

    @property
    def stats(self) -> Stats:
        """What this client has done so far."""
        return self._api.stats

    async def __aenter__(self) -> Self:
        if self._state != "not entered":
            raise ClientStateError(f"this client is {self._state}; make a new one for each use")
        await self._parts.transport.open()
        self._state = "open"
        try:
            await self._parts.load()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._state = "closed"
        self._parts.lifetime.close()
        try:
            await self._parts.transport.close()
        finally:
            await self._parts.disk.close()

    def __repr__(self) -> str:
        return f"<Client of {self._base_url}, {self._state}>"

    def _opened(self) -> ClientContext:
        if self._state != "open":
            raise ClientStateError(f"this client is {self._state}; use it in 'async with Client()'")
        return self._parts


def _user_agent() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ghartifacts_async/{version('ghartifacts_async')}"
    except PackageNotFoundError:
        return "ghartifacts_async"
