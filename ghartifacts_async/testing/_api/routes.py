"""Routing: find the endpoint for the method and path of a request."""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import attrs

_GHES_BASE = "/api/v3"
_REPOSITORY = "/repos/{owner}/{repo}"
_RUN = f"{_REPOSITORY}/actions/runs/{{run_id}}"
_ARTIFACT = f"{_REPOSITORY}/actions/artifacts/{{artifact_id}}"
_WORKFLOWS = f"{_REPOSITORY}/actions/workflows"
_RUN_PAGE = "actions/workflow-runs"
_NUMBERS = {
    "{artifact_id}", "{attempt_number}", "{check_run_id}", "{installation_id}", "{job_id}",
    "{pull_number}", "{repository_id}", "{run_id}",
}  # fmt: skip
"""Parameters of paths that are numbers. Other parameters, such as workflows, are any text."""
_WITH_SLASHES = {"{basehead}", "{branch}", "{ref}"}
"""Parameters at the end of a path that take the rest of it, since branches have slashes."""
_BELOW_COMMITS = {
    "branches-where-head", "check-runs", "check-suites", "comments", "protection", "pulls",
    "rename", "status", "statuses",
}  # fmt: skip
"""Parts of GitHub's paths below a branch or commit, which belong to other endpoints."""


class Endpoint(Enum):
    """The endpoints of the API.

    Each value has the method, the path, the page and anchor in GitHub's documentation, and the
    permission that the endpoint requires.
    """

    LIST_ARTIFACTS = (
        "GET",
        f"{_REPOSITORY}/actions/artifacts",
        "actions/artifacts#list-artifacts-for-a-repository",
        "actions=read",
    )
    LIST_RUN_ARTIFACTS = (
        "GET",
        f"{_RUN}/artifacts",
        "actions/artifacts#list-workflow-run-artifacts",
        "actions=read",
    )
    GET_ARTIFACT = "GET", _ARTIFACT, "actions/artifacts#get-an-artifact", "actions=read"
    DELETE_ARTIFACT = "DELETE", _ARTIFACT, "actions/artifacts#delete-an-artifact", "actions=write"
    DOWNLOAD_ARTIFACT = (
        "GET",
        f"{_ARTIFACT}/zip",
        "actions/artifacts#download-an-artifact",
        "actions=read",
    )
    LIST_RUNS = (
        "GET",
        f"{_REPOSITORY}/actions/runs",
        f"{_RUN_PAGE}#list-workflow-runs-for-a-repository",
        "actions=read",
    )
    GET_RUN = "GET", _RUN, f"{_RUN_PAGE}#get-a-workflow-run", "actions=read"
    DELETE_RUN = "DELETE", _RUN, f"{_RUN_PAGE}#delete-a-workflow-run", "actions=write"
    CANCEL_RUN = "POST", f"{_RUN}/cancel", f"{_RUN_PAGE}#cancel-a-workflow-run", "actions=write"
    RERUN = "POST", f"{_RUN}/rerun", f"{_RUN_PAGE}#re-run-a-workflow", "actions=write"
    RERUN_FAILED_JOBS = (
        "POST",
        f"{_RUN}/rerun-failed-jobs",
        f"{_RUN_PAGE}#re-run-failed-jobs-from-a-workflow-run",
        "actions=write",
    )
    GET_ATTEMPT = (
        "GET",
        f"{_RUN}/attempts/{{attempt_number}}",
        f"{_RUN_PAGE}#get-a-workflow-run-attempt",
        "actions=read",
    )
    LIST_JOBS = (
        "GET",
        f"{_RUN}/jobs",
        "actions/workflow-jobs#list-jobs-for-a-workflow-run",
        "actions=read",
    )
    LIST_ATTEMPT_JOBS = (
        "GET",
        f"{_RUN}/attempts/{{attempt_number}}/jobs",
        "actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt",
        "actions=read",
    )
    GET_JOB = (
        "GET",
        f"{_REPOSITORY}/actions/jobs/{{job_id}}",
        "actions/workflow-jobs#get-a-job-for-a-workflow-run",
        "actions=read",
    )
    LIST_ANNOTATIONS = (
        "GET",
        f"{_REPOSITORY}/check-runs/{{check_run_id}}/annotations",
        "checks/runs#list-check-run-annotations",
        "checks=read",
    )
    LIST_WORKFLOWS = (
        "GET",
        _WORKFLOWS,
        "actions/workflows#list-repository-workflows",
        "actions=read",
    )
    GET_WORKFLOW = (
        "GET",
        f"{_WORKFLOWS}/{{workflow_id}}",
        "actions/workflows#get-a-workflow",
        "actions=read",
    )
    LIST_WORKFLOW_RUNS = (
        "GET",
        f"{_WORKFLOWS}/{{workflow_id}}/runs",
        f"{_RUN_PAGE}#list-workflow-runs-for-a-workflow",
        "actions=read",
    )
    LIST_BRANCHES = (
        "GET",
        f"{_REPOSITORY}/branches",
        "branches/branches#list-branches",
        "contents=read",
    )
    GET_BRANCH = (
        "GET",
        f"{_REPOSITORY}/branches/{{branch}}",
        "branches/branches#get-a-branch",
        "contents=read",
    )
    LIST_COMMITS = (
        "GET",
        f"{_REPOSITORY}/commits",
        "commits/commits#list-commits",
        "contents=read",
    )
    GET_COMMIT = (
        "GET",
        f"{_REPOSITORY}/commits/{{ref}}",
        "commits/commits#get-a-commit",
        "contents=read",
    )
    COMPARE_COMMITS = (
        "GET",
        f"{_REPOSITORY}/compare/{{basehead}}",
        "commits/commits#compare-two-commits",
        "contents=read",
    )
    LIST_COMMIT_PULLS = (
        "GET",
        f"{_REPOSITORY}/commits/{{commit_sha}}/pulls",
        "commits/commits#list-pull-requests-associated-with-a-commit",
        "pull_requests=read",
    )
    LIST_PULLS = (
        "GET",
        f"{_REPOSITORY}/pulls",
        "pulls/pulls#list-pull-requests",
        "pull_requests=read",
    )
    GET_PULL = (
        "GET",
        f"{_REPOSITORY}/pulls/{{pull_number}}",
        "pulls/pulls#get-a-pull-request",
        "pull_requests=read",
    )
    GET_REPOSITORY = "GET", _REPOSITORY, "repos/repos#get-a-repository", "metadata=read"
    ROOT = "GET", "/", "meta/meta#github-api-root"
    META = "GET", "/meta", "meta/meta#get-apiname-meta-information"
    RATE_LIMIT = (
        "GET",
        "/rate_limit",
        "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user",
    )
    USER = "GET", "/user", "users/users#get-the-authenticated-user"
    LIST_USER_REPOSITORIES = (
        "GET",
        "/user/repos",
        "repos/repos#list-repositories-for-the-authenticated-user",
    )
    GET_ACCOUNT = "GET", "/users/{login}", "users/users#get-a-user"
    LIST_ACCOUNT_REPOSITORIES = (
        "GET",
        "/users/{login}/repos",
        "repos/repos#list-repositories-for-a-user",
    )
    GET_ORGANIZATION = "GET", "/orgs/{login}", "orgs/orgs#get-an-organization"
    LIST_ORGANIZATION_REPOSITORIES = (
        "GET",
        "/orgs/{login}/repos",
        "repos/repos#list-organization-repositories",
    )
    APP = "GET", "/app", "apps/apps#get-the-authenticated-app"
    LIST_INSTALLATIONS = (
        "GET",
        "/app/installations",
        "apps/apps#list-installations-for-the-authenticated-app",
    )
    GET_INSTALLATION = (
        "GET",
        "/app/installations/{installation_id}",
        "apps/apps#get-an-installation-for-the-authenticated-app",
    )
    ORGANIZATION_INSTALLATION = (
        "GET",
        "/orgs/{login}/installation",
        "apps/apps#get-an-organization-installation-for-the-authenticated-app",
    )
    USER_INSTALLATION = (
        "GET",
        "/users/{login}/installation",
        "apps/apps#get-a-user-installation-for-the-authenticated-app",
    )
    LIST_INSTALLATION_REPOSITORIES = (
        "GET",
        "/installation/repositories",
        "apps/installations#list-repositories-accessible-to-the-app-installation",
    )
    REPOSITORY_INSTALLATION = (
        "GET",
        f"{_REPOSITORY}/installation",
        "apps/apps#get-a-repository-installation-for-the-authenticated-app",
    )
    CREATE_TOKEN = (
        "POST",
        "/app/installations/{installation_id}/access_tokens",
        "apps/apps#create-an-installation-access-token-for-an-app",
    )

    def __init__(
        self, method: str, path: str, documentation: str, permission: str | None = None
    ) -> None:
        self.method = method
        self.path = path
        self.documentation_url = f"https://docs.github.com/rest/{documentation}"
        self.permission = permission

    @property
    def downloads(self) -> bool:
        """Whether the endpoint requires a token even for public repositories."""
        return self is Endpoint.DOWNLOAD_ARTIFACT

    def __str__(self) -> str:
        """Return the method and the path."""
        return f"{self.method} {self.path}"


