"""The five endpoints: what to ask, and what an answer means.

Source: https://docs.github.com/rest/actions/artifacts
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode

from attrs import field, frozen

from ghartifacts_async._api import rate_limit_headers
from ghartifacts_async._http.messages import Response, printable
from ghartifacts_async.errors import (
    ApiVersionRetired,
    ArtifactExpired,
    AuthenticationError,
    GitHubError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnexpectedReply,
)
from ghartifacts_async.models import Artifact, ArtifactPage, Direction

_T = TypeVar("_T")

ACCEPT = "application/vnd.github+json"
"""For every call, the download too: it answers 415 to the type of the payload."""


@frozen
class ApiCall:
    """A request to the API, below its base URL.

    Attributes:
        path: Percent-encoded, with a leading slash and none at its end (GitHub answers 404).
        query: Parameters by name.
        conditional: Whether an earlier answer may be kept, and asked after with its ``ETag``.
        body: JSON to send, or ``None``.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(factory=dict)
    conditional: bool = False
    body: Mapping[str, object] | None = None

    @property
    def target(self) -> str:
        """Path and query as sent."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def list_repository_artifacts(repository: str, *, name: str | None, per_page: int) -> ApiCall:
    """First page of a repository's artifacts."""
    query = {"per_page": str(per_page)} | ({} if name is None else {"name": name})
    return ApiCall("GET", f"/repos/{repository}/actions/artifacts", query, conditional=True)


def list_run_artifacts(
    repository: str, run_id: int, *, name: str | None, direction: Direction, per_page: int
) -> ApiCall:
    """First page of a run's artifacts."""
    query = {"per_page": str(per_page), "direction": direction}
    query |= {} if name is None else {"name": name}
    path = f"/repos/{repository}/actions/runs/{run_id}/artifacts"
    return ApiCall("GET", path, query, conditional=True)


def get_artifact(repository: str, artifact_id: int) -> ApiCall:
    """One artifact."""
    path = f"/repos/{repository}/actions/artifacts/{artifact_id}"
    return ApiCall("GET", path, conditional=True)


def delete_artifact(repository: str, artifact_id: int) -> ApiCall:
    """Delete one artifact."""
    return ApiCall("DELETE", f"/repos/{repository}/actions/artifacts/{artifact_id}")


def download_artifact(repository: str, artifact_id: int) -> ApiCall:
    """Ask where an artifact's bytes are: the answer is a redirect to a signed URL."""
    return ApiCall("GET", f"/repos/{repository}/actions/artifacts/{artifact_id}/zip")


def find_installation(repository: str) -> ApiCall:
    """The installation of the app, whose JWT asks, on a repository."""
    return ApiCall("GET", f"/repos/{repository}/installation")


def create_installation_token(
    installation_id: int, permissions: Mapping[str, str] | None
) -> ApiCall:
    """A token for an installation of the app, whose JWT asks."""
    body = {} if permissions is None else {"permissions": dict(permissions)}
    return ApiCall("POST", f"/app/installations/{installation_id}/access_tokens", body=body)


def read_artifact(call: ApiCall, reply: Response) -> Artifact:
    """The artifact of a reply to `get_artifact`."""
    return read_as(Artifact, call, reply)


def read_page(call: ApiCall, reply: Response) -> ArtifactPage:
    """The artifacts of a reply to one of the listings."""
    return read_as(ArtifactPage, call, reply)


def read_as(model: type[_T], call: ApiCall, reply: Response) -> _T:
    """What a reply holds.

    Raises:
        UnexpectedReply: It is of another shape.
    """
    # Here, as cattrs takes a third as long to load as all that a client needs.
    from ghartifacts_async._api.converters import ShapeError, parse_json, structure

    try:
        if reply.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise ShapeError(f"status {reply.status}")
        return structure(parse_json(reply.body), model)
    except ShapeError as error:
        problem = str(error)
    kind = printable(reply.headers.get("content-type", "no content type"))
    # What a token is granted with is not shown.
    start = "" if call.method == "POST" else f", starting {reply.body[:60]!r}"
    raise _error(
        UnexpectedReply,
        f"{call}: the answer is no {model.__name__.strip('_')}: {problem} "
        f"({kind}, {len(reply.body)} bytes{start})",
        reply,
    )


def check_deleted(call: ApiCall, reply: Response) -> None:
    """Make sure that a reply to `delete_artifact` says so."""
    if reply.status != HTTPStatus.NO_CONTENT:
        raise _error(UnexpectedReply, f"{call}: expected 204, got {reply.status}", reply)


def error_of(call: ApiCall, reply: Response) -> GitHubError | None:
    """The error that a reply means, ``None`` where it is a success or a redirect."""
    status = reply.status
    if status < HTTPStatus.BAD_REQUEST:
        return None
    message, documentation = _message(reply)
    said = f"{call}: {status} {printable(message)}".rstrip()
    told: dict[str, Any] = {"message": message, "documentation_url": documentation}
    if rate_limit_headers.is_limit(reply.status, reply.headers, message, documentation):
        retry_at = rate_limit_headers.retry_at(reply.headers)
        until = f"; calls are taken again at {retry_at:%Y-%m-%d %H:%M:%S} UTC" if retry_at else ""
        return _error(RateLimited, f"{said}{until}", reply, retry_at=retry_at, **told)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return _error(AuthenticationError, f"{said}; check the token", reply, **told)
        case HTTPStatus.FORBIDDEN:
            needed = reply.headers.get("x-accepted-github-permissions")
            hint = f"; GitHub would accept {printable(needed)}" if needed else ""
            return _error(
                PermissionDenied, f"{said}{hint}", reply, accepted_permissions=needed, **told
            )
        case HTTPStatus.NOT_FOUND:
            needed = "read" if call.method == "GET" else "write"
            hint = f"; it does not exist, or the token lacks actions={needed} on this repository"
            return _error(NotFound, f"{said}{hint}", reply, **told)
        case HTTPStatus.GONE if "artifact" in message.lower() or "version" not in message.lower():
            return _error(ArtifactExpired, said, reply, **told)
        case HTTPStatus.GONE:
            hint = "; GitHub has retired this API version, pass a later one as api_version"
            return _error(ApiVersionRetired, f"{said}{hint}", reply, **told)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _error(ServerError, said, reply, **told)
    return _error(UnexpectedReply, said, reply, **told)


_E = TypeVar("_E", bound=GitHubError)


def _error(cls: type[_E], summary: str, reply: Response, **more: Any) -> _E:
    request_id = reply.headers.get("x-github-request-id")
    return cls(
        f"{summary} (request {printable(request_id)})" if request_id else summary,
        status=reply.status,
        request_id=request_id,
        **more,
    )


def _message(reply: Response) -> tuple[str, str | None]:
    """GitHub's message and documentation URL, as far as the body is GitHub's."""
    from ghartifacts_async._api.converters import ShapeError, parse_json

    try:
        body = parse_json(reply.body)
    except ShapeError:
        body = None
    if not isinstance(body, dict):
        return "", None
    message, documentation = body.get("message"), body.get("documentation_url")
    return (
        message if isinstance(message, str) else "",
        documentation if isinstance(documentation, str) else None,
    )
