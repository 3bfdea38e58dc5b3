"""Tokens that the caller has, or provides with a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from typing import Protocol, cast, runtime_checkable

from ghartifacts_async import _arguments
from ghartifacts_async._api.call import ApiCaller
from ghartifacts_async._http.redaction import Secret, hidden, kind_of
from ghartifacts_async.errors import ArtifactsError, InvalidArgument, TokenProviderError


@runtime_checkable
class Auth(Protocol):
    """A source of tokens. An async callable that returns a token is usually simpler to write."""

    async def token(self, api_caller: ApiCaller, rejected: str | None) -> str | None:
        """Return the token for the next call, or None to make it without a token.

        Args:
            api_caller: Function that makes an API call with a given token, for example to exchange
                an app's JWT for the token to return.
            rejected: The token that GitHub has just refused, or ``None``. Return it again if there
                is no other.
        """


class Token:
    """A personal access token, an installation token, or a workflow's ``GITHUB_TOKEN``.

    Args:
        value: The token. No repr, log or error shows it.

    Raises:
        InvalidArgument: The token is empty, or contains characters that no token has.

    Source: https://docs.github.com/rest/authentication/authenticating-to-the-rest-api
    """

    def __init__(self, value: str) -> None:
        value = hidden(value)
        self._value = _arguments.token(value)

    async def token(self, api_caller: ApiCaller, rejected: str | None) -> str:  # noqa: ARG002
        """Return the token."""
        return self._value.reveal()

    def __repr__(self) -> str:
        return "Token(***)"


class TokenProvider:
    """An async callable that provides tokens.

    Args:
        provide: Async function that returns a valid token. It is called before every attempt of
            every call, so it should cache the token. If GitHub answers 401, it is called again. It
            may switch between accounts: each token has its own rate limits, and while calls wait
            for those of one token, it is called again every 2 to 60 seconds.
    """

    def __init__(self, provide: Callable[[], Awaitable[str]]) -> None:
        self._provide = provide

    async def token(self, api_caller: ApiCaller, rejected: str | None) -> str:  # noqa: ARG002
        """Return the token that the callable provides.

        Raises:
            InvalidArgument: The callable is not async, or did not return a token.
            TokenProviderError: The callable raised an exception.
        """
        try:
            provided = hidden(self._provide())
            if not isawaitable(provided):
                raise InvalidArgument(
                    "the token provider is not async: it did not return an awaitable"
                )
            value = hidden(await provided)
        except ArtifactsError:
            raise
        except Exception as error:
            raise TokenProviderError(f"the token provider raised {type(error).__name__}") from error
        return _arguments.token(value).reveal()

    def __repr__(self) -> str:
        return "TokenProvider(***)"


class Anonymous:
    """No token: 60 calls per hour to list and get artifacts of public repositories.

    Downloading requires a token, even for public repositories.

    Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """

    async def token(self, api_caller: ApiCaller, rejected: str | None) -> None:
        """Return None."""

    def __repr__(self) -> str:
        return "Anonymous()"


def auth_of(auth: Auth | str | Callable[[], Awaitable[str]]) -> Auth:
    """Return the `Auth` for the argument ``auth`` of `Client`.

    Raises:
        InvalidArgument: The argument is empty or None, which is probably an environment variable
            that is not set, or has none of the accepted types.
    """
    auth = hidden(auth)
    if auth is None or auth == Secret(""):
        raise InvalidArgument(
            "auth is empty; pass a token (with the GitHub CLI, 'gh auth token' prints one), or "
            "Anonymous() to make calls without a token"
        )
    if isinstance(auth, Secret):
        return Token(cast("str", auth))  # a Secret stays hidden in tracebacks
    if isinstance(auth, Auth) and iscoroutinefunction(auth.token):
        return auth
    if callable(auth) and not isinstance(auth, type):
        return TokenProvider(auth)
    raise InvalidArgument(
        "auth must be a token, an Auth, or an async callable that returns a token, not "
        f"{kind_of(auth)}"
    )
