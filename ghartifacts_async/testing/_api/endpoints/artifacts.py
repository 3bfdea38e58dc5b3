"""The artifact endpoints: list, get, download and delete."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ghartifacts_async.testing._api.auth.identity import Identity
from ghartifacts_async.testing._api.endpoints.pagination import Page
from ghartifacts_async.testing._api.errors import JSON_CONTENT_TYPE, ApiError, encode_json
from ghartifacts_async.testing._api.routes import Endpoint, Route
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.database import Database, Repository
from ghartifacts_async.testing._shared.messages import Request, Response, etag_matches


class ArtifactEndpoints:
    """The handlers of the artifact endpoints.

    Args:
        database: The server's data.
        signed_url: A function that returns the URL to which an artifact's download is redirected.
    """

    def __init__(self, database: Database, signed_url: Callable[[FakeArtifact], str]) -> None:
        self._database = database
        self._signed_url = signed_url

    def list(
        self, request: Request, route: Route, repository: Repository, api_url: str
    ) -> Response:
        """Answer a request to list the artifacts of a repository or of a workflow run."""
        query = request.query
        path = f"/repositories/{repository.id}/actions/artifacts"
        run_id = None
        if route.endpoint is Endpoint.LIST_RUN:
            run_id = route.number
            if run_id not in repository.runs:
                raise ApiError(404, "Not Found", route.endpoint.documentation_url)
            path = f"/repositories/{repository.id}/actions/runs/{run_id}/artifacts"
        artifacts = repository.newest_first(query.get("name"), run_id)
        if run_id is not None and query.get("direction") == "asc":
            artifacts.reverse()
        page = Page.from_query(query)
        shown = artifacts[page.start : page.start + page.size]
        listing = {
            "total_count": len(artifacts),
            "artifacts": [artifact.document(api_url) for artifact in shown],
        }
        links = page.links(api_url + path, query, len(artifacts))
        return _conditional_response(request, listing, links)

    def one(
        self,
        request: Request,
        route: Route,
        repository: Repository,
        identity: Identity,
        api_url: str,
    ) -> Response:
        """Answer a request to get, download or delete one artifact."""
        documentation_url = route.endpoint.documentation_url
        if route.endpoint is not Endpoint.GET and not identity.is_authenticated:
            raise ApiError(401, "Requires authentication", documentation_url)
        artifact = self._database.artifact(route.number)
        if artifact is None or artifact.repository_id != repository.id:
            raise ApiError(404, "Not Found", documentation_url)
        if route.endpoint is Endpoint.GET:
            return _conditional_response(request, artifact.document(api_url))
        if route.endpoint is Endpoint.DELETE:
            self._database.delete_artifact(artifact.id)
            return Response(204)
        if artifact.expired:
            raise ApiError(410, "Artifact has expired", documentation_url)
        return Response(302, {"Location": self._signed_url(artifact)})


def _conditional_response(
    request: Request, document: object, headers: dict[str, str] | None = None
) -> Response:
    """Return the document with its ETag, or 304 if `If-None-Match` has that ETag."""
    body = encode_json(document)
    etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
    common = {
        "Cache-Control": "private, max-age=60, s-maxage=60",
        "ETag": etag,
        "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
        **(headers or {}),
    }
    condition = request.headers.get("If-None-Match")
    if condition is not None and etag_matches(condition, etag, weakly=True):
        return Response(304, common)
    return Response(200, {"Content-Type": JSON_CONTENT_TYPE, **common}, body)
