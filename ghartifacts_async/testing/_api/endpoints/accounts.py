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
        login = _require_user(call)
        query = call.request.query
        if "type" in query and query.keys() & {"visibility", "affiliation"}:
            raise ApiError(
                422,
                "If you specify visibility or affiliation, you cannot specify type.",
                call.route.endpoint.documentation_url,
            )
        return _listing(call, self._database.repositories(), login, by="full_name")

    def list_of_user(self, call: EndpointCall) -> Response:
        """List the public repositories of a user or an organization, by name."""
        login = self._login(call)
        public = [repository for repository in self._owned(login) if not repository.private]
        return _listing(call, public, login, by="full_name")

    def list_of_organization(self, call: EndpointCall) -> Response:
        """List the repositories of an organization, newest first."""
        login = self._organization(call)
        return _listing(call, self._owned(login), login, by="created")

    def _owned(self, login: str) -> list[Repository]:
        return [one for one in self._database.repositories() if one.owner.lower() == login.lower()]

    def _count_public(self, login: str) -> int:
        return sum(not repository.private for repository in self._owned(login))

    def _login(self, call: EndpointCall) -> str:
        """Return the login in the path as its account spells it."""
        requested = call.route.values["login"]
        login = self._database.login(requested)
        if login is None and requested.lower() == DEFAULT_LOGIN:
            return DEFAULT_LOGIN
        if login is None:
            raise call.not_found()
        return login

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


def _listing(
    call: EndpointCall, repositories: Iterable[Repository], login: str, *, by: str
) -> Response:
    """List those of the repositories that the sender may see and that the query selects.

    Args:
        call: The call.
        repositories: The repositories, oldest first.
        login: The account that owns the repositories of the type `owner`.
        by: The order if the query has none: `"full_name"` or `"created"`.
    """
    query, known = call.request.query, call.identity.is_authenticated
    wanted = {query.get("type"), query.get("visibility")}
    selected = [
        repository
        for repository in repositories
        if may_see(call.identity, repository) and wanted.isdisjoint(_other_types(repository, login))
    ]
    by_name = query.get("sort", by) == "full_name"
    if by_name:
        selected.sort(key=lambda repository: repository.full_name.lower())
    if query.get("direction", "asc" if by_name else "desc") == "desc":
        selected.reverse()
    return call.plain_listing(
        selected, lambda one: full_repository_document(one, call.api_url, with_permissions=known)
    )


def _other_types(repository: Repository, login: str) -> set[str]:
    """Return the types of repositories that this one does not have."""
    return {
        "public" if repository.private else "private",
        "sources" if repository.parent else "forks",
        "member" if repository.owner.lower() == login.lower() else "owner",
    }
