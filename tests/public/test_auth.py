"""Tokens come from the configured `Auth`, and no error or repr shows them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from ghartifacts_async import (
    Anonymous,
    Auth,
    InvalidArgument,
    Token,
    TokenProvider,
    TokenProviderError,
)
from ghartifacts_async._api.call import ApiCall, ApiCaller
from ghartifacts_async.auth.tokens import auth_of
from tests.values import SECRET

GARBAGE: list[Any] = [
    None,
    "",
    5,
    b"bytes",
    ["list"],
    f"{SECRET}\n",
    f"{SECRET} x",
    f"{SECRET}\xe9",
]


async def token_of(auth: Auth) -> str | None:
    """Return the token that an `Auth` provides, without any API call."""

    async def no_calls(call: ApiCall[Any], token: Callable[[], str]) -> Any:
        raise AssertionError(f"unexpected {call} with {token}")

    return await auth.token(no_calls, None)


def provider(*values: Any) -> Any:
    """Return a token provider that returns these values in turn."""
    remaining = list(values)

    async def provide() -> Any:
        return remaining.pop(0)

    return provide


async def test_token() -> None:
    """A token is used unchanged for every call."""
    auth = Token(SECRET)
    assert [await token_of(auth), await token_of(auth)] == [SECRET, SECRET]


async def test_provider() -> None:
    """A token provider is called before every call."""
    auth = TokenProvider(provider("first", "second"))
    assert [await token_of(auth), await token_of(auth)] == ["first", "second"]


async def test_anonymous() -> None:
    """`Anonymous()` provides no token."""
    assert await token_of(auth_of(Anonymous())) is None


@pytest.mark.parametrize("value", GARBAGE)
def test_bad_token(value: Any) -> None:
    """A token that is not a valid header value is refused at once, and the error hides it."""
    with pytest.raises(InvalidArgument) as caught:
        Token(value)
    assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True))


@pytest.mark.parametrize("value", GARBAGE)
async def test_bad_provider(value: Any) -> None:
    """A provider that returns an invalid token raises InvalidArgument without showing the value."""
    with pytest.raises(InvalidArgument) as caught:
        await token_of(TokenProvider(provider(value)))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_provider_that_is_not_async() -> None:
    """A provider that is not async raises InvalidArgument without showing its token."""

    def provide() -> Any:
        return SECRET

    with pytest.raises(InvalidArgument, match="async") as caught:
        await token_of(TokenProvider(provide))
    assert SECRET not in str(caught.value)


async def test_provider_that_fails() -> None:
    """If a token provider raises, TokenProviderError is raised with that exception as its cause."""

    async def provide() -> str:
        raise LookupError("no vault")

    with pytest.raises(TokenProviderError, match="LookupError") as caught:
        await token_of(TokenProvider(provide))
    assert isinstance(caught.value.__cause__, LookupError)


class Vault:
    """An `Auth` that a caller implements."""

    async def token(self, api_caller: ApiCaller, rejected: str | None) -> str | None:  # noqa: ARG002
        """Return the current token."""
        return SECRET


async def test_auth_of() -> None:
    """A token, an Auth of any class and an async callable are accepted as auth."""
    vault, token = Vault(), Token(SECRET)
    assert auth_of(vault) is vault
    assert auth_of(token) is token
    for auth in (SECRET, vault, token, provider(SECRET)):
        found = auth_of(auth)
        assert isinstance(found, Auth)
        assert await token_of(found) == SECRET


@pytest.mark.parametrize("auth", [5, b"token", ["token"], {"token": "x"}, object()])
def test_bad_auth(auth: Any) -> None:
    """A value that is not a valid auth is refused at once."""
    with pytest.raises(InvalidArgument, match="token"):
        auth_of(auth)


@pytest.mark.parametrize("auth", ["", None])
def test_an_empty_auth(auth: Any) -> None:
    """A variable that is not set does not make a client anonymous: that must be asked for."""
    with pytest.raises(InvalidArgument, match=r"gh auth token.*Anonymous\(\)"):
        auth_of(auth)


@pytest.mark.parametrize("auth", [Token(SECRET), TokenProvider(provider(SECRET)), Anonymous()])
def test_repr(auth: Auth) -> None:
    """The text of an Auth names its class and never shows the token."""
    for text in (repr(auth), str(auth), f"{auth}"):
        assert text.startswith(type(auth).__name__)
        assert SECRET not in text
