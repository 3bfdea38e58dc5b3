"""`request`: any endpoint of the API, with the client's token, limits, retries and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghartifacts_async import (
    ArtifactsError,
    Client,
    InvalidArgument,
    NotFound,
    RedirectRefused,
    ServerError,
    UnexpectedReply,
)
from ghartifacts_async.testing import FakeGitHub, Fault
from tests.api.support import now, open_world
from tests.clock import EPOCH, fast
from tests.support import REPOSITORY

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


async def test_json_in_and_out(gh: Client, fake_github: FakeGitHub) -> None:
    """JSON, query parameters and the token are sent, and the JSON of the answer is returned."""
    answer = {"runner": [1, None, "é"]}
    fake_github.fail_next(Fault(201, body=answer))
    params: dict[str, str | int | None] = {"a b": "é", "page": 2, "all": True, "none": None}
    got = await gh.request("post", "/orgs/octo-org/x?per_page=5", params=params, json=[{"b": 1}])
    assert got == answer
    (request,) = fake_github.requests
    assert (request.method, request.path) == ("POST", "/orgs/octo-org/x")
    assert json.loads(request.body) == [{"b": 1}]
    assert request.headers["Authorization"] == f"Bearer {fake_github.token}"
    assert dict(request.query) == {"per_page": "5", "a b": "é", "page": "2", "all": "true"}


async def test_a_repository(gh: Client, fake_github: FakeGitHub) -> None:
    """Requests of a repository are below its path."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    repo = gh.repo(REPOSITORY)
    assert (await repo.request("GET", "/actions/artifacts"))["total_count"] == 1
    assert (await gh.request("GET", f"{fake_github.url}/repos/{REPOSITORY}"))["name"] == "octo-docs"
    assert (await repo.request("GET"))["full_name"] == REPOSITORY
    assert await repo.request("DELETE", "/actions/artifacts/1") is None


@pytest.mark.parametrize(
    "path",
    [
        "orgs/octo-org", "", "//evil.example/x", "https://evil.example/x", "/a b", "/a#b", "/a\\b",
        "/é", "/a\n", "/../x", "/repos/%2e%2e/x", "/a/%252E%252e/x", "/./a", 5, None,
    ],
)  # fmt: skip
async def test_other_paths_are_refused(gh: Client, fake_github: FakeGitHub, path: Any) -> None:
    """A path that leaves the API, or a repository, is refused before anything is sent."""
    with pytest.raises(InvalidArgument, match="path must"):
        await gh.request("GET", path)
    if path:
        with pytest.raises(InvalidArgument, match="path must"):
            await gh.repo(REPOSITORY).request("GET", path)
    assert fake_github.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "TRACE"}, "method must be one of GET"),
        ({"method": 5}, "method must be one of GET"),
        ({"params": [("a", "b")]}, "params must be a mapping"),
        ({"params": {"a": [1]}}, "params must map names"),
        ({"params": {5: "a"}}, "params must map names"),
        ({"json": {"a": b"x"}}, "must consist of JSON values"),
        ({"json": {1, 2}}, "must consist of JSON values"),
    ],
)
async def test_wrong_arguments(gh: Client, arguments: dict[str, Any], message: str) -> None:
    """Wrong arguments are refused before anything is sent."""
    with pytest.raises(InvalidArgument, match=message):
        await gh.request(**{"method": "GET", "path": "/x"} | arguments)


@pytest.mark.parametrize("fault", [503, 500, 408, Fault.dropped(), Fault.dropped(after=True)])
@pytest.mark.parametrize("method", METHODS)
@fast
async def test_only_repeatable_methods_are_retried(method: str, fault: Fault | int) -> None:
    """GET, HEAD, PUT and DELETE are retried after a failure; POST and PATCH are sent once."""
    async with open_world() as world:
        world.fake.fail_next(fault, Fault(200, body={"done": True}))
        if method in {"POST", "PATCH"}:
            with pytest.raises(ArtifactsError):
                await world.gh.request(method, "/x")
            assert len(world.fake.requests) == 1
        else:
            assert await world.gh.request(method, "/x") == (
                None if method == "HEAD" else {"done": True}
            )
            assert len(world.fake.requests) == 2


@pytest.mark.parametrize("method", METHODS)
@fast
async def test_rate_limits_are_waited_for(method: str) -> None:
    """A request that a rate limit refuses was not executed, so every method waits for it."""
    async with open_world() as world:
        world.fake.fail_next(Fault.secondary_limit(30), Fault(200, body={}))
        await world.gh.request(method, "/x")
        assert 30 <= now() < 40
        assert world.fake.wait_violations == 0


async def test_errors_are_those_of_all_calls(gh: Client, fake_github: FakeGitHub) -> None:
    """An error response raises an error of the library, and blames no permission it cannot know."""
    fake_github.fail_next(Fault(404, body={"message": "Not Found"}))
    with pytest.raises(NotFound, match="GET /orgs/none: 404 Not Found; it does not") as caught:
        await gh.request("GET", "/orgs/none")
    assert "actions=" not in str(caught.value)
    fake_github.fail_next(*[500] * 6)
    with pytest.raises(ServerError):
        await gh.request("GET", "/x")
    fake_github.fail_next(Fault.html(200))
    with pytest.raises(UnexpectedReply, match="not valid JSON"):
        await gh.request("GET", "/x")


async def test_no_redirect_leaves_the_api(gh: Client, fake_github: FakeGitHub) -> None:
    """A redirect within the API is followed; one to another server is refused."""
    moved = f"{fake_github.url}/organizations/7/x"
    fake_github.fail_next(
        Fault(301, headers={"Location": moved}), Fault(200, body={"id": 7}), path="/x$"
    )
    assert await gh.request("GET", "/orgs/old/x") == {"id": 7}
    fake_github.fail_next(Fault(302, headers={"Location": "https://store.example/log?sig=x"}))
    with pytest.raises(RedirectRefused, match=r"store\.example"):
        await gh.request("GET", "/repos/o/r/actions/jobs/1/logs")


@pytest.mark.parametrize("resource", ["search", "code_search", "graphql"])
@fast
async def test_limits_of_other_resources_do_not_concern_artifacts(resource: str) -> None:
    """A used-up limit of another resource, such as search, delays no call for artifacts."""
    async with open_world(conditional=False) as world:
        await world.repo.get_artifact(world.artifact)
        known = world.gh.rate_limit
        used_up = {
            "x-ratelimit-limit": "30",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": f"{EPOCH + 50:.0f}",
            "x-ratelimit-resource": resource,
        }
        world.fake.fail_next(Fault(200, headers=used_up, body={"items": []}))
        assert await world.gh.request("GET", "/search/issues") == {"items": []}
        assert world.gh.rate_limit == known
        await world.repo.get_artifact(world.artifact)
        assert now() < 5


@fast
async def test_the_largest_response() -> None:
    """A response may be as large as 4 MiB; a larger one is refused."""
    async with open_world() as world:
        sizes = 3 * 2**20, 5 * 2**20
        world.fake.fail_next(*(Fault(200, body={"text": "x" * size}) for size in sizes))
        assert len((await world.gh.request("GET", "/x"))["text"]) == sizes[0]
        with pytest.raises(UnexpectedReply, match="larger than 4194304 bytes"):
            await world.gh.request("GET", "/x")
