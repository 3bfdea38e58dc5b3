"""The artifact endpoints: list, get, download and delete."""

from __future__ import annotations

from collections.abc import Callable

from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Request, Response


class ArtifactEndpoints:
    """The handlers of the artifact endpoints.

    Args:
        database: The server's data.
        signed_url: A function that returns the URL to which an artifact's download is redirected.
    """

    def __init__(
        self, database: Database, signed_url: Callable[[FakeArtifact, Request], str]
    ) -> None:
        self._database = database
        self._signed_url = signed_url

    def list(self, call: EndpointCall) -> Response:
        """List the artifacts of a repository or of a workflow run."""
        query, run_id = call.request.query, None
        if "run_id" in call.route.values:
            run_id = call.route.number("run_id")
            attempts = self._database.attempts(run_id)
            if not attempts or attempts[-1].repository_id != call.repository.id:
                raise call.not_found()
        artifacts = call.repository.newest_first(query.get("name"), run_id)
        if run_id is not None and query.get("direction") == "asc":
            artifacts.reverse()
        now = self._database.current_time()
        return call.listing(
            "artifacts", artifacts, lambda artifact: artifact.at(now).document(call.api_url)
        )

    def get(self, call: EndpointCall) -> Response:
        """Return an artifact."""
        return call.document(self._artifact(call).document(call.api_url))

    def delete(self, call: EndpointCall) -> Response:
        """Delete an artifact."""
        self._database.delete_artifact(self._artifact(call).id)
        return Response(204)

    def download(self, call: EndpointCall) -> Response:
        """Redirect to the signed URL of an artifact."""
        artifact = self._artifact(call)
        if artifact.expired:
            documentation_url = call.route.endpoint.documentation_url
            raise ApiError(410, "Artifact has expired", documentation_url)
        location = self._signed_url(artifact, call.request)
        return Response(302, {"Content-Type": "text/html;charset=utf-8", "Location": location})

    def _artifact(self, call: EndpointCall) -> FakeArtifact:
        artifact = self._database.artifact(call.route.number("artifact_id"))
        if artifact is None or artifact.repository_id != call.repository.id:
            raise call.not_found()
        return artifact
