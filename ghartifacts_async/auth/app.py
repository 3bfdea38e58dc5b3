"""Authentication as an installation of a GitHub App."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from copy import copy
from importlib.util import find_spec

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCaller
from ghartifacts_async._api.endpoints import create_installation_token, find_installation
from ghartifacts_async._http.redaction import Secret, hidden
from ghartifacts_async.errors import ArtifactsError, InvalidArgument


class GitHubApp:
    """Authentication as an installation of a GitHub App. Requires the extra ``app``.

    The installation token is created when it is first needed and shared by all tasks. It is
    renewed a minute before it expires, or when GitHub refuses it. One `GitHubApp` can be shared by
    several clients of the same server. Pass either `installation_id` or `repository`.

    Args:
        app_id: Id or client id of the app.
        private_key: Private key of the app in PEM format.
        installation_id: Id of the installation.
        repository: ``owner/name`` of a repository on which the app is installed. The app's
            installation on this repository is used.
        permissions: Permissions to restrict the token to, such as ``{"actions": "read"}``;
            ``None`` for all permissions of the app.
        wall_clock: Function that returns seconds since the epoch.

    Raises:
        InvalidArgument: An argument is invalid, or PyJWT is not installed.

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
        # Tracebacks may be logged with the local variables of their frames.
        self._key = private_key = hidden(
            private_key.decode(errors="replace") if isinstance(private_key, bytes) else private_key
        )
        self._issuer, self._installation = str(app_id), installation_id
        self._repository = repository
        if (installation_id is None) == (repository is None):
            raise InvalidArgument("pass either installation_id or repository to GitHubApp")
        if find_spec("jwt") is None or find_spec("cryptography") is None:
            raise InvalidArgument("GitHubApp needs PyJWT: pip install 'ghartifacts_async[app]'")
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
        # A lock rather than a shared task: if the task that creates the token is cancelled, the
        # next one takes over.
        self._minting = asyncio.Lock()
        self._jwt()

    def bind(self, base_url: str) -> None:
        """Bind the app to a server, so that its tokens are sent to no other server.

        Args:
            base_url: Base URL of the server's API.

        Raises:
            InvalidArgument: The app is bound to another server.
        """
        if self._base_url not in {None, base_url}:
            raise InvalidArgument(
                f"this GitHubApp is used with {self._base_url}; create another one for {base_url}"
            )
        self._base_url = base_url

    async def token(self, api_caller: ApiCaller, rejected: str | None) -> str:
        """Return the installation token; create a new one if there is none or it expires soon.

        Raises:
            ArtifactsError: GitHub could not be reached, or refused to create the token.
        """
        hidden_token: Secret | None = hidden(rejected)
        rejected = None  # Tracebacks may be logged with the local variables of their frames.
        return (await self._token(api_caller, hidden_token)).reveal()

    async def _token(self, api_caller: ApiCaller, rejected: Secret | None) -> Secret:
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
                # Another task failed while this one waited for the lock. If each task tried again
                # in turn, it might take hours until the last one fails.
                raise copy(self._failure)
            try:
                return await self._mint(api_caller)
            except ArtifactsError as failure:
                self._failures += 1
                self._failure = copy(failure)
                raise

    def _current(self, rejected: Secret | None) -> Secret | None:
        minted = self._minted
        if minted is None or minted.token == rejected:
            return None
        return minted.token if asyncio.get_running_loop().time() < minted.renew_at else None

    async def _mint(self, api_caller: ApiCaller) -> Secret:
        if self._installation is None:
            assert self._repository is not None
            self._installation = (
                await api_caller(find_installation(self._repository), self._jwt)
            ).id
        call = create_installation_token(self._installation, self._permissions)
        issued = await api_caller(call, self._jwt)
        now = asyncio.get_running_loop().time()
        issued_at = self._wall_clock() if issued.issued_at is None else issued.issued_at
        lifetime = issued.expires_at - issued_at
        renew_in = max(lifetime - _RENEW_BEFORE, lifetime / 2)
        self._minted = _Minted(_arguments.token(issued.token), now + renew_in)
        return self._minted.token

    def _jwt(self) -> str:
        """Return a JWT of the app that is valid for nine minutes.

        It is dated back by a minute, in case the server's clock is slow.
        """
        import jwt

        now = int(self._wall_clock())
        claims = {"iat": now - _CLOCK_SKEW, "exp": now + _JWT_LASTS, "iss": self._issuer}
        try:
            return jwt.encode(claims, self._key.reveal(), algorithm="RS256")
        except Exception:  # noqa: S110 - its message may quote the key
            pass
        raise InvalidArgument("private_key is not the PEM of an RSA private key")

    def __repr__(self) -> str:
        where = self._repository or self._installation
        return f"<GitHubApp {self._issuer} on {where}>"


_RENEW_BEFORE = 60
_CLOCK_SKEW = 60
_JWT_LASTS = 540


@frozen
class _Minted:
    token: Secret
    renew_at: float
