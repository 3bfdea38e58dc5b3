"""The identity of a request's sender, and what the sender may access."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghartifacts_async.testing._shared.messages import Request
    from ghartifacts_async.testing._shared.repository import Repository

_LEVELS = ("read", "write", "admin")


@attrs.frozen
class Grant:
    """The repositories and permissions of an installation, or of a token.

    Attributes:
        repositories: The ids of the repositories; None means all repositories of the server.
        permissions: The access level of each permission, such as `{"actions": "read"}`.
    """

    repositories: frozenset[int] | None
    permissions: Mapping[str, str]

    def includes(self, repository: Repository) -> bool:
        """Return True if the grant covers the repository."""
        return self.repositories is None or repository.id in self.repositories

    def allows(self, permission: str, level: str) -> bool:
        """Return True if the grant has the permission at this level or a higher one."""
        granted = self.permissions.get(permission)
        return granted is not None and _LEVELS.index(granted) >= _LEVELS.index(level)


@attrs.frozen
class Identity:
    """The identity that a request authenticates as.

    Attributes:
        account: The account whose rate limits apply. All requests without valid credentials
            share the account None.
        display_name: The name of the account in GitHub's error messages.
        is_authenticated: Whether the request has valid credentials.
        login: The login of the user, if the request has a user's token.
        app: The id of the app, if the request authenticates with the app's JWT.
        grant: The repositories and permissions of an installation token or of a fine-grained
            token, or the repositories of a classic token. None gives access to everything.
        scopes: The scopes of a classic token. None for other credentials.
        expires_at: When the token expires, in seconds since the epoch, or None.
        error: The status and message of the response to invalid credentials; None if the
            credentials are valid or missing.
    """

    account: str | None
    display_name: str
    is_authenticated: bool = True
    login: str | None = None
    app: str | None = None
    grant: Grant | None = None
    scopes: tuple[str, ...] | None = None
    expires_at: float | None = None
    error: tuple[int, str] | None = None


ANONYMOUS = Identity(None, "127.0.0.1", is_authenticated=False)
BAD_CREDENTIALS = Identity(
    None, "127.0.0.1", is_authenticated=False, error=(401, "Bad credentials")
)


def credentials(request: Request) -> str | None:
    """Return the token in `Authorization`, None without this header, or "" if it is malformed.

    With the scheme Basic, the token is the password, or the user name if there is no password.
    """
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return None
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() in {"bearer", "token"}:
        return value.strip()
    return _basic_token(value) if scheme.lower() == "basic" else ""


def _basic_token(value: str) -> str:
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return user if password in {"", "x-oauth-basic"} else password
