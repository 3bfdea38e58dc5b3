"""The requests that the client sends, with aioresponses in place of the network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async import (
    AuthenticationError,
    Client,
    ConnectionFailed,
    NotFound,
    RateLimited,
    RedirectRefused,
    Repo,
    RetryPolicy,
    ServerError,
    UnexpectedReply,
)
from ghartifacts_async.testing.aioresponses_adapter import aioresponses

API = "https://api.github.com"
ARTIFACTS = f"{API}/repos/octo-org/octo-docs/actions/artifacts"

ARTIFACT: dict[str, Any] = {
    "id": 11,
    "node_id": "MDg6QXJ0aWZhY3QxMQ==",
    "name": "Rails",
    "size_in_bytes": 3,
    "url": f"{ARTIFACTS}/11",
    "archive_download_url": f"{ARTIFACTS}/11/zip",
    "expired": False,
}


@pytest.fixture
async def repo(wire: aioresponses) -> AsyncIterator[Repo]:  # noqa: ARG001 - must start first
    """A repository of a client whose requests the mock answers."""
    async with Client("ghp_canary", retry=RetryPolicy(attempts=1)) as gh:
        yield gh.repo("octo-org/octo-docs")


def sent_requests(wire: aioresponses) -> list[tuple[str, str]]:
    """Return the method and URL of each distinct request, in order."""
    return [(method, str(url)) for method, url in wire.requests]


async def test_each_endpoint_is_called_as_documented(
    wire: aioresponses, repo: Repo, tmp_path: Path
) -> None:
    """The five endpoints are called with GitHub's documented methods, paths and parameters."""
    page = {"total_count": 1, "artifacts": [ARTIFACT]}
    run = f"{API}/repos/octo-org/octo-docs/actions/runs/7/artifacts"
    wire.get(f"{ARTIFACTS}?per_page=30&name=Rails", payload=page)
    wire.get(f"{run}?per_page=100&direction=asc&name=Rails", payload=page)
    wire.get(f"{ARTIFACTS}/11", payload=ARTIFACT)
    wire.get(f"{ARTIFACTS}/11/zip", status=302, headers={"Location": "https://store.example/x"})
    wire.get("https://store.example/x", body=b"abc", content_type="text/plain")
    wire.delete(f"{ARTIFACTS}/11", status=204)
    assert [a.id async for a in repo.list_artifacts("Rails", per_page=30)] == [11]
    listing = repo.list_run_artifacts(7, name="Rails", direction="asc")
    assert [a.id async for a in listing] == [11]
    download = await repo.download_artifact(11, f"{tmp_path}/")
    assert download.path.name == "Rails"
    await repo.delete_artifact(11)
    assert len(sent_requests(wire)) == 6


async def test_the_store_gets_neither_token_nor_accept(
    wire: aioresponses, repo: Repo, tmp_path: Path
) -> None:
    """The token and GitHub's headers go only to GitHub; the blob store gets a plain request."""
    wire.get(f"{ARTIFACTS}/11", payload=ARTIFACT)
    wire.get(f"{ARTIFACTS}/11/zip", status=302, headers={"Location": "https://store.example/x"})
    wire.get("https://store.example/x", body=b"abc")
    await repo.download_artifact(11, f"{tmp_path}/")
    calls = {str(url): call[0].kwargs for (_, url), call in wire.requests.items()}
    assert calls[f"{ARTIFACTS}/11/zip"]["headers"]["Authorization"] == "Bearer ghp_canary"
    assert set(calls["https://store.example/x"]["headers"]) == {"User-Agent", "Accept-Encoding"}
    assert all(call["allow_redirects"] is False for call in calls.values())


@pytest.mark.parametrize(
    ("status", "headers", "problem"),
    [
        (302, {}, "without a Location"),
        (302, {"Location": ""}, "without a Location"),
        (302, {"Location": "http://store.example/x?sig=canary"}, "from https to http"),
        (303, {"Location": "https://store.example/x"}, "without a Location"),
        (200, {}, "expected a redirect"),
        (204, {}, "expected a redirect"),
    ],
)
async def test_an_unusable_redirect_is_refused(
    wire: aioresponses,
    repo: Repo,
    tmp_path: Path,
    status: int,
    headers: dict[str, str],
    problem: str,
) -> None:
    """A download without a usable redirect raises RedirectRefused and sends nothing further."""
    wire.get(f"{ARTIFACTS}/11", payload=ARTIFACT)
    wire.get(f"{ARTIFACTS}/11/zip", status=status, headers=headers)
    with pytest.raises(RedirectRefused, match=problem) as caught:
        await repo.download_artifact(11, tmp_path)
    assert "canary" not in str(caught.value)
    assert len(sent_requests(wire)) == 2