@attrs.frozen
class Route:
    """The endpoint of a request, and the values in its path.

    Attributes:
        endpoint: The endpoint.
        base: `"/api/v3"` if the path starts with it, as on a GitHub Enterprise Server, or `""`.
        repository: `"owner/name"`, or the numeric id in a `/repositories/{id}/…` path; None if
            the path has no repository.
        values: The values of the path's parameters, percent-decoded.
        subpath: The part of the path after the repository, percent-encoding untouched.
    """

    endpoint: Endpoint
    base: str
    repository: str | int | None
    values: dict[str, str]
    subpath: str = ""

    def number(self, parameter: str) -> int:
        """Return the value of a parameter that is a number."""
        return int(self.values[parameter])


_PATHS = [(endpoint, endpoint.path.split("/")) for endpoint in Endpoint]


def find_route(method: str, raw_path: str) -> Route | None:
    """Return the route of a request, or None if no endpoint matches."""
    base = _GHES_BASE if f"{raw_path}/".startswith(f"{_GHES_BASE}/") else ""
    raw = (raw_path.removeprefix(base) or "/").split("/")
    repository: str | int | None = None
    if raw[1:2] == ["repositories"] and len(raw) > 2 and _is_id(raw[2]):
        repository = int(raw[2])
        raw = ["", "repos", "", *raw[2:]]
    segments = [unquote(segment) for segment in raw]
    method = "GET" if method == "HEAD" else method
    for endpoint, path in _PATHS:
        if endpoint.method == method:
            values = _values(path, segments)
            if values is not None:
                if repository is None and "repo" in values:
                    repository = f"{values['owner']}/{values['repo']}"
                return Route(endpoint, base, repository, values, "/".join(raw[4:]))
    return None


def _values(path: list[str], segments: list[str]) -> dict[str, str] | None:
    """Return the values of the path's parameters, or None if the segments do not match it."""
    last = len(path) - 1
    if path[last] in _WITH_SLASHES and not _BELOW_COMMITS.intersection(segments[last + 1 :]):
        segments = [*segments[:last], "/".join(segments[last:])]
    if len(path) != len(segments):
        return None
    values: dict[str, str] = {}
    for expected, segment in zip(path, segments, strict=True):
        if not expected.startswith("{"):
            if segment != expected:
                return None
        elif expected in _NUMBERS and not _is_id(segment):
            return None
        else:
            values[expected[1:-1]] = segment
    return values


def _is_id(segment: str) -> bool:
    return segment.isascii() and segment.isdecimal() and len(segment) < 20
