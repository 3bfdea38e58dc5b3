"""A client of one GitHub server, its limits and its connections: the class `Client`.

A `Client` is used once, by any number of tasks of one event loop. Short programs open it with
``async with``. A service opens one client when it starts, and closes it when it ends:

```python
from ghartifacts_async import Client

gh = await Client.from_env(user_agent="octo-dashboard/1.2").open()
try:
    print(await gh.repo("octo-org/octo-docs").list_artifacts().total_count())
finally:
    await gh.aclose()
```

Before you close it, end the tasks that use it. A call that is still running raises a
`ClientStateError`.

`Client.from_env` takes the server and the token from environment variables, by the rules of the
GitHub CLI. `Client` takes them as arguments; `ghartifacts_async.auth` describes tokens.

## Enterprise Server

`Client.from_env` finds an Enterprise Server by these variables. As an argument of `Client`, its
``base_url`` is ``https://HOST/api/v3``:

```sh
export GH_HOST=github.example.com GH_ENTERPRISE_TOKEN=ghp_…
```

A server that does not know the API version is called with an older one. If rate limits are disabled
on the server, pass ``rate_limits=RateLimitPolicy.unlimited()``.

## Rate limits and retries

All tasks of a client share one rate limiter. With its defaults, it stays below the limits that
GitHub documents. If GitHub asks the client to wait, all calls wait. A wait of more than five
seconds is logged as a warning, passed to `on_wait`, and visible as `Stats.waiting`.

```python
from ghartifacts_async import Client, RateLimitPolicy, RetryPolicy, Timeouts

async with Client.from_env(
    retry=RetryPolicy(attempts=4, timeout=60),
    rate_limits=RateLimitPolicy(concurrent_requests=20, max_wait=300),
    timeouts=Timeouts(stall=15),
    on_wait=lambda wait: print(f"waiting {wait.seconds:.0f} s: {wait.reason}"),
) as gh:
    await gh.repo("octo-org/octo-docs").get_artifact(11)
    print(gh.rate_limit, gh.stats)
```

A call that would have to wait longer than `max_wait` raises `RateLimited`. The default is an hour,
so pass less where a user waits for the result. Each process has a limiter of its own. If several
processes use the same token, divide `points_per_minute` and `concurrent_requests` among them.

Connection errors, timeouts and temporary errors of the server are retried. A download resumes
instead, and may take as long as bytes keep arriving. To limit the duration of a whole operation,
cancel it; the next download of the same file resumes:

```python
import asyncio

async with asyncio.timeout(30):
    await repo.download_artifact(11, "out/")
```

Responses that GitHub says are unchanged do not count against the primary rate limit, so polling
`Repo.get_artifact` or the start of a listing is cheap.

## Proxies and TLS

`Client.from_env` uses the proxies of ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``; pass
``trust_env=True`` to `Client` for the same. In a corporate network, set the proxy, with its
credentials if it needs any:

```sh
export HTTPS_PROXY=http://user:password@proxy.example:3128 NO_PROXY=.intranet.example
```

If the proxy inspects TLS, or your Enterprise Server has a certificate of the company's own
authority, set ``SSL_CERT_FILE`` to a file with all authorities that you trust, or trust this one in
addition to the usual ones:

```python
import ssl

from ghartifacts_async import Client

context = ssl.create_default_context()
context.load_verify_locations("company-ca.pem")
async with Client.from_env(ssl=context) as gh:
    print(await gh.repo("octo-org/octo-docs").list_artifacts().first())
```

To share connections with the rest of your program, pass an aiohttp session. The client uses its
connection pool, its proxy and its trace configurations, never its headers or cookies, and does not
close it:

```python
import aiohttp

from ghartifacts_async import Client

async with aiohttp.ClientSession() as session, Client.from_env(session=session) as gh:
    print(await gh.repo("octo-org/octo-docs").list_artifacts().first())
```

## Other endpoints

`Client.request` calls any endpoint with the client's token, rate limits, retries and errors:

```python
info = await gh.request("GET", "/repos/octo-org/octo-docs")
print(info["default_branch"])
```
"""

