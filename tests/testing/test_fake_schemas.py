"""Every response validates against GitHub's schema, and has what recorded responses have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from jsonschema import Draft202012Validator

from ghartifacts_async.testing import FakeGitHub
from ghartifacts_async.testing._api.routes import Endpoint
from tests.support import rsa_keys
from tests.testing.support import REPOSITORY, Clock, Response, Send

DATA = Path(__file__).parents[1] / "data"
SCHEMAS = json.loads((DATA / "openapi-schemas.json").read_bytes())
RECORDED = json.loads((DATA / "recorded-replies.json").read_bytes())["replies"]

VALUES = {
    "owner": "octo-org", "repo": "octo-docs", "artifact_id": "11", "run_id": "7",
    "attempt_number": "1", "workflow_id": "ci.yml", "installation_id": "42", "login": "octo-org",
    "branch": "main", "ref": "main", "basehead": "main...feature/x", "job_id": "7001",
    "check_run_id": "7001",
    "pull_number": "1", "commit_sha": "main",
}  # fmt: skip
ERRORS: dict[int, dict[str, Any]] = {
    400: {"data": b"{"},
    401: {"Authorization": "Bearer a.b.c"},
    422: {"data": b'{"permissions": {"pages": "write"}}'},
}

ABSENT_HEADERS = {
    "accept-ranges": "added by a cache of the recording machine",
    "connection": "HTTP/1.1 keeps connections open without it",
    "content-encoding": "sent if the request accepts gzip, which this test does not",
    "content-length": "sent by the HTTP server, or absent for chunked bodies",
    "status": "removed by GitHub in 2023",
    "transfer-encoding": "GitHub's proxy streams; the fake sends Content-Length",
    "x-oauth-client-id": "sent for tokens of OAuth apps, which the fake does not have",
}
ABSENT_ERROR_HEADERS = {
    "cache-control": "old errors of app endpoints had it",
    "etag": "old errors of app endpoints had it",
}
ABSENT_FIELDS = {
    "template_repository": "no repository is made from a template",
    "license.": "repositories have no license",
    "security_and_analysis": "sent to administrators of some plans",
    "allow_auto_merge": "settings of merges, sent to administrators",
    "allow_merge_commit": "settings of merges, sent to administrators",
    "allow_rebase_merge": "settings of merges, sent to administrators",
    "allow_squash_merge": "settings of merges, sent to administrators",
    "allow_update_branch": "settings of merges, sent to administrators",
    "delete_branch_on_merge": "settings of merges, sent to administrators",
    "merge_commit_message": "settings of merges, sent to administrators",
    "merge_commit_title": "settings of merges, sent to administrators",
    "squash_merge_commit_message": "settings of merges, sent to administrators",
    "squash_merge_commit_title": "settings of merges, sent to administrators",
    "use_squash_pr_title_as_default": "settings of merges, sent to administrators",
    "parent": "sent for forks; another test has one",
    "source": "sent for forks; another test has one",
    "resources": "only the limits that clients of artifacts meet",
    "permissions.": "depends on the app",
    "jobs[].steps[]": "a job that is queued has no steps",
    "workflow_runs[].pull_requests[]": "not every run has a pull request",
    "pull_requests[]": "not every run has a pull request",
    "referenced_workflows": "no run calls another workflow",
    "merged_by.": "no pull request is merged",
    "labels[]": "no pull request has labels",
    **dict.fromkeys(
        (
            "advanced_security_enabled_for_new_repositories", "billing_email",
            "default_repository_permission", "dependabot_alerts_enabled_for_new_repositories",
            "dependabot_security_updates_enabled_for_new_repositories",
            "dependency_graph_enabled_for_new_repositories",
            "members_allowed_repository_creation_type", "members_can_create_internal_repositories",
            "members_can_create_pages", "members_can_create_private_pages",
            "members_can_create_private_repositories", "members_can_create_public_pages",
            "members_can_create_public_repositories", "members_can_create_repositories",
            "members_can_fork_private_repositories", "secret_scanning_enabled_for_new_repositories",
            "secret_scanning_push_protection_custom_link",
            "secret_scanning_push_protection_custom_link_enabled",
            "secret_scanning_push_protection_enabled_for_new_repositories",
            "two_factor_requirement_enabled",
        ),
        "settings of organizations, sent to their owners",
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _content(fake: FakeGitHub) -> None:
    fake.add_organization("octo-org")
    for branch in ("main", "main", "feature/x"):
        fake.add_commit(REPOSITORY, branch=branch, files=["README.md"])
    run = fake.add_run(REPOSITORY, 7, event="pull_request", pull_request=1)
    fake.add_artifact(REPOSITORY, "dist", b"x", id=11, run_id=run)
    fake.add_app(1, rsa_keys()[1], 42, [REPOSITORY])


async def request_endpoint(
    send: Send, fake: FakeGitHub, clock: Clock, endpoint: Endpoint, kind: str, **options: Any
) -> Response:
    """Send a request to an endpoint with credentials of a kind."""
    now = int(clock.time)
    claims = {"iat": now, "exp": now + 60, "iss": "1"}
    app = jwt.encode(claims, rsa_keys()[0], algorithm="RS256")
    tokens = {"app": app, "classic": fake.token}
    if kind == "granular":
        expires = fake.artifacts(REPOSITORY)[0].expires_at
        tokens[kind] = fake.add_token(permissions={"actions": "read"}, expires_at=expires)
    if kind == "installation" or endpoint is Endpoint.LIST_INSTALLATION_REPOSITORIES:
        target = "/app/installations/42/access_tokens"
        created = await send(target, "POST", Authorization=f"Bearer {app}")
        tokens[kind] = created.json["token"]
    if kind == "classic":
        expires = fake.artifacts(REPOSITORY)[0].expires_at
        tokens[kind] = fake.add_token(scopes=["repo"], expires_at=expires)
    values = {**VALUES, **options.pop("values", {})}
    auth = {"Authorization": f"Bearer {tokens[kind]}" if kind in tokens else None}
    headers = {"Accept_Encoding": None, **auth, **options}
    return await send(endpoint.path.format(**values), endpoint.method, **headers)


def kind_of(endpoint: Endpoint) -> str:
    """Return the kind of credentials that an endpoint needs."""
    needs_app = endpoint.path.startswith("/app") or endpoint.path.endswith("/installation")
    return "app" if needs_app else "classic"


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("base", ["", "/api/v3"])
async def test_a_response_validates(
    send: Send, fake: FakeGitHub, clock: Clock, endpoint: Endpoint, base: str
) -> None:
    """The response of every endpoint validates against GitHub's OpenAPI description."""

    async def send_below(target: str, *arguments: Any, **options: Any) -> Response:
        return await send(base + target, *arguments, **options)

    if endpoint is Endpoint.CANCEL_RUN:
        fake.rerun(7)
    response = await request_endpoint(send_below, fake, clock, endpoint, kind_of(endpoint))
    schema = SCHEMAS["operations"][str(endpoint)][str(response.status)]
    if schema is None:
        assert response.body == b""
    else:
        validator = Draft202012Validator({**schema, "$defs": SCHEMAS["$defs"]})
        assert not [error.message for error in validator.iter_errors(response.json)]
        assert "items" not in schema or response.json or endpoint is Endpoint.LIST_ANNOTATIONS


