"""The endpoints of users, organizations and the repositories of either."""

from __future__ import annotations

from collections.abc import Iterable

from ghartifacts_async.testing._api.auth.access import may_see
from ghartifacts_async.testing._api.auth.tokens import DEFAULT_LOGIN
from ghartifacts_async.testing._api.documents.accounts import (
    LONG_AGO,
    organization_document,
    private_user_document,
    public_user_document,
)
from ghartifacts_async.testing._api.documents.repositories import full_repository_document
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Response
from ghartifacts_async.testing._shared.repository import Repository


class AccountEndpoints:
    """The handlers of the endpoints for users and organizations.

    Args:
        database: The server's data.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def sender(self, call: EndpointCall) -> Response:
        """Return the user whose token it is."""
        login = _require_user(call)
        document = private_user_document(
            login, call.api_url, public_repos=self._count_public(login)
        )
        return call.document(document, modified=LONG_AGO)

    def user(self, call: EndpointCall) -> Response:
        """Return a user or an organization."""
        login = self._login(call)
        is_organization = self._database.is_organization(login)
        return call.document(
            public_user_document(
                login,
                call.api_url,
                public_repos=self._count_public(login),
                is_organization=is_organization,
            ),
            modified=LONG_AGO,
        )

    def organization(self, call: EndpointCall) -> Response:
        """Return an organization."""
        login = self._organization(call)
        return call.document(
            organization_document(login, call.api_url, public_repos=self._count_public(login)),
            modified=LONG_AGO,
        )

    def list_of_sender(self, call: EndpointCall) -> Response:
        """List the repositories that a token of a user can access, by name."""
        _require_user(call)
        return _listing(call, sorted(self._database.repositories(), key=_name))

    def list_of_user(self, call: EndpointCall) -> Response:
        """List the repositories of a user or an organization, by name."""
        return _listing(call, sorted(self._owned(self._login(call)), key=_name))

    def list_of_organization(self, call: EndpointCall) -> Response:
        """List the repositories of an organization, newest first."""
        return _listing(call, self._owned(self._organization(call))[::-1])

    def _owned(self, login: str) -> list[Repository]:
        return [one for one in self._database.repositories() if one.owner.lower() == login.lower()]

    def _count_public(self, login: str) -> int:
        return sum(not repository.private for repository in self._owned(login))

    def _login(self, call: EndpointCall) -> str:
        """Return the login in the path as its account spells it."""
        requested = call.route.values["login"]
        known = [DEFAULT_LOGIN, call.identity.login or "", *self._database.organizations()]
        known += [repository.owner for repository in self._database.repositories()]
        for login in reversed(known):
            if login.lower() == requested.lower():
                return login
        raise call.not_found()

    def _organization(self, call: EndpointCall) -> str:
        login = self._login(call)
        if not self._database.is_organization(login):
            raise call.not_found()
        return login


def _require_user(call: EndpointCall) -> str:
    identity, documentation_url = call.identity, call.route.endpoint.documentation_url
    if not identity.is_authenticated:
        raise ApiError(401, "Requires authentication", documentation_url)
    if identity.login is None:
        raise ApiError(403, "Resource not accessible by integration", documentation_url)
    return identity.login


def _listing(call: EndpointCall, repositories: Iterable[Repository]) -> Response:
    known = call.identity.is_authenticated
    return call.plain_listing(
        [repository for repository in repositories if may_see(call.identity, repository)],
        lambda one: full_repository_document(one, call.api_url, with_permissions=known),
    )


def _name(repository: Repository) -> str:
    return repository.full_name.lower()
