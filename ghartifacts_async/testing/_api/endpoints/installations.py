"""The app endpoints: find an app's installation for a repository, and create its tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ghartifacts_async.testing._api.auth.apps import AppRegistry, Installation
from ghartifacts_async.testing._api.auth.identity import Grant
from ghartifacts_async.testing._api.auth.jwt import UNDECODABLE
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.errors import ApiError, json_response
from ghartifacts_async.testing._api.routes import Endpoint
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Response
from ghartifacts_async.testing._shared.repository import Repository


class InstallationEndpoints:
    """The handlers of the app endpoints.

    Args:
        database: The server's data.
        apps: The apps of the server.
    """

    def __init__(self, database: Database, apps: AppRegistry) -> None:
        self._database = database
        self._apps = apps

    def find(self, call: EndpointCall) -> Response:
        """Return the installation of the app that covers a repository."""
        app = _require_app(call)
        installation = None
        if call.found is not None:
            installation = self._apps.installation_for(app, call.found)
        if installation is None:
            raise call.not_found()
        url = f"{call.api_url}/app/installations/{installation.id}"
        document = {
            "id": installation.id,
            "account": {"login": call.repository.owner},
            "app_id": int(app) if app.isdecimal() else app,
            "access_tokens_url": f"{url}/access_tokens",
            "permissions": dict(installation.grant.permissions),
            "repository_selection": installation.repository_selection,
        }
        return json_response(200, document)

    def create_token(self, call: EndpointCall) -> Response:
        """Create a token of an installation."""
        app = _require_app(call)
        installation = self._apps.installation(app, call.route.number("installation_id"))
        if installation is None:
            raise call.not_found()
        requested = _parse_body(call.request.body)
        selected = self._select_repositories(installation, requested)
        permissions = _select_permissions(installation, requested)
        ids = installation.grant.repositories
        if selected is not None:
            ids = frozenset(repository.id for repository in selected)
        token, expires = self._apps.create_token(installation, Grant(ids, permissions))
        document: dict[str, object] = {
            "token": token,
            "expires_at": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": permissions,
            "repository_selection": "selected" if selected else installation.repository_selection,
        }
        if selected is not None:
            document["repositories"] = [
                {"id": repository.id, "name": repository.name, "full_name": repository.full_name}
                for repository in selected
            ]
        return json_response(201, document)

    def _select_repositories(
        self, installation: Installation, requested: Mapping[str, Any]
    ) -> list[Repository] | None:
        """Return the repositories that the request body selects, or None if it selects none."""
        names: Sequence[str] = requested.get("repositories", ())
        ids: Sequence[int] = requested.get("repository_ids", ())
        if not names and not ids:
            return None
        selected = [
            repository
            for repository in self._database.repositories()
            if installation.grant.includes(repository)
            and (repository.name in names or repository.id in ids)
        ]
        if len(selected) != len({*names, *ids}):
            raise ApiError(
                422,
                "There is at least one repository that does not exist or is not accessible to "
                "the parent installation.",
                Endpoint.CREATE_TOKEN.documentation_url,
            )
        return selected


def _require_app(call: EndpointCall) -> str:
    if call.identity.app is None:
        raise ApiError(401, UNDECODABLE, call.route.endpoint.documentation_url)
    return call.identity.app


def _parse_body(body: bytes) -> Mapping[str, Any]:
    try:
        requested = json.loads(body or b"{}")
    except ValueError:
        requested = None
    if not isinstance(requested, dict):
        raise ApiError(400, "Problems parsing JSON", Endpoint.CREATE_TOKEN.documentation_url)
    return requested


def _select_permissions(installation: Installation, requested: Mapping[str, Any]) -> dict[str, str]:
    granted = installation.grant
    permissions: dict[str, str] = requested.get("permissions") or dict(granted.permissions)
    for permission, level in permissions.items():
        if level not in {"read", "write", "admin"} or not granted.allows(permission, level):
            raise ApiError(
                422,
                "The permissions requested are not granted to this installation.",
                Endpoint.CREATE_TOKEN.documentation_url,
            )
    return {"metadata": "read"} | permissions
