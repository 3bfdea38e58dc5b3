"""Apps: their installations, and the tokens that they mint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import attrs

from ghartifacts_async.testing._api.callers import BAD_CREDENTIALS, Caller, Grant
from ghartifacts_async.testing._api.errors import error_reply, json_reply, refuse
from ghartifacts_async.testing._api.jwt import UNDECODABLE, check_jwt
from ghartifacts_async.testing._api.routes import Endpoint
from ghartifacts_async.testing._shared.messages import Reply
from ghartifacts_async.testing._shared.store import Repository, Store


@attrs.frozen(eq=False)
class Installation:
    """An app at work in some repositories.

    Attributes:
        id: Its id.
        app: The app's id.
        grant: What it may reach.
        token_ttl: How many seconds its tokens are valid.
    """

    id: int
    app: str
    grant: Grant
    token_ttl: float

    @property
    def selection(self) -> str:
        """What the API calls the choice of its repositories."""
        return "all" if self.grant.repositories is None else "selected"

    def document(self, repository: Repository, api_url: str) -> dict[str, object]:
        """Return it as the API's JSON shows it to whoever asks about a repository."""
        return {
            "id": self.id,
            "account": {"login": repository.full_name.partition("/")[0]},
            "app_id": int(self.app) if self.app.isdecimal() else self.app,
            "access_tokens_url": f"{api_url}/app/installations/{self.id}/access_tokens",
            "permissions": dict(self.grant.permissions),
            "repository_selection": self.selection,
        }


class Apps:
    """Every app, installation and installation token of a server.

    Args:
        store: What there is.
        now: Seconds since the epoch.

    Attributes:
        minted: How many tokens have been minted.
    """

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._keys: dict[str, Any] = {}
        self._installations: dict[int, Installation] = {}
        self._tokens: dict[str, tuple[float, Caller]] = {}
        self._numbers = count(1)
        self.minted = 0

    def add(self, key: Any, installation: Installation) -> None:
        """Make an installation known, and the key of its app."""
        if installation.id in self._installations:
            raise ValueError(f"there is an installation {installation.id} already")
        self._keys[installation.app] = key
        self._installations[installation.id] = installation

    def revoke(self, token: str) -> None:
        """Let a token be good no more; `KeyError` where it is none."""
        if self._tokens.pop(token, None) is None:
            raise KeyError("there is no such installation token")

    def caller(self, token: str) -> Caller:
        """Return whom a token, of an installation or a JWT, speaks for."""
        now = self._now()
        held = self._tokens.get(token)
        if held is not None:
            return held[1] if now < held[0] else BAD_CREDENTIALS
        if not self._keys or token.count(".") != 2:
            return BAD_CREDENTIALS
        app = check_jwt(token, self._keys, now)
        if isinstance(app, tuple):
            return attrs.evolve(BAD_CREDENTIALS, refusal=app)
        return Caller(f"app {app}", f"app ID {app}", app=app)

    def mint(self, caller: Caller, installation_id: int, body: bytes) -> Reply:
        """Answer `POST /app/installations/{id}/access_tokens`."""
        app = _app(caller, Endpoint.TOKENS)
        installation = self._installations.get(installation_id)
        if installation is None or installation.app != app:
            refuse(404, "Not Found", Endpoint.TOKENS.documentation_url)
        wanted = _wanted(body)
        chosen = self._chosen(installation, wanted)
        permissions = _narrowed(installation, wanted)
        grant = installation.grant
        if chosen is not None:
            grant = attrs.evolve(grant, repositories=frozenset(one.id for one in chosen))
        account = f"installation {installation.id}"
        self.minted += 1
        token = f"ghs_fake{next(self._numbers):032d}"
        expires = int(self._now() + installation.token_ttl)
        self._tokens[token] = (
            expires,
            Caller(
                account,
                f"installation ID {installation.id}",
                grant=attrs.evolve(grant, permissions=permissions),
            ),
        )
        document: dict[str, object] = {
            "token": token,
            "expires_at": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions,
            "repository_selection": "selected" if chosen else installation.selection,
        }
        if chosen is not None:
            document["repositories"] = [
                {"id": one.id, "name": one.name, "full_name": one.full_name} for one in chosen
            ]
        return json_reply(201, document)

    def describe(self, caller: Caller, repository: Repository | None, api_url: str) -> Reply:
        """Answer `GET /repos/{owner}/{repo}/installation`."""
        app = _app(caller, Endpoint.INSTALLATION)
        if repository is not None:
            for installation in self._installations.values():
                if installation.app == app and installation.grant.reaches(repository):
                    return json_reply(200, installation.document(repository, api_url))
        return error_reply(404, "Not Found", Endpoint.INSTALLATION.documentation_url)

    def _chosen(
        self, installation: Installation, wanted: Mapping[str, Any]
    ) -> list[Repository] | None:
        names: Sequence[str] = wanted.get("repositories", ())
        ids: Sequence[int] = wanted.get("repository_ids", ())
        if not names and not ids:
            return None
        reachable = [
            repository
            for repository in self._store.repositories()
            if installation.grant.reaches(repository)
        ]
        chosen = [one for one in reachable if one.name in names or one.id in ids]
        if len(chosen) != len({*names, *ids}):
            refuse(
                422,
                "There is at least one repository that does not exist or is not accessible to "
                "the parent installation.",
                Endpoint.TOKENS.documentation_url,
            )
        return chosen


def _app(caller: Caller, endpoint: Endpoint) -> str:
    if caller.app is None:
        refuse(401, UNDECODABLE, endpoint.documentation_url)
    return caller.app


def _wanted(body: bytes) -> Mapping[str, Any]:
    try:
        wanted = json.loads(body or b"{}")
    except ValueError:
        wanted = None
    if not isinstance(wanted, dict):
        refuse(400, "Problems parsing JSON", Endpoint.TOKENS.documentation_url)
    return wanted


def _narrowed(installation: Installation, wanted: Mapping[str, Any]) -> dict[str, str]:
    held = installation.grant
    permissions: dict[str, str] = wanted.get("permissions") or dict(held.permissions)
    for permission, level in permissions.items():
        if level not in {"read", "write", "admin"} or not held.allows(permission, level):
            refuse(
                422,
                "The permissions requested are not granted to this installation.",
                Endpoint.TOKENS.documentation_url,
            )
    return {"metadata": "read"} | permissions
