"""Which endpoint a method and a path name."""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import attrs

_GHES_BASE = "/api/v3"


class Endpoint(Enum):
    """The endpoints, each with its page and anchor in GitHub's documentation."""

    LIST = "actions/artifacts#list-artifacts-for-a-repository"
    LIST_RUN = "actions/artifacts#list-workflow-run-artifacts"
    GET = "actions/artifacts#get-an-artifact"
    DELETE = "actions/artifacts#delete-an-artifact"
    DOWNLOAD = "actions/artifacts#download-an-artifact"
    INSTALLATION = "apps/apps#get-a-repository-installation-for-the-authenticated-app"
    TOKENS = "apps/apps#create-an-installation-access-token-for-an-app"

    @property
    def documentation_url(self) -> str:
        """Where GitHub documents it."""
        return f"https://docs.github.com/rest/{self.value}"


@attrs.frozen
class Route:
    """What a path names, before anything is looked up.

    Attributes:
        endpoint: The endpoint.
        base: `""`, or `"/api/v3"` where the call came in as a GHES's.
        repository: `"owner/name"`, or the numeric id of a `/repositories/{id}/…` path.
        number: The id of the artifact, run or installation; 0 where the path has none.
        rest: What follows the repository in the path, escapes untouched.
    """

    endpoint: Endpoint
    base: str
    repository: str | int
    number: int = 0
    rest: str = ""


def find_route(method: str, raw_path: str) -> Route | None:
    """Return what a request names, or None where GitHub has nothing of the kind."""
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
    found = _below_repository(method, rest)
    if found is None:
        return None
    return Route(found[0], base, repository, found[1], "/".join(raw[-len(rest) :]))


def _below_repository(method: str, rest: list[str]) -> tuple[Endpoint, int] | None:
    # HEAD is a GET whose body stays behind.
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
