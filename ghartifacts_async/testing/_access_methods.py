"""`AccessMethods`: the methods of `FakeGitHub` for API versions, apps and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ghartifacts_async.testing._api.auth.apps import Installation
from ghartifacts_async.testing._api.auth.identity import Grant
from ghartifacts_async.testing._api.auth.jwt import load_key
from ghartifacts_async.testing._api.handler import ApiControls
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.database import Database


class AccessMethods:
    """Methods that decide which API versions and which tokens the server accepts.

    They can be called before the server is started and while it runs.
    """

    _database: Database
    _api_controls: ApiControls
    _now: Clock

    def retire_version(self, version: str) -> None:
        """Retire an API version: requests that name it get status 410.

        The version may be one that the server never supported.

        Raises:
            ValueError: The server supports no other version.
        """
        self._api_controls.versions.retire(version)

    def deprecate_version(
        self, version: str, *, sunset: datetime, since: datetime | None = None
    ) -> None:
        """Deprecate an API version: its responses get `Deprecation` and `Sunset` headers.

        Args:
            version: A version that the server supports.
            sunset: The date in `Sunset`. The server does not end its support on this date; call
                `retire_version` to end it.
            since: The date in `Deprecation`. None means now.

        Raises:
            ValueError: The server does not support the version, or a date has no time zone.
        """
        now = datetime.fromtimestamp(self._now(), UTC)
        self._api_controls.versions.deprecate(version, sunset, since or now)

    def add_app(
        self,
        app_id: int | str,
        public_key: str | bytes,
        installation_id: int,
        repositories: Sequence[str] | None = None,
        *,
        permissions: Mapping[str, str] | None = None,
        token_ttl: float = 3600.0,
    ) -> None:
        """Add an installation of a GitHub App, and the app itself if it does not exist yet.

        Args:
            app_id: The `iss` claim of the app's JWTs: its app id or its client id.
            public_key: The public key that verifies its JWTs, in PEM format.
            installation_id: The id of the installation.
            repositories: The repositories that the installation may access, each as
                `"owner/name"`; created if they do not exist. None grants access to all
                repositories, including those added later.
            permissions: The access level of each permission, such as `{"actions": "read"}`.
                `metadata: read` is always granted. None also grants `actions: write`.
            token_ttl: How long installation tokens are valid, in seconds.

        Raises:
            ModuleNotFoundError: PyJWT or cryptography is not installed.
            ValueError: The key is not an RSA public key in PEM format, a repository's name is
                not `owner/name`, or another installation has the id.
        """
        key = load_key(public_key)
        ids = None
        if repositories is not None:
            ids = frozenset(self._database.add_repository(name).id for name in repositories)
        granted = {"actions": "write"} if permissions is None else dict(permissions)
        grant = Grant(ids, {"metadata": "read", **granted})
        installation = Installation(installation_id, str(app_id), grant, token_ttl)
        self._api_controls.apps.add(key, installation)

    def revoke(self, token: str) -> None:
        """Revoke an installation token. Later requests with it get 401.

        Raises:
            KeyError: The token was not created by an app, or has already been revoked.
        """
        self._api_controls.apps.revoke(token)

    @property
    def tokens_created(self) -> int:
        """The number of installation tokens that apps have created."""
        return self._api_controls.apps.tokens_created
