"""GitHub Apps, their installations, and the installation tokens that they create."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from ghartifacts_async.testing._api.auth.identity import BAD_CREDENTIALS, Grant, Identity
from ghartifacts_async.testing._api.auth.jwt import check_jwt

if TYPE_CHECKING:
    from ghartifacts_async.testing._shared.repository import Repository


@attrs.frozen(eq=False)
class Installation:
    """An installation of an app.

    Attributes:
        id: The id of the installation.
        app: The id of the app: its app id or its client id.
        account: The login of the user or organization that installed the app.
        created_at: When the app was installed.
        grant: The repositories and permissions of the installation.
        token_ttl: How long the installation's tokens are valid, in seconds.
    """

    id: int
    app: str
    account: str
    created_at: datetime
    grant: Grant
    token_ttl: float

    @property
    def repository_selection(self) -> str:
        """`"all"` or `"selected"`, as the API reports it."""
        return "all" if self.grant.repositories is None else "selected"


class AppRegistry:
    """The apps, installations and installation tokens of a server.

    Args:
        now: A function that returns the time, in seconds since the epoch.

    Attributes:
        tokens_created: The number of tokens created so far.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._keys: dict[str, Any] = {}
        self._installations: dict[int, Installation] = {}
        self._tokens: dict[str, tuple[float, Identity]] = {}
        self._token_numbers = count(1)
        self.tokens_created = 0

    def add(self, key: Any, installation: Installation) -> None:
        """Register an installation and the public key of its app.

        Raises:
            ValueError: Another installation has the same id.
        """
        if installation.id in self._installations:
            raise ValueError(f"installation {installation.id} already exists; choose another id")
        self._keys[installation.app] = key
        self._installations[installation.id] = installation

    def revoke(self, token: str) -> None:
        """Revoke an installation token.

        Raises:
            KeyError: The token does not exist.
        """
        if self._tokens.pop(token, None) is None:
            raise KeyError("no such installation token")

    def identify(self, token: str) -> Identity:
        """Return the identity that an installation token or an app's JWT stands for."""
        now = self._now()
        known = self._tokens.get(token)
        if known is not None:
            expires, identity = known
            return identity if now < expires else BAD_CREDENTIALS
        if not self._keys or token.count(".") != 2:
            return BAD_CREDENTIALS
        app = check_jwt(token, self._keys, now)
        if isinstance(app, tuple):
            return attrs.evolve(BAD_CREDENTIALS, error=app)
        return Identity(f"app {app}", f"app ID {app}", app=app)

    def installations(self, app: str) -> list[Installation]:
        """Return the installations of an app, oldest first."""
        return [one for one in self._installations.values() if one.app == app]

    def installation(self, app: str, installation_id: int) -> Installation | None:
        """Find an installation of an app by its id."""
        installation = self._installations.get(installation_id)
        return installation if installation is not None and installation.app == app else None

    def installation_for(self, app: str, repository: Repository) -> Installation | None:
        """Find the installation of an app that covers a repository."""
        for installation in self.installations(app):
            if installation.grant.includes(repository):
                return installation
        return None

    def create_token(self, installation: Installation, grant: Grant) -> tuple[str, int]:
        """Create a token.

        Args:
            installation: The installation that the token belongs to.
            grant: The repositories and permissions of the token.

        Returns:
            The token, and its expiry in seconds since the epoch.
        """
        self.tokens_created += 1
        token = f"ghs_fake{next(self._token_numbers):032d}"
        expires = int(self._now() + installation.token_ttl)
        account, name = f"installation {installation.id}", f"installation ID {installation.id}"
        self._tokens[token] = expires, Identity(account, name, grant=grant)
        return token, expires
