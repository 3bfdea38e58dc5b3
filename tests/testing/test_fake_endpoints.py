"""The endpoints other than artifacts and runs, a test's own endpoints, and unknown requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from ghartifacts_async.testing import FakeGitHub, FakeLimits, LoggedRequest
from tests.support import rsa_keys
from tests.testing.support import LIST, REPOSITORY, Clock, Send


@pytest.fixture
def app(fake: FakeGitHub, clock: Clock) -> str:
    """The credentials of an app with two installations."""
    fake.add_app(7, rsa_keys()[1], 42, [REPOSITORY])
    fake.add_app(7, rsa_keys()[1], 43, ["mona/site"], account="Mona")
    now = int(clock.time)
    claims = {"iat": now, "exp": now + 60, "iss": "7"}
    return "Bearer " + jwt.encode(claims, rsa_keys()[0], algorithm="RS256")


async def test_a_repository(send: Send, fake: FakeGitHub) -> None:
    """A repository is found by name and by id, and shows its permissions to users only."""
    number = fake.add_repository(REPOSITORY)
    document = (await send(f"/repos/{REPOSITORY}")).json
    assert (document["id"], document["full_name"]) == (number, REPOSITORY)
    assert document["permissions"]["pull"] is True
    assert (await send(f"/repositories/{number}")).json == document
    anonymous = (await send(f"/repos/{REPOSITORY}", Authorization=None)).json
    assert "permissions" not in anonymous
    fake.add_repository(REPOSITORY, private=True)
    assert (await send(f"/repos/{REPOSITORY}", Authorization=None)).status == 404
    fake.rename_repository(REPOSITORY, "octo-org/new")
    moved = await send(f"/repos/{REPOSITORY}")
    assert moved.headers["Location"] == f"{fake.url}/repositories/{number}"


async def test_the_root(send: Send, fake: FakeGitHub) -> None:
    """The root lists URLs under the address that was called, with and without a slash."""
    for base, targets in (("", ["/"]), ("/api/v3", ["/api/v3", "/api/v3/"])):
        for target in targets:
            document = (await send(target)).json
            assert document["repository_url"] == f"{fake.url}{base}/repos/{{owner}}/{{repo}}"


async def test_meta(send: Send) -> None:
    """Only a GitHub Enterprise Server reports its version."""
    assert "installed_version" not in (await send("/meta")).json
    assert (await send("/api/v3/meta")).json["installed_version"]


async def test_the_rate_limit(send: Send) -> None:
    """Reading the rate limit does not count against it, and agrees with the headers."""
    await send("/meta")
    for _ in range(2):
        response = await send("/rate_limit")
        core = response.json["resources"]["core"]
        assert core == response.json["rate"]
        assert (core["limit"], core["used"], core["remaining"]) == (5000, 1, 4999)
        assert response.headers["X-RateLimit-Remaining"] == "4999"
        assert response.headers["X-RateLimit-Reset"] == str(core["reset"])


async def test_no_rate_limit(http: Any, clock: Clock) -> None:
    """A server without rate limits answers 404, as an Enterprise Server does."""
    async with (
        FakeGitHub(limits=None, now=clock) as fake,
        http.get(f"{fake.url}/rate_limit") as response,
    ):
        assert response.status == 404


async def test_the_rate_limit_of_an_exhausted_account(http: Any) -> None:
    """An account that has used up its limit is refused at these endpoints, too."""
    async with FakeGitHub(limits=FakeLimits(anonymous=1)) as fake:
        statuses = []
        for target in ("/meta", "/meta"):
            async with http.get(fake.url + target) as response:
                statuses.append(response.status)
        assert statuses == [200, 403]


async def test_an_app(send: Send, app: str) -> None:
    """An app sees itself and its installations, one by one and page by page."""
    document = (await send("/app", Authorization=app)).json
    assert (document["id"], document["installations_count"]) == (7, 2)
    listed = await send("/app/installations?per_page=1", Authorization=app)
    assert [one["id"] for one in listed.json] == [42]
    assert 'page=2>; rel="next"' in listed.headers["Link"]
    one = (await send("/app/installations/43", Authorization=app)).json
    assert (one["account"]["login"], one["target_type"]) == ("Mona", "User")
    assert (await send("/users/MONA/installation", Authorization=app)).json == one
    missing = ("/users/nobody/installation", "/orgs/mona/installation", "/app/installations/44")
    for target in missing:
        assert (await send(target, Authorization=app)).status == 404
    for target in ("/app", "/app/installations", "/app/installations/42"):
        assert (await send(target)).status == 401


async def test_organizations(send: Send, fake: FakeGitHub, app: str) -> None:
    """An organization is one wherever GitHub says so, and starts no runs."""
    run = fake.add_run(REPOSITORY)
    assert run.actor == "octo-org"
    fake.add_organization("Octo-Org")
    repository = (await send(f"/repos/{REPOSITORY}")).json
    assert repository["owner"]["type"] == "Organization"
    assert repository["organization"] == repository["owner"]
    installed = (await send("/orgs/octo-org/installation", Authorization=app)).json
    assert (installed["target_type"], installed["account"]["type"]) == ("Organization",) * 2
    assert "/organizations/octo-org/settings/" in installed["html_url"]
    assert (await send("/users/octo-org/installation", Authorization=app)).json == installed
    assert (await send("/app", Authorization=app)).json["owner"]["type"] == "Organization"
    run = fake.add_run("octo-org/new", head_repository="mona/new")
    assert run.actor == "mona"
    run = fake.add_run("octo-org/new")
    assert (run.actor, fake.add_commit("octo-org/new").author) == ("octocat", "octocat")
    document = (await send(f"/repos/octo-org/new/actions/runs/{run.id}")).json
    assert document["repository"]["owner"]["type"] == "Organization"
    assert document["actor"]["type"] == "User"
    fake.rename_repository("octo-org/new", "mona/new-home")
    assert (await send("/repos/mona/new-home")).json["owner"]["type"] == "User"


async def test_the_repositories_of_an_installation(send: Send, fake: FakeGitHub, app: str) -> None:
    """An installation token lists the repositories that it may access; other tokens cannot."""
    fake.add_repository("octo-org/other")
    created = await send("/app/installations/42/access_tokens", "POST", Authorization=app)
    token = f"Bearer {created.json['token']}"
    listed = (await send("/installation/repositories", Authorization=token)).json
    assert (listed["total_count"], listed["repository_selection"]) == (1, "selected")
    assert [one["full_name"] for one in listed["repositories"]] == [REPOSITORY]
    assert (await send("/installation/repositories")).status == 403
    assert (await send("/user", Authorization=token)).status == 403


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ({"a": 1}, 200, b'{"a":1}'),
        ([], 200, b"[]"),
        (None, 200, b""),
        (b"raw", 200, b"raw"),
        ((204, None), 204, b""),
        ((201, {"b": "\u00fc"}), 201, '{"b":"\u00fc"}'.encode()),
    ],
)
async def test_an_endpoint_of_a_test(
    send: Send, fake: FakeGitHub, result: object, status: int, body: bytes
) -> None:
    """A test can add an endpoint that returns a document, bytes or nothing, with any status."""
    fake.route("GET", "/repos/{owner}/{repo}/releases", lambda *_, **__: result)
    for base in ("", "/api/v3"):
        response = await send(f"{base}/repos/{REPOSITORY}/releases?per_page=1")
        assert (response.status, response.body) == (status, body)
    assert fake.unknown_requests == []


async def test_what_an_endpoint_of_a_test_gets(send: Send, fake: FakeGitHub) -> None:
    """A handler gets the request and the segments of the path, and can set headers."""
    seen: list[LoggedRequest] = []

    def create(request: LoggedRequest, owner: str, name: str) -> object:
        seen.append(request)
        return 201, {"owner": owner, "name": name}, {"X-Test": "yes"}

    fake.route("post", "/orgs/{owner}/a.b/{name}", create)
    response = await send("/orgs/octo-org/a.b/x%20y?q=1", "POST", data=b"{}")
    assert response.json == {"owner": "octo-org", "name": "x y"}
    assert response.headers["X-Test"] == "yes"
    assert response.headers["X-RateLimit-Used"] == "1"
    assert (seen[0].body, seen[0].query) == (b"{}", {"q": "1"})
    for target, method in (("/orgs/octo-org/axb/x", "POST"), ("/orgs/octo-org/a.b/x", "GET")):
        assert (await send(target, method)).status == 404
    wrong = await send("/orgs/octo-org/a.b/x", "POST", Authorization="Bearer wrong")
    assert wrong.status == 401


async def test_replacing_an_endpoint(send: Send, fake: FakeGitHub) -> None:
    """A test can replace an endpoint of the server, and its own endpoints."""
    replies: list[Callable[..., object]] = [lambda _: {"a": 1}, lambda _: {"a": 2}]
    for reply in replies:
        fake.route("GET", "/meta", reply)
    assert (await send("/meta")).json == {"a": 2}
    assert (await send("/meta", "HEAD")).status == 200
    with pytest.raises(ValueError, match="start with a slash"):
        fake.route("GET", "meta", replies[0])


async def test_unknown_requests(send: Send, fake: FakeGitHub) -> None:
    """Requests that the server does not know get 404 and are listed."""
    fake.add_repository(REPOSITORY)
    for target in ("/repos/octo-org/octo-docs/releases", LIST, "/gists"):
        await send(target)
    await send(LIST, "PATCH")
    unknown = [(request.method, request.path) for request in fake.unknown_requests]
    assert unknown == [
        ("GET", "/repos/octo-org/octo-docs/releases"),
        ("GET", "/gists"),
        ("PATCH", LIST),
    ]
    assert {request.status for request in fake.unknown_requests} == {404}
