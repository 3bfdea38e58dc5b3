"""The users' tokens that a server accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from ghartifacts_async.testing._api.auth.identity import BAD_CREDENTIALS, Grant, Identity

DEFAULT_SCOPES = ("repo", "workflow")
DEFAULT_LOGIN = "octocat"


class TokenRegistry:
    """The tokens that a test has added.

    Args:
        now: A function that returns the time, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: dict[str, Identity] = {}
        self._numbers = count(1)

    def add(
        self,
        token: str | None,
        *,
        login: str,
        scopes: Sequence[str] | None,
        grant: Grant | None,
        expires_at: float | None,
    ) -> str:
        """Add a token, which is classic if it has scopes, and return it."""
        if token is None:
            prefix = "github_pat_" if scopes is None else "ghp_"
            token = f"{prefix}fake{next(self._numbers):032d}"
        self._tokens[token] = Identity(
            f"user {login}",
            f"user ID {login}",
            login=login,
            grant=grant,
            scopes=None if scopes is None else tuple(scopes),
            expires_at=expires_at,
        )
        return token

    def identify(self, token: str) -> Identity | None:
        """Return the identity that a token stands for, or None if it was never added."""
        identity = self._tokens.get(token)
        if identity is None or identity.expires_at is None or self._now() < identity.expires_at:
            return identity
        return BAD_CREDENTIALS

    def revoke(self, token: str) -> bool:
        """Revoke a token. Return False if it was never added."""
        return self._tokens.pop(token, None) is not None
