"""Where the token of a call comes from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from importlib.util import find_spec
from inspect import isawaitable, iscoroutinefunction
from typing import Protocol, runtime_checkable

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCaller
from ghartifacts_async._api.endpoints import create_installation_token, find_installation
from ghartifacts_async._http.redaction import Secret, hidden
from ghartifacts_async.errors import ArtifactsError, InvalidArgument, TokenProviderError


@runtime_checkable
class Auth(Protocol):
    """A source of tokens. Most are better written as an async callable that returns one."""

    async def token(self, ask: ApiCaller, rejected: str | None) -> str | None:
        """The token for the next call, ``None`` to make it without one.

        Args:
            ask: Makes an API call with another token, for those who trade one for another.
            rejected: The token that GitHub has just refused, if any: to return it once more is
                to say that there is no other.
        """


class Token:
    """A personal access token, an installation token, or a workflow's ``GITHUB_TOKEN``.

    Args:
        value: The token itself; never shown again.

    Raises:
        InvalidArgument: It is empty, or holds what no header can carry.
    """

    def __init__(self, value: str) -> None:
        value = hidden(value)
        self._value = _arguments.token(value)

    async def token(self, ask: ApiCaller, rejected: str | None) -> str:  # noqa: ARG002
        """The token."""
        return self._value

    def __repr__(self) -> str:
        return "Token(***)"


class TokenProvider:
    """Asks an async callable for a token before each call, and once more after a 401.

    Args:
        provide: Returns a valid token; it is expected to cache one itself.
    """

    def __init__(self, provide: Callable[[], Awaitable[str]]) -> None:
        self._provide = provide

    async def token(self, ask: ApiCaller, rejected: str | None) -> str:  # noqa: ARG002
        """The token of the moment.

        Raises:
            InvalidArgument: The provider is not async, or returned something that is no token.
            TokenProviderError: The provider raised.
        """
        try:
            provided = hidden(self._provide())
            if not isawaitable(provided):
                raise InvalidArgument("the token provider is not async: it returned no awaitable")
            value = hidden(await provided)
        except ArtifactsError:
            raise
        except Exception as error:
            raise TokenProviderError(f"the token provider raised {type(error).__name__}") from error
        return _arguments.token(value)

    def __repr__(self) -> str:
        return "TokenProvider(***)"


class Anonymous:
    """No token: enough to list and get on public repositories, 60 calls an hour."""

    async def token(self, ask: ApiCaller, rejected: str | None) -> None:
        """``None``."""

    def __repr__(self) -> str:
        return "Anonymous()"


class GitHubApp:
    """An installation of a GitHub App (extra ``app``).

    Its installation token is minted when it is first needed, shared by all tasks, and renewed a
    minute before it ends, or when GitHub refuses it. It serves the clients of one server.

    Args:
        app_id: The app's id, or its client id.
        private_key: The app's private key, PEM.
        installation_id: Which installation; or else
        repository: ``owner/name`` of a repository that the app is installed on, from which the
            installation is found.
        permissions: What the token may do at most, such as ``{"actions": "read"}``; all that the
            app may where it is ``None``.
        wall_clock: Seconds since the epoch.

    Raises:
        InvalidArgument: An argument cannot be right, or PyJWT is not installed.

    Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
    """

    def __init__(
        self,
        app_id: int | str,
        private_key: str | bytes,
        *,
        installation_id: int | None = None,
        repository: str | None = None,
        permissions: Mapping[str, str] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        # The frames of an error show what their names hold.
        self._key = private_key = hidden(
            private_key.decode(errors="replace") if isinstance(private_key, bytes) else private_key
        )
        self._issuer, self._installation = str(app_id), installation_id
        self._repository = repository
        if (installation_id is None) == (repository is None):
            raise InvalidArgument("a GitHubApp has an installation_id, or else a repository")
        if find_spec("jwt") is None or find_spec("cryptography") is None:
            raise InvalidArgument("a GitHubApp needs PyJWT: pip install 'ghartifacts_async[app]'")
        if repository is not None:
            _arguments.repository(repository)
        else:
            _arguments.installation_id(installation_id)
        self._permissions = permissions
        self._wall_clock = wall_clock
        self._minted: _Minted | None = None
        self._failures = 0
        self._failure: ArtifactsError | None = None
        self._base_url: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # A lock and not a task: whoever is cancelled while minting leaves it to the next.
        self._minting = asyncio.Lock()
        self._jwt()

    def bind(self, base_url: str) -> None:
        """Serve the clients of this server alone: its tokens are nobody else's.

        Raises:
            InvalidArgument: It serves another one.
        """
        if self._base_url not in {None, base_url}:
            raise InvalidArgument(
                "this GitHubApp serves a client of another server; make a new one"
            )
        self._base_url = base_url

    async def token(self, ask: ApiCaller, rejected: str | None) -> str:
        """The installation's token, minted where there is none that lasts a minute more."""
        if (token := self._current(rejected)) is not None:
            return token
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._minting = loop, asyncio.Lock()
        failures = self._failures
        async with self._minting:
            if (token := self._current(rejected)) is not None:
                return token
            if self._failure is not None and self._failures != failures:
                # It failed while this one waited: to try in turn might take hours.
                raise copy(self._failure)
            try:
                return await self._mint(ask)
            except ArtifactsError as failure:
                self._failures += 1
                self._failure = copy(failure)
                raise

    def _current(self, rejected: str | None) -> str | None:
        minted = self._minted
        if minted is None or minted.token == rejected:
            return None
        return minted.token if asyncio.get_running_loop().time() < minted.renew_at else None

    async def _mint(self, ask: ApiCaller) -> str:
        if self._installation is None:
            assert self._repository is not None
            self._installation = (await ask(find_installation(self._repository), self._jwt)).id
        call = create_installation_token(self._installation, self._permissions)
        issued = await ask(call, self._jwt)
        now = asyncio.get_running_loop().time()
        issued_at = self._wall_clock() if issued.issued_at is None else issued.issued_at
        lifetime = issued.expires_at - issued_at
        renew_in = max(lifetime - _RENEW_BEFORE, lifetime / 2)
        self._minted = _Minted(_arguments.token(issued.token), now + renew_in)
        return self._minted.token

    def _jwt(self) -> str:
        """Who the app is, for nine minutes, from a minute ago: clocks differ."""
        import jwt

        now = int(self._wall_clock())
        claims = {"iat": now - _CLOCK_SKEW, "exp": now + _JWT_LASTS, "iss": self._issuer}
        try:
            return Secret(jwt.encode(claims, self._key, algorithm="RS256"))
        except Exception:  # noqa: S110 - whatever it says may quote the key
            pass
        raise InvalidArgument("private_key is not the PEM of an RSA private key")

    def __repr__(self) -> str:
        where = self._repository or self._installation
        return f"<GitHubApp {self._issuer} on {where}>"


_RENEW_BEFORE = 60
_CLOCK_SKEW = 60
_JWT_LASTS = 540


@frozen(repr=False)
class _Minted:
    token: str
    renew_at: float


def auth_of(auth: Auth | str | Callable[[], Awaitable[str]] | None) -> Auth:
    """What a caller passes as ``auth``, as an `Auth`.

    Raises:
        InvalidArgument: It is none of these.
    """
    auth = hidden(auth)
    if auth is None:
        return Anonymous()
    if isinstance(auth, str):
        return Token(auth)
    if isinstance(auth, Auth) and iscoroutinefunction(auth.token):
        return auth
    if callable(auth) and not isinstance(auth, type):
        return TokenProvider(auth)
    raise InvalidArgument(
        f"auth is a token, an Auth, an async callable that returns a token, or None, "
        f"not a value of type {type(auth).__name__}"
    )