async def test_a_fork_validates(send: Send, fake: FakeGitHub) -> None:
    """A fork has its parent and source, and validates."""
    fake.add_run(REPOSITORY, head_repository="mallory/octo-docs")
    document = (await send("/repos/mallory/octo-docs")).json
    schema = SCHEMAS["operations"][str(Endpoint.GET_REPOSITORY)]["200"]
    validator = Draft202012Validator({**schema, "$defs": SCHEMAS["$defs"]})
    assert not [error.message for error in validator.iter_errors(document)]
    assert document["parent"]["full_name"] == document["source"]["full_name"] == REPOSITORY


def fields(value: Any, prefix: str = "") -> set[str]:
    """Return the paths of all fields in a document."""
    if isinstance(value, list):
        return set().union(*(fields(item, f"{prefix}[]") for item in value))
    found: set[str] = set()
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{prefix}.{name}" if prefix else name
            found |= {path} | fields(inner, path)
    return found


def may_be_absent(path: str) -> bool:
    """Return True if the fake has a reason to leave out a field."""
    return any(
        part in (path, path.rpartition(".")[2])
        or path.startswith((f"{part}.", f"{part}["))
        or (part.endswith((".", "[]")) and part in path)
        for part in ABSENT_FIELDS
    )


@pytest.mark.parametrize(
    "reply",
    RECORDED,
    ids=lambda reply: f"{reply['operation']} {reply['status']} {reply['credentials']}",
)
async def test_recorded_replies_have_nothing_more(
    send: Send, fake: FakeGitHub, clock: Clock, reply: dict[str, Any]
) -> None:
    """A recorded response has no header and no field that the fake's response lacks."""
    endpoint = next(one for one in Endpoint if str(one) == reply["operation"])
    status, kind, options = (
        reply["status"],
        reply["credentials"],
        dict(ERRORS.get(reply["status"], {})),
    )
    if status == 404:
        missing = {"artifact_id": "99", "login": "nobody", "installation_id": "9"}
        options["values"] = missing
    if status == 301:
        fake.rename_repository(REPOSITORY, "octo-org/new")
    if status == 304:
        first = await request_endpoint(send, fake, clock, endpoint, kind)
        options["If_None_Match"] = first.headers["ETag"]
    if "link" in reply["headers"]:
        for number in (12, 13):
            fake.add_artifact(REPOSITORY, "dist", b"x", id=number, run_id=7)
            fake.add_run(REPOSITORY)
            fake.rerun(7, status="completed")
            fake.add_commit(REPOSITORY, branch="feature/x")
        options["target"] = "?per_page=1&filter=all"
    target = options.pop("target", "")

    async def send_with(path: str, *arguments: Any, **others: Any) -> Response:
        return await send(path + target, *arguments, **others)

    response = await request_endpoint(send_with, fake, clock, endpoint, kind, **options)
    assert response.status == status
    absent = ABSENT_HEADERS | (ABSENT_ERROR_HEADERS if status >= 400 else {})
    ours = {name.lower() for name in response.headers}
    assert set(reply["headers"]) - ours <= set(absent)
    shown = fields(response.json) if response.body else set()
    assert {path for path in set(reply["fields"]) - shown if not may_be_absent(path)} == set()
