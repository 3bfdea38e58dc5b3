"""Routing: find the endpoint for the method and path of a request."""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import attrs

_GHES_BASE = "/api/v3"


class Endpoint(Enum):
    """The endpoints of the API. Each value is a page and an anchor in GitHub's documentation."""

    LIST = "actions/artifacts#list-artifacts-for-a-repository"
    LIST_RUN = "actions/artifacts#list-workflow-run-artifacts"
    GET = "actions/artifacts#get-an-artifact"
    DELETE = "actions/artifacts#delete-an-artifact"
    DOWNLOAD = "actions/artifacts#download-an-artifact"
    INSTALLATION = "apps/apps#get-a-repository-installation-for-the-authenticated-app"
    TOKENS = "apps/apps#create-an-installation-access-token-for-an-app"

    @property
    def documentation_url(self) -> str:
        """The URL of GitHub's documentation for this endpoint."""
        return f"https://docs.github.com/rest/{self.value}"


@attrs.frozen
class Route:
    """The endpoint of a request, and the values in its path.

    Attributes:
        endpoint: The endpoint.
        base: `"/api/v3"` if the path starts with it, as on a GitHub Enterprise Server, or `""`.
        repository: `"owner/name"`, or the numeric id in a `/repositories/{id}/…` path.
        number: The id of the artifact, run or installation; 0 if the path has none.
        subpath: The part of the path after the repository, percent-encoding untouched.
    """

    endpoint: Endpoint
    base: str
    repository: str | int
    number: int = 0
    subpath: str = ""


def find_route(method: str, raw_path: str) -> Route | None:
    """Return the route of a request, or None if no endpoint matches."""
    base = _GHES_BASE if raw_path.startswith(f"{_GHES_BASE}/") else ""
    raw = raw_path.removeprefix(base).split("/")
    segments = [unquote(segment) for segment in raw]
    repository: str | int
    match segments:
        case ["", "repos", owner, name, *rest]:
            repository = f"{owner}/{name}"
        case ["", "repositories", number, *rest] if _is_id(number):
            repository = int(number)
        case ["", "app", "installations", number, "access_tokens"] if _is_id(number):
            return Route(Endpoint.TOKENS, base, 0, int(number)) if method == "POST" else None
        case _:
            return None
    found = _find_repository_endpoint(method, rest)
    if found is None:
        return None
    endpoint, identifier = found
    return Route(endpoint, base, repository, identifier, "/".join(raw[-len(rest) :]))


def _find_repository_endpoint(method: str, rest: list[str]) -> tuple[Endpoint, int] | None:
    """Return the endpoint for a path below a repository, and the id in the path or 0."""
    # HEAD is handled as GET; the HTTP server leaves out the body.
    match ["GET" if method == "HEAD" else method, *rest]:
        case ["GET", "installation"]:
            return Endpoint.INSTALLATION, 0
        case ["GET", "actions", "artifacts"]:
            return Endpoint.LIST, 0
        case ["GET", "actions", "runs", number, "artifacts"] if _is_id(number):
            return Endpoint.LIST_RUN, int(number)
        case ["GET", "actions", "artifacts", number] if _is_id(number):
            return Endpoint.GET, int(number)
        case ["DELETE", "actions", "artifacts", number] if _is_id(number):
            return Endpoint.DELETE, int(number)
        case ["GET", "actions", "artifacts", number, "zip"] if _is_id(number):
            return Endpoint.DOWNLOAD, int(number)
        case _:
            return None


def _is_id(segment: str) -> bool:
    return segment.isascii() and segment.isdecimal() and len(segment) < 20