from __future__ import annotations

import os
import ssl as ssl_module
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import copy
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack
from weakref import WeakValueDictionary

from attrs import evolve

from ghartifacts_async import _arguments
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.client import ApiClient
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async._api.rate_limiter import RateLimiter
from ghartifacts_async._context import ClientContext
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async._http.connection_pool import ConnectionPool, check_borrowed
from ghartifacts_async._http.redaction import hidden
from ghartifacts_async._http.transport import Transport
from ghartifacts_async._tasks.lifetime import Lifetime
from ghartifacts_async._tasks.open_files import max_open_files
from ghartifacts_async.auth import Anonymous, Auth, GitHubApp, Token
from ghartifacts_async.auth.environment import base_url_in, repository_in, token_in
from ghartifacts_async.auth.tokens import auth_of
from ghartifacts_async.errors import ClientStateError, InvalidArgument
from ghartifacts_async.models import (
    ArtifactFilters,
    RateLimit,
    RateLimitPolicy,
    RetryPolicy,
    Stats,
    Timeouts,
    Wait,
)
from ghartifacts_async.repo import Repo

if TYPE_CHECKING:
    import aiohttp

    from ghartifacts_async.reports import BulkProgress, MirrorReport, Outcome


_MAX_INSTALLATIONS = 250
"""Number of clients of installations that are kept although the program does not use them."""


