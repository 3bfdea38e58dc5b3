"""Authentication as an installation of a GitHub App."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from copy import copy
from importlib.util import find_spec
from typing import Any, NoReturn, TypeVar
from weakref import WeakKeyDictionary

from attrs import frozen

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCall, ApiCaller
from ghartifacts_async._api.endpoints import (
    IssuedToken,
    create_installation_token,
    find_installation,
)
from ghartifacts_async._http.redaction import Secret, hidden
from ghartifacts_async.auth.private_key import load_private_key
from ghartifacts_async.auth.refusals import is_granted, is_refusal, refusal
from ghartifacts_async.errors import (
    ArtifactsError,
    AuthenticationError,
    GitHubError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)

_T = TypeVar("_T")

_log = logging.getLogger("ghartifacts_async")

_RENEW_BEFORE = 60
_CLOCK_SKEW = 60
_JWT_LASTS = 540
_CLOCK_TOLERANCE = 5.0
_NEW = 20.0


class GitHubApp:
    r"""Authentication as an installation of a GitHub App. Requires the extra ``app``.

    The installation token is created when it is first needed and shared by all tasks. It is
    renewed a minute before it expires, or when GitHub refuses it. One `GitHubApp` can be shared by
    several clients of the same server. Pass either `installation_id` or `repository`; with
    `repository`, the app may be removed and installed again while the program runs. A service for
    many installations passes neither, and uses `Client.for_installation`.

    If GitHub refuses to create a token, every call raises an `InstallationTokenError`. GitHub's
    servers may need some seconds to know a new token. A call that is refused in that time is
    repeated up to three times within seven seconds, in addition to the attempts of the
    `RetryPolicy`, unless that has only one.

    Args:
        app_id: Id or client id of the app.
        private_key: RSA private key of the app in PEM format, or the `pathlib.Path` of the file
            that GitHub generated. As in environment variables, its line breaks may be written as
            ``\n``, and it may be quoted or encoded in base64.
        installation_id: Id of the installation.
        repository: ``owner/name`` of a repository on which the app is installed. The app's
            installation on this repository is used.
        permissions: Permissions to restrict the token to, such as ``{"actions": "read"}``;
            ``None`` for all permissions of the app.
        wall_clock: Function that returns seconds since the epoch. If this clock is wrong, the time
            of GitHub's responses is used.

    Raises:
        InvalidArgument: An argument is invalid, or PyJWT is not installed.

    Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
    """

    def __init__(
        self,
        app_id: int | str,
        private_key: str | bytes | os.PathLike[str],
        *,
        installation_id: int | str | None = None,
        repository: str | None = None,
        permissions: Mapping[str, str] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        can_sign = find_spec("jwt") is not None and find_spec("cryptography") is not None
        self._key: Any
        self._key, problem = load_private_key(private_key) if can_sign else (None, "")
        private_key = "***"  # Tracebacks may be logged with the local variables of their frames.
        self._issuer, self._repository = "?", repository
        self._installation: int | None = None
        self._issuer = _arguments.app_id(app_id)
        if installation_id is not None and repository is not None:
            raise InvalidArgument("pass either installation_id or repository to GitHubApp")
        if repository is not None:
            _arguments.repository(repository)
        elif installation_id is not None:
            self._installation = _arguments.installation_id(installation_id)
        self._permissions = _arguments.permissions(permissions)
        if not can_sign:
            raise InvalidArgument("GitHubApp needs PyJWT: pip install 'ghartifacts_async[app]'")
        if problem:
            raise InvalidArgument(f"private_key is not the PEM of an RSA private key: {problem}")
        self._wall_clock = wall_clock
        self._clock_offset = 0.0
        self._current: _CurrentToken | None = None
        self._failures = 0
        self._failure: ArtifactsError | None = None
        self._base_url: str | None = None
        # Locks rather than a shared task: if the task that creates the token is cancelled, the next
        # one takes over. Clients on several event loops may share the app.
        self._token_locks = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]()

    def for_installation(self, installation_id: int | str) -> GitHubApp:
        """Return the same app, authenticating as another installation of it.

        Args:
            installation_id: Id of the installation, such as `webhooks.Event.installation_id`.
        """
        other = GitHubApp.__new__(GitHubApp)
        vars(other).update(vars(self))
        other._installation, other._repository = _arguments.installation_id(installation_id), None
        other._current, other._failure, other._token_locks = None, None, WeakKeyDictionary()
        return other

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
            InstallationTokenError: GitHub refused to create the token.
            ArtifactsError: GitHub could not be reached, or could not answer.
        """
        hidden_token: Secret | None = hidden(rejected)
        rejected = None  # Tracebacks may be logged with the local variables of their frames.
        return (await self._token(api_caller, hidden_token)).reveal()

    async def _token(self, api_caller: ApiCaller, rejected: Secret | None) -> Secret:
        if (token := self._usable_token(rejected)) is not None:
            return token
        lock = self._token_locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        failures = self._failures
        async with lock:
            if (token := self._usable_token(rejected)) is not None:
                return token
            if self._failure is not None and self._failures != failures:
                # Another task failed while this one waited for the lock. If each task tried again
                # in turn, it might take hours until the last one fails.
                raise copy(self._failure)
            try:
                return await self._renew(api_caller)
            except ArtifactsError as error:
                failure = self._failure_for(error)
                self._failures += 1
                self._failure = copy(failure)
                if failure is error:
                    raise
                raise failure from error

    def token_is_new(self, token: Secret, error: ArtifactsError) -> bool:
        """Return True if GitHub may have refused a token because it is so new.

        GitHub's servers learn of a new token at different times. For some seconds, some of them
        answer 401 or 403.

        Args:
            token: The token that was sent.
            error: The error of the call.
        """
        current = self._current
        if current is None or current.token != token:
            return False
        if asyncio.get_running_loop().time() - current.created_at > _NEW:
            return False
        match error:
            case AuthenticationError():
                return True
            case PermissionDenied(sso_url=None, accepted_permissions=accepted):
                return is_granted(accepted, current.permissions)
        return False

    def _usable_token(self, rejected: Secret | None) -> Secret | None:
        current = self._current
        if current is None or current.token == rejected:
            return None
        return current.token if asyncio.get_running_loop().time() < current.renew_at else None

    async def _renew(self, api_caller: ApiCaller) -> Secret:
        issued = await self._create_token(api_caller)
        now = asyncio.get_running_loop().time()
        issued_at = self._now() if issued.issued_at is None else issued.issued_at
        lifetime = issued.expires_at - issued_at
        renew_in = max(lifetime - _RENEW_BEFORE, lifetime / 2)
        token = _arguments.token(issued.token)
        self._current = _CurrentToken(token, now, now + renew_in, issued.permissions)
        return self._current.token

    async def _create_token(self, api_caller: ApiCaller) -> IssuedToken:
        """Create a token, after looking up the installation if its id is not known."""
        known = self._installation
        if known is None and self._repository is None:
            raise InvalidArgument(
                f"GitHubApp {self._issuer} has neither installation_id nor repository; pass one of "
                "them, or use Client.for_installation"
            )
        if known is None:
            known = await self._find_installation(api_caller)
        try:
            return await self._call(api_caller, create_installation_token(known, self._permissions))
        except NotFound:
            # An app that was removed and installed again has another installation.
            if self._repository is None or await self._find_installation(api_caller) == known:
                raise
        assert self._installation is not None
        call = create_installation_token(self._installation, self._permissions)
        return await self._call(api_caller, call)

    async def _find_installation(self, api_caller: ApiCaller) -> int:
        assert self._repository is not None
        self._installation = None  # It stays unknown if the app is not installed any longer.
        found = await self._call(api_caller, find_installation(self._repository))
        self._installation = found.id
        return found.id

    async def _call(self, api_caller: ApiCaller, call: ApiCall[_T]) -> _T:
        """Make a call as the app, and once more if a wrong clock may be why it is refused."""
        try:
            return await api_caller(call, self._jwt)
        except AuthenticationError as error:
            if not self._learn_time(error):
                raise
        return await api_caller(call, self._jwt)

    def _learn_time(self, error: AuthenticationError) -> bool:
        """Adopt the time of GitHub's response. Return False if it was known before."""
        if error.server_time is None:
            return False
        offset = error.server_time.timestamp() - self._wall_clock()
        if abs(offset - self._clock_offset) < _CLOCK_TOLERANCE:
            return False
        self._clock_offset = offset
        _log.warning("%s, so GitHub's time is used for GitHub App %s", self._clock(), self._issuer)
        return True

    def _now(self) -> float:
        return self._wall_clock() + self._clock_offset

    def _clock(self) -> str:
        """Describe how wrong the clock is, or return ``""``."""
        offset = self._clock_offset
        if not offset:
            return ""
        direction = "behind" if offset > 0 else "ahead of"
        return f"this machine's clock is {abs(offset):.0f} s {direction} GitHub's"

    def _failure_for(self, error: ArtifactsError) -> ArtifactsError:
        """Return the error to raise if no token can be created because of this error."""
        if not isinstance(error, GitHubError) or not is_refusal(error):
            return error
        name, clock = self._name(), self._clock()
        return refusal(error, name, clock, self._issuer, self._installation, self._repository)

    def _jwt(self) -> str:
        """Return a JWT of the app that is valid for nine minutes.

        It is dated back by a minute, in case the server's clock is slow.
        """
        import jwt

        now = int(self._now())
        claims = {"iat": now - _CLOCK_SKEW, "exp": now + _JWT_LASTS, "iss": self._issuer}
        return jwt.encode(claims, self._key, algorithm="RS256")

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "this GitHubApp contains a secret (its private key) and cannot be pickled or copied; "
            "create it anew where you need it"
        )

    def _name(self) -> str:
        known = f"installation {self._installation}" if self._installation else ""
        where = " on ".join(filter(None, (known, self._repository)))
        return f"GitHubApp {self._issuer}, {where}" if where else f"GitHubApp {self._issuer}"

    def __repr__(self) -> str:
        return f"<{self._name()}>"


@frozen
class _CurrentToken:
    token: Secret
    created_at: float
    renew_at: float
    permissions: Mapping[str, str] | None
