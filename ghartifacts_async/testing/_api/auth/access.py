"""What the sender of a request may see and do, and GitHub's messages for what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._api.routes import Endpoint

if TYPE_CHECKING:
    from ghartifacts_async.testing._api.auth.identity import Identity
    from ghartifacts_async.testing._shared.repository import Repository

_NO_DOWNLOAD = "You must have the actions scope to download artifacts."
_NO_ADMIN = "Must have admin rights to Repository."
_NO_INTEGRATION = "Resource not accessible by integration"
_NO_PERSONAL_TOKEN = "Resource not accessible by personal access token"  # noqa: S105 - a message


def require_visible(
    repository: Repository | None, identity: Identity, endpoint: Endpoint
) -> Repository:
    """Return the repository, or raise a 404 if it is missing or hidden from the sender."""
    if repository is None or not may_see(identity, repository):
        raise ApiError(404, "Not Found", endpoint.documentation_url)
    return repository


def check_permission(identity: Identity, repository: Repository, endpoint: Endpoint) -> None:
    """Raise a 403 if the sender lacks the permission that the endpoint requires."""
    if endpoint.permission is None:
        return
    permission, _, level = endpoint.permission.partition("=")
    grant, needs_token = identity.grant, level == "write" or endpoint.downloads
    if identity.login is not None and identity.scopes is None:
        allowed = grant is None or (grant.includes(repository) and grant.allows(permission, level))
        if allowed or not (repository.private or needs_token):
            return
        raise _forbidden(_NO_PERSONAL_TOKEN, endpoint)
    if identity.app is not None:
        raise _forbidden(_NO_INTEGRATION, endpoint)
    if identity.is_authenticated and identity.scopes is None:
        if grant and not (grant.includes(repository) and grant.allows(permission, level)):
            raise _forbidden(_NO_INTEGRATION, endpoint)
    elif needs_token and not _has_scope(identity, repository):
        message = _NO_DOWNLOAD if endpoint.downloads else _NO_ADMIN
        raise ApiError(403, message, endpoint.documentation_url)
    elif level == "write" and grant and not grant.includes(repository):
        raise ApiError(403, _NO_ADMIN, endpoint.documentation_url)


def access_headers(identity: Identity, endpoint: Endpoint | None) -> dict[str, str]:
    """Return the response headers that describe the token of the request."""
    headers: dict[str, str] = {}
    if identity.expires_at is not None:
        expiry = datetime.fromtimestamp(identity.expires_at, UTC)
        headers["GitHub-Authentication-Token-Expiration"] = f"{expiry:%Y-%m-%d %H:%M:%S} UTC"
    if identity.scopes is not None:
        headers["X-OAuth-Scopes"] = ", ".join(sorted(identity.scopes))
        headers["X-Accepted-OAuth-Scopes"] = "repo" if endpoint is Endpoint.GET_REPOSITORY else ""
    elif identity.grant is not None and endpoint is not None and endpoint.permission is not None:
        headers["X-Accepted-GitHub-Permissions"] = endpoint.permission
    return headers


def may_see(identity: Identity, repository: Repository) -> bool:
    """Return True if the sender may know that a repository exists."""
    if not repository.private:
        return True
    if identity.scopes is not None and "repo" not in identity.scopes:
        return False
    included = identity.grant is None or identity.grant.includes(repository)
    return identity.is_authenticated and included


def _has_scope(identity: Identity, repository: Repository) -> bool:
    scopes = identity.scopes or ()
    return "repo" in scopes or ("public_repo" in scopes and not repository.private)


def _forbidden(message: str, endpoint: Endpoint) -> ApiError:
    accepted = {"X-Accepted-GitHub-Permissions": endpoint.permission or ""}
    return ApiError(403, message, endpoint.documentation_url, accepted)
