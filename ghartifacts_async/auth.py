"""Where the token of a call comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Protocol, runtime_checkable

from ghartifacts_async._sansio import arguments
from ghartifacts_async.errors import InvalidArgument


@runtime_checkable
class Auth(Protocol):
    """A source of tokens."""

    async def token(self) -> str | None:
        """The token for the next call, ``None`` to make it without one."""


class Token:
    """A personal access token, an installation token, or a workflow's ``GITHUB_TOKEN``.

    Args:
        value: The token itself; never shown again.

    Raises:
        InvalidArgument: It is empty, or holds what no header can carry.
    """

    def __init__(self, value: str) -> None:
        self._value = arguments.token(value)

    async def token(self) -> str:
        """The token."""
        return self._value

    def __repr__(self) -> str:
        return "Token(***)"


class TokenProvider:
    """Asks an async callable for a token before each call.

    Args:
        provide: Returns a valid token; it is expected to cache one itself.
    """

    def __init__(self, provide: Callable[[], Awaitable[str]]) -> None:
        self._provide = provide

    async def token(self) -> str:
        """The token of the moment.

        Raises:
            InvalidArgument: The provider is not async, or returned something that is no token.
        """
        provided = self._provide()
        if not isawaitable(provided):
            raise InvalidArgument("the token provider is not async: it returned no awaitable")
        return arguments.token(await provided)

    def __repr__(self) -> str:
        return "TokenProvider(***)"


class Anonymous:
    """No token: enough to list and get on public repositories, 60 calls an hour."""

    async def token(self) -> None:
        """``None``."""

    def __repr__(self) -> str:
        return "Anonymous()"


def auth_of(auth: Auth | str | Callable[[], Awaitable[str]] | None) -> Auth:
    """What a caller passes as ``auth``, as an `Auth`.

    Raises:
        InvalidArgument: It is none of these.
    """
    if auth is None:
        return Anonymous()
    if isinstance(auth, str):
        return Token(auth)
    if isinstance(auth, Auth) and not isinstance(auth, type):
        return auth
    if callable(auth) and not isinstance(auth, type):
        return TokenProvider(auth)
    raise InvalidArgument(
        f"auth is a token, an Auth, an async callable that returns a token, or None, "
        f"not a value of type {type(auth).__name__}"
    )
