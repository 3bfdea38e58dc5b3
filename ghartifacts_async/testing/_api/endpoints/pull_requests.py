"""The endpoints of pull requests, which exist if a run belongs to them."""

from __future__ import annotations

from collections.abc import Iterable

from ghartifacts_async.testing._api.documents.pull_requests import pull_request_document
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Response
from ghartifacts_async.testing._shared.repository import DEFAULT_BRANCH
from ghartifacts_async.testing._shared.run import FakeRun


class PullRequestEndpoints:
    """The handlers of the endpoints for pull requests.

    Args:
        database: The server's data.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, call: EndpointCall) -> Response:
        """Return a pull request."""
        runs = _runs_by_number(call).get(call.route.number("pull_number"))
        if runs is None:
            raise call.not_found()
        return call.document(self._document(call, runs, is_full=True), modified=runs[0].updated_at)

    def list_open(self, call: EndpointCall) -> Response:
        """List the pull requests of a repository, all of which are open, newest first."""
        query = call.request.query
        none = query.get("state") == "closed" or query.get("base") not in {None, DEFAULT_BRANCH, ""}
        found = [] if none else _newest_first(_runs_by_number(call).values())
        if ":" in query.get("head", ""):
            found = [runs for runs in found if _label(runs[0]) == query["head"]]
        if query.get("direction") == "asc":
            found.reverse()
        return self._listing(call, found)

    def list_of_commit(self, call: EndpointCall) -> Response:
        """List the pull requests with a commit."""
        reference = call.route.values["commit_sha"]
        commit = call.repository.commit(reference)
        sha = reference if commit is None else commit.sha
        found = [
            runs
            for runs in _runs_by_number(call).values()
            if any(run.head_sha == sha for run in runs)
        ]
        if commit is None and not any(run.head_sha == sha for run in call.repository.runs):
            message = f"No commit found for SHA: {reference}"
            raise ApiError(422, message, call.route.endpoint.documentation_url)
        return self._listing(call, _newest_first(found))

    def _listing(self, call: EndpointCall, found: list[list[FakeRun]]) -> Response:
        return call.plain_listing(found, lambda runs: self._document(call, runs))

    def _document(
        self, call: EndpointCall, runs: list[FakeRun], *, is_full: bool = False
    ) -> dict[str, object]:
        head = self._database.repository(runs[0].head_repository_id)
        return pull_request_document(runs, call.repository, head, call.api_url, is_full=is_full)


def _runs_by_number(call: EndpointCall) -> dict[int, list[FakeRun]]:
    """Return the runs of each pull request of a repository, newest first."""
    found: dict[int, list[FakeRun]] = {}
    for run in reversed(call.repository.runs):
        if run.pull_request is not None:
            found.setdefault(run.pull_request, []).append(run)
    return found


def _newest_first(found: Iterable[list[FakeRun]]) -> list[list[FakeRun]]:
    return sorted(found, key=lambda runs: runs[0].pull_request or 0, reverse=True)


def _label(run: FakeRun) -> str:
    return f"{run.head_repository.partition('/')[0]}:{run.head_branch}"
