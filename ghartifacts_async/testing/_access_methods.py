"""`AccessMethods`: the methods of `FakeGitHub` for API versions, apps and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ghartifacts_async.testing._api.auth.apps import Installation
from ghartifacts_async.testing._api.auth.identity import Grant
from ghartifacts_async.testing._api.auth.jwt import load_key
from ghartifacts_async.testing._api.auth.tokens import DEFAULT_LOGIN, DEFAULT_SCOPES
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
        account: str | None = None,
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
            account: The login of the user or organization that installed the app. None chooses the
                owner of the first repository.

        Raises:
            ModuleNotFoundError: PyJWT or cryptography is not installed.
            ValueError: The key is not an RSA public key in PEM format, a repository's name is
                not `owner/name`, or another installation has the id.
        """
        key = load_key(public_key)
        ids = self._ids(repositories)
        granted = {"actions": "write"} if permissions is None else dict(permissions)
        grant = Grant(ids, {"metadata": "read", **granted})
        owner = repositories[0].partition("/")[0] if repositories else "octo-org"
        installation = Installation(
            id=installation_id,
            app=str(app_id),
            account=account or owner,
            created_at=self._database.current_time(),
            grant=grant,
            token_ttl=token_ttl,
        )
        self._api_controls.apps.add(key, installation)
        self._database.add_account(installation.account)

    def add_token(
        self,
        token: str | None = None,
        *,
        scopes: Sequence[str] | None = None,
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[str] | None = None,
        login: str = DEFAULT_LOGIN,
        expires_at: datetime | None = None,
    ) -> str:
        """Add a token that the API accepts, and return it.

        A token with scopes is a classic one, and a token with permissions a fine-grained one. A
        request that it does not permit gets status 403 and GitHub's message, or 404 if the token
        may not see the repository. Every token can list the artifacts of public repositories, but
        not download them.

        Args:
            token: The token. None makes one.
            scopes: The scopes of a classic token, such as `["repo"]`. Private repositories need
                `repo`. Downloads and deletions need `repo`, or `public_repo` in public
                repositories. None means `repo` and `workflow` unless there are permissions.
            permissions: The access level of each permission of a fine-grained token, such as
                `{"actions": "read"}`. `metadata: read` is always granted.
            repositories: The repositories that the token may access, each as `"owner/name"`;
                created if they do not exist. None means all.
            login: The user whose token it is. All tokens of a user share a rate limit.
            expires_at: When the token expires, on the server's clock. None means never.

        Raises:
            ValueError: There are both scopes and permissions, a repository's name is not
                `owner/name`, or `expires_at` has no time zone.
        """
        if scopes is not None and permissions is not None:
            raise ValueError("a token has either scopes (classic) or permissions (fine-grained)")
        if expires_at is not None and expires_at.tzinfo is None:
            raise ValueError("expires_at needs a time zone")
        ids = self._ids(repositories)
        if permissions is not None:
            grant: Grant | None = Grant(ids, {"metadata": "read", **permissions})
        else:
            scopes = DEFAULT_SCOPES if scopes is None else scopes
            grant = None if ids is None else Grant(ids, {})
        self._database.add_account(login)
        return self._api_controls.tokens.add(
            token,
            login=login,
            scopes=scopes,
            grant=grant,
            expires_at=None if expires_at is None else expires_at.timestamp(),
        )

    def revoke(self, token: str) -> None:
        """Revoke a token of an app or one that was added. Later requests with it get 401.

        Raises:
            KeyError: The token does not exist, or has already been revoked.
        """
        if not self._api_controls.tokens.revoke(token):
            self._api_controls.apps.revoke(token)

    @property
    def tokens_created(self) -> int:
        """The number of installation tokens that apps have created."""
        return self._api_controls.apps.tokens_created

    def _ids(self, repositories: Sequence[str] | None) -> frozenset[int] | None:
        if repositories is None:
            return None
        return frozenset(self._database.add_repository(name).id for name in repositories)