class Client:
    """A client of one GitHub server: github.com, a data-residency host or an Enterprise Server.

    Use each client once, as ``async with Client(…) as gh``, or between `open` and `aclose`. Many
    tasks may share it, but only on the event loop on which it was opened.

    Args:
        auth: A token, an `Auth`, an async callable that returns a token, or `Anonymous()` for calls
            without a token. Downloading requires a token, even for public repositories. An empty
            token, as of an environment variable that is not set, is refused.
        base_url: Base URL of the API: ``https://api.github.com``, ``https://HOST/api/v3`` for
            Enterprise Server, or ``https://api.SUB.ghe.com`` for data residency.
        api_version: Value of the header ``X-GitHub-Api-Version``.
        session: An aiohttp session to borrow. Its connection pool, proxy and trace configurations
            are used; its default headers, cookies, netrc and middlewares are not. The client never
            closes it. None for a session of the client's own.
        trust_env: Use the proxies that ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` name, with
            the credentials in their URLs. netrc is never read. Not with `session`.
        ssl: TLS settings, for example with the certificate of a company's own authority; None for
            the default ones. Not with `session`.
        user_agent: Value of the header ``User-Agent``. GitHub asks for the application's name. None
            for the name and version of this library.
        retry: How often and for how long calls and downloads are retried.
        rate_limits: The pace of API calls, shared by all tasks. Use `RateLimitPolicy.unlimited()`
            for an Enterprise Server without limits.
        timeouts: Timeouts of connections, calls and downloads.
        conditional: Keep the latest responses to `get_artifact` and the latest first pages of
            listings in memory, and send their ``ETag`` with the next request for the same data. If
            the data is unchanged (304), the request does not count against the primary rate limit.
        on_wait: A function that is called in the event loop when calls begin to wait for more than
            five seconds, once for each wait. Each such wait is also logged as a warning.

    Raises:
        InvalidArgument: An argument is invalid, or `session` has default credentials.
    """

    def __init__(
        self,
        auth: Auth | str | Callable[[], Awaitable[str]] = "",
        *,
        base_url: str = "https://api.github.com",
        api_version: str = "2026-03-10",
        session: aiohttp.ClientSession | None = None,
        trust_env: bool = False,
        ssl: ssl_module.SSLContext | None = None,
        user_agent: str | None = None,
        retry: RetryPolicy = RetryPolicy(),
        rate_limits: RateLimitPolicy = RateLimitPolicy(),
        timeouts: Timeouts = Timeouts(),
        conditional: bool = True,
        on_wait: Callable[[Wait], object] | None = None,
    ) -> None:
        self._state, self._base_url = "not open yet", "?"
        self._parent: Client | None = None
        # Tracebacks with local variables must not show the token.
        auth = hidden(auth)
        self._base_url = _arguments.base_url(base_url)
        if session is not None:
            check_borrowed(session)
            if trust_env or ssl is not None:
                raise InvalidArgument(
                    "trust_env and ssl cannot be combined with session; set them in the session"
                )
        if ssl is not None:
            _arguments.of_kind(ssl, ssl_module.SSLContext)
        for value, kind in (
            (retry, RetryPolicy),
            (rate_limits, RateLimitPolicy),
            (timeouts, Timeouts),
        ):
            _arguments.of_kind(value, kind)
        _arguments.callback(on_wait, "on_wait")
        _arguments.flags(trust_env=trust_env, conditional=conditional)
        transport = Transport(
            session,
            pool=ConnectionPool(session, trust_env=trust_env, max_open_files=max_open_files()),
            user_agent=_arguments.header_value("user_agent", user_agent or _user_agent()),
            timeouts=timeouts,
            ssl_context=ssl,
        )
        lifetime = Lifetime()
        api_version = _arguments.header_value("api_version", api_version)

        def api_for(source: Auth) -> ApiClient:
            app = source if isinstance(source, GitHubApp) else None
            if app is not None:
                app.bind(self._base_url)
            return ApiClient(
                transport,
                source.token,
                RateLimiter(
                    rate_limits,
                    time.time,
                    bounded=transport.pool.bounded,
                    waits=WaitReporter(on_wait),
                ),
                retry,
                lifetime,
                base_url=self._base_url,
                api_version=api_version,
                conditional=conditional,
                one_account=isinstance(source, Token | GitHubApp | Anonymous),
                token_is_new=app.token_is_new if app is not None else lambda _, __: False,
            )

        self._auth, self._api_for = auth_of(auth), api_for
        self._api = api_for(self._auth)
        self._installations = WeakValueDictionary[int, Client]()
        self._recent_installations = deque[Client](maxlen=_MAX_INSTALLATIONS)
        self._context = ClientContext(
            self._base_url, self._api, transport, IoThreads(), lifetime, retry
        )

    @classmethod
    def from_env(
        cls,
        auth: Auth | str | Callable[[], Awaitable[str]] | None = None,
        *,
        base_url: str | None = None,
        api_version: str = "2026-03-10",
        session: aiohttp.ClientSession | None = None,
        trust_env: bool | None = None,
        ssl: ssl_module.SSLContext | None = None,
        user_agent: str | None = None,
        retry: RetryPolicy = RetryPolicy(),
        rate_limits: RateLimitPolicy = RateLimitPolicy(),
        timeouts: Timeouts = Timeouts(),
        conditional: bool = True,
        on_wait: Callable[[Wait], object] | None = None,
    ) -> Self:
        """Create a client from environment variables, by the rules of the GitHub CLI.

        The server is ``GH_HOST``, or else that of ``GITHUB_API_URL`` (set in every workflow), or
        else github.com. The token for github.com and data-residency hosts is ``GH_TOKEN``, or else
        ``GITHUB_TOKEN``. For an Enterprise Server it is ``GH_ENTERPRISE_TOKEN``, or else
        ``GITHUB_ENTERPRISE_TOKEN``. In a workflow, ``GITHUB_TOKEN`` belongs to the server that runs
        the workflow, also if that is an Enterprise Server. A token is never sent to another server.
        Only a server on this machine, such as FakeGitHub, gets any of these tokens.

        Args:
            auth: As for `Client`; None to take the token from the environment.
            base_url: Base URL of the API; None to take the server from the environment.
            api_version: Value of the header ``X-GitHub-Api-Version``.
            session: An aiohttp session to borrow; see `Client`.
            trust_env: Whether to use the proxies that environment variables name; see `Client`.
                None to use them, unless a `session` is borrowed.
            ssl: TLS settings; see `Client`.
            user_agent: Value of the header ``User-Agent``; see `Client`.
            retry: How often and for how long calls and downloads are retried.
            rate_limits: The pace of API calls.
            timeouts: Timeouts of connections, calls and downloads.
            conditional: Whether to revalidate responses with their ``ETag``; see `Client`.
            on_wait: A function that is called when calls begin to wait; see `Client`.

        Raises:
            NoToken: No variable contains a token for this server.
            InvalidArgument: A variable has an invalid value.
        """
        hidden_auth: Any = hidden(auth)
        auth = None  # Tracebacks with local variables must not show the token.
        if base_url is None:
            base_url = base_url_in(os.getenv)
        if hidden_auth is None:
            hidden_auth = token_in(os.getenv, _arguments.base_url(base_url))
        return cls(
            hidden_auth,
            base_url=base_url,
            api_version=api_version,
            session=session,
            trust_env=session is None if trust_env is None else trust_env,
            ssl=ssl,
            user_agent=user_agent,
            retry=retry,
            rate_limits=rate_limits,
            timeouts=timeouts,
            conditional=conditional,
            on_wait=on_wait,
        )

    def repo(self, name: str | Repo | None = None) -> Repo:
        """Return a repository. No request is made, so it need not exist.

        Args:
            name: ``owner/name``, or a `Repo` that was unpickled or restored with `from_json`. None
                for the repository of the workflow that this program runs in
                (``GITHUB_REPOSITORY``).

        Raises:
            InvalidArgument: The name is invalid, no name is passed and ``GITHUB_REPOSITORY`` is not
                set or is invalid, or the `Repo` belongs to another server.
        """
        if name is None:
            name = repository_in(os.environ.get)
        if isinstance(name, Repo):
            if name.base_url != self._base_url:
                raise InvalidArgument(
                    f"{name.name} belongs to {name.base_url}, but this is a client of "
                    f"{self._base_url}"
                )
            name = name.name
        return Repo(_arguments.repository(name), self._base_url)._bound(self._opened)

    def for_installation(self, installation_id: int | str) -> Client:
        """Return a client of another installation of the same GitHub App.

        Each installation has its own token, rate limits and cache, but all share the connections of
        this client and are closed with it. The same installation gets the same client again while
        the program uses it, or while it is one of the 250 that were asked for last.

        Args:
            installation_id: Id of the installation, such as `webhooks.Event.installation_id`.

        Raises:
            InvalidArgument: This client does not authenticate as a `GitHubApp`, or the id is
                invalid.
        """
        if self._parent is not None:
            return self._parent.for_installation(installation_id)
        if not isinstance(self._auth, GitHubApp):
            raise InvalidArgument("for_installation needs a client whose auth is a GitHubApp")
        number = _arguments.installation_id(installation_id)
        client = self._installations.get(number)
        if client is None:
            client = copy(self)
            client._auth, client._parent = self._auth.for_installation(number), self
            client._api = self._api_for(client._auth)
            client._context = evolve(self._context, api=client._api)
            self._installations[number] = client
        if client in self._recent_installations:
            self._recent_installations.remove(client)
        self._recent_installations.append(client)
        return client

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
        on_outcome: Callable[[Outcome], object] | None = None,
        **filters: Unpack[ArtifactFilters],
    ) -> MirrorReport:
        """Mirror several repositories, each into ``<directory>/<owner>/<name>/``.

        All repositories share one set of tasks, connections and rate limits. Up to eight of them
        take turns, one artifact each, so that small repositories need not wait for large ones. If a
        repository cannot be listed, or another call is mirroring it, the error is recorded in the
        report, and the other repositories are still mirrored.

        The arguments after `directory` are those of `Repo.mirror`.

        Args:
            repositories: Repositories, or their names ``owner/name``. Duplicates are mirrored once.
            directory: The directory that contains all mirrors.
            name: Mirror only artifacts with exactly this name.
            template: Path template of each mirror.
            concurrency: Maximum number of concurrent downloads, for all repositories together.
            durable: Make files and manifests safe from a power loss.
            on_progress: A function that is called with the progress of all repositories together.
            on_outcome: A function that is called with the outcome of each artifact that is
                downloaded, linked or fails.
            filters: Mirror only artifacts that match these filters.

        Returns:
            One report on all repositories.

        Raises:
            DiskFull: The disk had no space for many artifacts in a row.
            AuthenticationError: The token is refused. `Repo.mirror` names the other errors that
                end a mirror.
        """
        from ghartifacts_async._bulk.operations import mirror_repositories

        _arguments.destination(directory)
        _arguments.callback(on_progress)
        _arguments.callback(on_outcome, "on_outcome")
        if isinstance(repositories, str | Repo):
            raise InvalidArgument(
                "repositories must be an iterable; use Repo.mirror for a single repository"
            )
        # GitHub ignores case in the names of owners and repositories.
        unique: dict[str, Repo] = {}
        for repo in map(self.repo, repositories):
            unique.setdefault(repo.name.lower(), repo)
        return await mirror_repositories(
            self._opened(),
            {repo.name: repo.list_artifacts(name, **filters) for repo in unique.values()},
            directory,
            template=template,
            concurrency=concurrency,
            durable=durable,
            is_counted=all(value is None for value in filters.values()),
            on_progress=on_progress,
            on_outcome=on_outcome,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | None] | None = None,
        json: object = None,
    ) -> Any:
        """Call any endpoint of the API with the client's token, and return its JSON.

        Use it for endpoints that have no method of their own. Rate limits, errors and the renewal
        of the token are those of all calls. Temporary failures are retried only for GET, HEAD, PUT
        and DELETE, because a POST or PATCH may have been executed although it failed. After a
        DELETE, `NotFound.may_have_worked` tells whether a lost attempt may have been executed.

        Args:
            method: HTTP method, such as ``"GET"``.
            path: Percent-encoded path below the API's base URL, such as ``/orgs/octo-org``. It may
                begin with the base URL, as GitHub's links do; any other URL is refused.
            params: Query parameters. None leaves a parameter out.
            json: JSON to send, or None.

        Returns:
            The JSON of the response, or None if it has no body.

        Raises:
            InvalidArgument: An argument is invalid.
            GitHubError: GitHub refused the call, or the response is not JSON or has more than
                250,000 values.
            RedirectRefused: The response redirects to another server, which would get the token.
            TransportError: No complete response arrived.
        """
        path = _arguments.request_path(path, self._base_url)
        return await self._opened().api.call(endpoints.request(method, path, params, json))

    @property
    def rate_limit(self) -> RateLimit | None:
        """The primary rate limit of calls for artifacts that GitHub last reported, or None."""
        return self._api.rate_limit

    @property
    def stats(self) -> Stats:
        """Counts of what this client has done so far."""
        return self._api.stats

    async def open(self) -> Self:
        """Open the client, as ``async with`` does. Close it with `aclose`.

        For services that have a hook for their start and one for their end. The client belongs to
        the event loop that is running now.

        Raises:
            ClientStateError: The client is open or was closed.
        """
        if self._parent is not None:
            raise ClientStateError(
                "the client of an installation is opened and closed with the client of its app"
            )
        if self._state != "not open yet":
            raise ClientStateError(
                f"this client is {self._state}; create a new client for each use"
            )
        self._context.lifetime.open()
        await self._context.transport.open()
        self._state = "open"
        try:
            await self._context.load()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """Close the client. Calls that are still running raise `ClientStateError`.

        Closing a client again, or one that was never opened, does nothing else. Closing the client
        of an installation has no effect.

        Raises:
            ClientStateError: The client was opened on another event loop.
        """
        if self._parent is not None:
            return
        self._context.lifetime.check_loop()
        self._state = "closed"
        self._context.lifetime.close()
        try:
            await self._context.transport.close()
        finally:
            await self._context.threads.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Client of {self._base_url}, {(self._parent or self)._state}>"

    def _opened(self) -> ClientContext:
        state = (self._parent or self)._state
        if state != "open":
            raise ClientStateError(
                f"this client is {state}; use it inside 'async with Client(…)', or between "
                "open() and aclose()"
            )
        return self._context


def _user_agent() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ghartifacts_async/{version('ghartifacts_async')}"
    except PackageNotFoundError:
        return "ghartifacts_async"
