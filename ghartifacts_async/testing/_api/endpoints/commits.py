"""The endpoints of commits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from ghartifacts_async.testing._api.documents.accounts import web_url
from ghartifacts_async.testing._api.documents.commits import (
    branch_document,
    commit_document,
    file_documents,
    person_document,
    short_branch_document,
)
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.endpoints.pagination import Page
from ghartifacts_async.testing._api.errors import ApiError
from ghartifacts_async.testing._api.headers import media_type
from ghartifacts_async.testing._api.history import ancestors, merge_base
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Response
from ghartifacts_async.testing._shared.repository import DEFAULT_BRANCH, FakeCommit

_MAX_UNPAGED = 250
"""How many commits a comparison has without parameters of pagination.

Source:
    https://docs.github.com/rest/commits/commits#compare-two-commits
"""


class CommitEndpoints:
    """The handlers of the endpoints for commits.

    Args:
        database: The server's data.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, call: EndpointCall) -> Response:
        """List the history of a commit or branch, newest first."""
        _require_commits(call)
        query = call.request.query
        start = call.repository.commit(query.get("sha") or DEFAULT_BRANCH)
        if start is None:
            raise call.not_found()
        matches = _filter(query)
        found = [each for each in ancestors(call.repository.commits, start) if matches(each)]
        return call.plain_listing(
            found, lambda each: _document(call, each), modified=start.committed_at
        )

    def get(self, call: EndpointCall) -> Response:
        """Return a commit."""
        _require_commits(call)
        reference = call.route.values["ref"]
        commit = call.repository.commit(reference)
        if commit is None:
            message = f"No commit found for SHA: {reference}"
            raise ApiError(422, message, call.route.endpoint.documentation_url)
        if media_type(call.request.headers.get("Accept", ""))[1] == "sha":
            headers = {"Content-Type": "application/vnd.github.v3.sha; charset=utf-8"}
            return Response(200, headers, commit.sha.encode())
        return call.document(
            commit_document(commit, call.repository, call.api_url, with_files=True),
            modified=commit.committed_at,
        )

    def list_branches(self, call: EndpointCall) -> Response:
        """List the branches of a repository, none of which is protected."""
        branches = sorted(call.repository.branches.items())
        if call.request.query.get("protected") == "true":
            branches = []
        return call.plain_listing(
            branches,
            lambda branch: short_branch_document(*branch, call.repository, call.api_url),
        )

    def get_branch(self, call: EndpointCall) -> Response:
        """Return a branch with its newest commit."""
        name = call.route.values["branch"]
        sha = call.repository.branches.get(name)
        if sha is None:
            raise ApiError(404, "Branch not found", call.route.endpoint.documentation_url)
        commit = call.repository.commits[sha]
        return call.document(branch_document(name, commit, call.repository, call.api_url))

    def compare(self, call: EndpointCall) -> Response:
        """Compare two commits or branches, which may belong to forks."""
        names = call.route.values["basehead"].split("...")
        found = [self._find(call, name) for name in names]
        if len(found) != 2 or None in found:
            raise call.not_found()
        base, head = (commit for commit in found if commit is not None)
        commits = call.repository.commits
        common = merge_base(commits, base, head)
        if common is None:
            message = f"No common ancestor between {names[0]} and {names[1]}."
            raise ApiError(404, message, call.route.endpoint.documentation_url)
        of_base = {each.sha: each for each in ancestors(commits, base)}
        of_head = {each.sha: each for each in ancestors(commits, head)}
        ahead = [each for sha, each in of_head.items() if sha not in of_base][::-1]
        behind_by = len(of_base.keys() - of_head.keys())
        query, page = call.request.query, Page.from_query(call.request.query)
        is_paged = bool({"page", "per_page"} & query.keys())
        shown = ahead[page.start : page.start + page.size] if is_paged else ahead[-_MAX_UNPAGED:]
        names = [quote(name, safe="/:") for name in names]
        url = f"{call.api_url}/repos/{call.repository.full_name}/compare"
        web = f"{web_url(call.api_url)}/{call.repository.full_name}/compare"
        owner = call.repository.owner
        paths = sorted({path for each in ahead for path in each.files})
        files = file_documents(paths, head.sha, call.repository, call.api_url)
        document = {
            "url": f"{url}/{names[0]}...{names[1]}",
            "html_url": f"{web}/{names[0]}...{names[1]}",
            "permalink_url": f"{web}/{owner}:{base.sha}...{owner}:{head.sha}",
            "diff_url": f"{web}/{names[0]}...{names[1]}.diff",
            "patch_url": f"{web}/{names[0]}...{names[1]}.patch",
            "base_commit": _document(call, base),
            "merge_base_commit": _document(call, common),
            "status": _status(len(ahead), behind_by),
            "ahead_by": len(ahead),
            "behind_by": behind_by,
            "total_commits": len(ahead),
            "commits": [_document(call, each) for each in shown],
            **({"files": files} if page.number == 1 else {}),
        }
        links = call.links(len(ahead)) if is_paged else None
        return call.document(document, links, modified=head.committed_at)

    def _find(self, call: EndpointCall, name: str) -> FakeCommit | None:
        """Find a commit by a reference, or by `owner:reference` or `owner:repository:reference`."""
        *where, reference = name.split(":")
        repository = call.repository
        if where:
            full_name = f"{where[0]}/{where[1] if len(where) > 1 else repository.name}"
            fork = self._database.repository(full_name)
            if fork is None or fork.commits is not repository.commits:
                return None
            repository = fork
        return repository.commit(reference)


def _require_commits(call: EndpointCall) -> None:
    if not call.repository.branches:
        documentation_url = call.route.endpoint.documentation_url
        raise ApiError(409, "Git Repository is empty.", documentation_url)


def _filter(query: dict[str, str]) -> Callable[[FakeCommit], bool]:
    """Return the condition that a query sets for commits."""
    since, until = (_moment(query.get(name)) for name in ("since", "until"))
    authors = {query[name].lower() for name in ("author", "committer") if query.get(name)}
    path = query.get("path", "").strip("/")
    return lambda commit: (
        (not path or any(f"{file}/".startswith(f"{path}/") for file in commit.files))
        and (since is None or commit.committed_at >= since)
        and (until is None or commit.committed_at <= until)
        and authors <= {commit.author.lower(), str(person_document(commit.author)["email"]).lower()}
    )


def _moment(text: str | None) -> datetime | None:
    """Return a time in ISO format; like GitHub, ignore any other text."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _status(ahead_by: int, behind_by: int) -> str:
    if ahead_by and behind_by:
        return "diverged"
    return "ahead" if ahead_by else "behind" if behind_by else "identical"


def _document(call: EndpointCall, commit: FakeCommit) -> dict[str, object]:
    return commit_document(commit, call.repository, call.api_url)
