"""Which endpoint a method and a path name."""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import attrs

_GHES_BASE = "/api/v3"


class Endpoint(Enum):
    """The endpoints, each with its anchor on GitHub's page about artifacts."""

    LIST = "list-artifacts-for-a-repository"
    LIST_RUN = "list-workflow-run-artifacts"
    GET = "get-an-artifact"
    DELETE = "delete-an-artifact"
    DOWNLOAD = "download-an-artifact"

    @property
    def documentation_url(self) -> str:
        """Where GitHub documents it."""
        return f"https://docs.github.com/rest/actions/artifacts#{self.value}"


@attrs.frozen
class Route:
    """What a path names, before anything is looked up.

    Attributes:
        endpoint: The endpoint.
        base: `""`, or `"/api/v3"` where the call came in as a GHES's.
        repository: `"owner/name"`, or the numeric id of a `/repositories/{id}/…` path.
        number: The id of the artifact, or of the run; 0 where the path has none.
    """

    endpoint: Endpoint
    base: str
    repository: str | int
    number: int = 0


def find_route(method: str, raw_path: str) -> Route | None:
    """Return what a request names, or None where GitHub has nothing of the kind."""
    base = _GHES_BASE if raw_path.startswith(f"{_GHES_BASE}/") else ""
    segments = [unquote(segment) for segment in raw_path.removeprefix(base).split("/")]
    repository: str | int
    match segments:
        case ["", "repos", owner, name, "actions", *rest]:
            repository = f"{owner}/{name}"
        case ["", "repositories", number, "actions", *rest] if _is_id(number):
            repository = int(number)
        case _:
            return None
    # HEAD is a GET whose body stays behind.
    match ["GET" if method == "HEAD" else method, *rest]:
        case ["GET", "artifacts"]:
            return Route(Endpoint.LIST, base, repository)
        case ["GET", "runs", number, "artifacts"] if _is_id(number):
            return Route(Endpoint.LIST_RUN, base, repository, int(number))
        case ["GET", "artifacts", number] if _is_id(number):
            return Route(Endpoint.GET, base, repository, int(number))
        case ["DELETE", "artifacts", number] if _is_id(number):
            return Route(Endpoint.DELETE, base, repository, int(number))
        case ["GET", "artifacts", number, "zip"] if _is_id(number):
            return Route(Endpoint.DOWNLOAD, base, repository, int(number))
        case _:
            return None


def _is_id(segment: str) -> bool:
    return segment.isascii() and segment.isdecimal() and len(segment) < 20
