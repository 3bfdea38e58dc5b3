"""The app endpoints: the app, its installations, and the tokens and repositories of these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ghartifacts_async.testing._api.auth.apps import AppRegistry, Installation
from ghartifacts_async.testing._api.auth.identity import Grant
from ghartifacts_async.testing._api.auth.jwt import UNDECODABLE
from ghartifacts_async.testing._api.documents.accounts import app_document, installation_document
from ghartifacts_async.testing._api.documents.repositories import full_repository_document
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._api.routes import Endpoint
from ghartifacts_async.testing._shared.artifact import timestamp
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Response
from ghartifacts_async.testing._shared.repository import Repository

_BODY_TYPES = {
    "repositories": (list, str),
    "repository_ids": (list, int),
    "permissions": (dict, str),
}
"""The parts of a request for a token: the type of each, and the type of its items."""


class InstallationEndpoints:
    """The handlers of the app endpoints.

    Args:
        database: The server's data.
        apps: The apps of the server.
    """

    def __init__(self, database: Database, apps: AppRegistry) -> None:
        self._database = database
        self._apps = apps

    def app(self, call: EndpointCall) -> Response:
        """Return the app."""
        installations = self._apps.installations(_require_app(call))
        owned = self._database.is_organization(installations[0].account)
        return call.document(app_document(installations, call.api_url, is_organization=owned))

    def list_installations(self, call: EndpointCall) -> Response:
        """List the installations of the app."""
        return call.plain_listing(
            self._apps.installations(_require_app(call)),
            lambda installation: self._document(call, installation),
        )

    def get(self, call: EndpointCall) -> Response:
        """Return an installation of the app by its id."""
        return self._found(call, self._installation(call))

    def of_account(self, call: EndpointCall) -> Response:
        """Return the installation of the app for an organization or a user."""
        login = call.route.values["login"].lower()
        # The endpoint for users also finds organizations, but not the other way round.
        organizations_only = call.route.endpoint is Endpoint.ORGANIZATION_INSTALLATION
        if organizations_only and not self._database.is_organization(login):
            raise call.not_found()
        for installation in self._apps.installations(_require_app(call)):
            if installation.account.lower() == login:
                return self._found(call, installation)
        raise call.not_found()

    def of_repository(self, call: EndpointCall) -> Response:
        """Return the installation of the app that covers a repository."""
        app, installation = _require_app(call), None
        if call.found is not None:
            installation = self._apps.installation_for(app, call.found)
        if installation is None:
            raise call.not_found()
        return self._found(call, installation)

    def list_repositories(self, call: EndpointCall) -> Response:
        """List the repositories that an installation token may access."""
        identity = call.identity
        if identity.grant is None or identity.login is not None:
            raise ApiError(
                403,
                "You must authenticate with an installation access token in order to list "
                "repositories for an installation.",
                call.route.endpoint.documentation_url,
            )
        grant = identity.grant
        selection = "all" if grant.repositories is None else "selected"
        return call.listing(
            "repositories",
            [one for one in self._database.repositories() if grant.includes(one)],
            lambda one: full_repository_document(one, call.api_url, with_permissions=True),
            extra={"repository_selection": selection},
        )

    def create_token(self, call: EndpointCall) -> Response:
        """Create a token of an installation."""
        installation = self._installation(call)
        requested = _parse_body(call.request.body)
        selected = self._select_repositories(installation, requested)
        permissions = _select_permissions(installation, requested)
        ids = installation.grant.repositories
        if selected is not None:
            ids = frozenset(repository.id for repository in selected)
        token, expires = self._apps.create_token(installation, Grant(ids, permissions))
        document: dict[str, object] = {
            "token": token,
            "expires_at": timestamp(datetime.fromtimestamp(expires, UTC)),
            "permissions": permissions,
            "repository_selection": "selected" if selected else installation.repository_selection,
        }
        if selected is not None:
            document["repositories"] = [
                full_repository_document(repository, call.api_url, with_permissions=True)
                for repository in selected
            ]
        return call.document(document, status=201)

    def _installation(self, call: EndpointCall) -> Installation:
        number = call.route.number("installation_id")
        installation = self._apps.installation(_require_app(call), number)
        if installation is None:
            raise call.not_found()
        return installation

    def _found(self, call: EndpointCall, installation: Installation) -> Response:
        return call.document(self._document(call, installation))

    def _document(self, call: EndpointCall, installation: Installation) -> dict[str, object]:
        is_organization = self._database.is_organization(installation.account)
        return installation_document(installation, call.api_url, is_organization=is_organization)

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
    for name, (container, item) in _BODY_TYPES.items():
        value = requested.get(name, container())
        items = value.values() if isinstance(value, dict) else value
        if not isinstance(value, container) or not all(isinstance(one, item) for one in items):
            raise ApiError(
                422,
                f"Invalid request.\n\nFor 'properties/{name}', {json.dumps(value)} is not valid.",
                Endpoint.CREATE_TOKEN.documentation_url,
            )
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