async def test_a_redirect_within_the_api_keeps_the_token(wire: aioresponses, repo: Repo) -> None:
    """A redirect to a renamed repository is followed with the token."""
    wire.get(
        f"{ARTIFACTS}/11",
        status=301,
        headers={"Location": f"{API}/repositories/1/actions/artifacts/11"},
    )
    wire.get(f"{API}/repositories/1/actions/artifacts/11", payload=ARTIFACT)
    assert (await repo.get_artifact(11)).id == 11
    calls = [call[0].kwargs["headers"] for call in wire.requests.values()]
    assert [call["Authorization"] for call in calls] == ["Bearer ghp_canary"] * 2


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/repos/octo-org/octo-docs/actions/artifacts/11",
        "https://api.github.com.evil.example/x",
        "https://api.github.com:444/x",
        "http://api.github.com/x",
        "//evil.example/x",
    ],
)
async def test_the_token_is_sent_to_no_other_origin(
    wire: aioresponses, repo: Repo, location: str
) -> None:
    """A redirect of an API call to another origin is refused, and that origin gets no request."""
    wire.get(f"{ARTIFACTS}/11", status=301, headers={"Location": location})
    with pytest.raises(RedirectRefused):
        await repo.get_artifact(11)
    assert sent_requests(wire) == [("GET", f"{ARTIFACTS}/11")]


async def test_a_redirect_loop_ends(wire: aioresponses, repo: Repo) -> None:
    """A redirect loop raises RedirectRefused after five hops."""
    wire.get(f"{ARTIFACTS}/11", status=307, headers={"Location": f"{ARTIFACTS}/11"}, repeat=True)
    with pytest.raises(RedirectRefused, match="loop"):
        await repo.get_artifact(11)
    assert len(wire.requests[("GET", URL(f"{ARTIFACTS}/11"))]) == 6


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<html>proxy says no</html>", "not valid JSON"),
        (json.dumps(ARTIFACT)[:-10], "not valid JSON"),
        ("[]", "expected an object"),
        (
            json.dumps(ARTIFACT | {"size_in_bytes": "3"}),
            r"expected int, got str @ \$.size_in_bytes",
        ),
        (json.dumps({"id": 1}), r"required field missing @ \$.node_id"),
    ],
)
async def test_an_error_about_a_malformed_artifact_names_the_field(
    wire: aioresponses, repo: Repo, body: str, problem: str
) -> None:
    """A response that is not an artifact raises UnexpectedReply, which names the wrong field."""
    wire.get(f"{ARTIFACTS}/11", body=body, headers={"X-GitHub-Request-Id": "AB:CD"})
    with pytest.raises(UnexpectedReply, match=problem) as caught:
        await repo.get_artifact(11)
    assert caught.value.request_id == "AB:CD"


async def test_an_error_about_a_malformed_page_names_the_field(
    wire: aioresponses, repo: Repo
) -> None:
    """A page with a string in place of an array raises UnexpectedReply with the field's path."""
    wire.get(f"{ARTIFACTS}?per_page=100", payload={"total_count": 1, "artifacts": "none"})
    with pytest.raises(UnexpectedReply, match=r"expected an array, got str @ \$.artifacts"):
        await repo.list_artifacts().collect()


async def test_a_delete_must_be_confirmed(wire: aioresponses, repo: Repo) -> None:
    """A DELETE that is answered with a success status other than 204 raises UnexpectedReply."""
    wire.delete(f"{ARTIFACTS}/11", status=200)
    with pytest.raises(UnexpectedReply, match="expected status 204"):
        await repo.delete_artifact(11)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, AuthenticationError),
        (404, NotFound),
        (429, RateLimited),
        (502, ServerError),
        (422, UnexpectedReply),
    ],
)
async def test_errors_carry_the_details_of_the_response(
    wire: aioresponses, repo: Repo, status: int, error: type[UnexpectedReply]
) -> None:
    """An error carries GitHub's status, message, documentation URL and request id."""
    body = {"message": "what it says", "documentation_url": "https://docs.github.com/x"}
    wire.get(
        f"{ARTIFACTS}/11", status=status, payload=body, headers={"X-GitHub-Request-Id": "AB:CD"}
    )
    with pytest.raises(error, match="what it says") as caught:
        await repo.get_artifact(11)
    assert caught.value.status == status
    assert caught.value.message == "what it says"
    assert caught.value.documentation_url == "https://docs.github.com/x"
    assert caught.value.request_id == "AB:CD"


async def test_a_full_page_is_read_completely(wire: aioresponses, repo: Repo) -> None:
    """A page that is larger than one network read is read completely."""
    artifacts = [ARTIFACT | {"id": number, "name": "x" * 2000} for number in range(1, 101)]
    wire.get(f"{ARTIFACTS}?per_page=100", payload={"total_count": 100, "artifacts": artifacts})
    assert len(await repo.list_artifacts().collect()) == 100


async def test_aiohttp_errors_are_not_chained(
    wire: aioresponses, repo: Repo, tmp_path: Path
) -> None:
    """An aiohttp error that holds a signed URL is replaced by an error without cause or context."""
    signed = "https://store.example/x?sig=canary"
    wire.get(f"{ARTIFACTS}/11", payload=ARTIFACT)
    wire.get(f"{ARTIFACTS}/11/zip", status=302, headers={"Location": signed})
    info = aiohttp.RequestInfo(URL(signed), "GET", {}, URL(signed))  # type: ignore[arg-type]
    wire.get(signed, exception=aiohttp.ClientResponseError(info, ()))
    with pytest.raises(ConnectionFailed) as caught:
        await repo.download_artifact(11, tmp_path)
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__context__ is None
    assert error.__cause__ is None
    assert "canary" not in repr(error)
