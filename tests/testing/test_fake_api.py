"""The API is as strict as GitHub about credentials, headers and paths."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Clock, Send

KEYS = {
    "id", "node_id", "name", "size_in_bytes", "url", "archive_download_url", "expired",
    "created_at", "updated_at", "expires_at", "digest", "workflow_run",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_artifact(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", {"a.txt": b"hello"}, id=11, run_id=7)


async def test_a_request_without_user_agent(send: Send) -> None:
    """A request without User-Agent gets 403 in plain text."""
    response = await send(LIST, User_Agent=None)
    assert response.status == 403
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"Please make sure your request has a User-Agent header" in response.body


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Basic Zm9v", "token "])
async def test_a_wrong_token(send: Send, authorization: str) -> None:
    """A wrong or malformed token gets 401, even for a public repository."""
    response = await send(LIST, Authorization=authorization)
    assert response.status == 401
    assert response.json == {
        "message": "Bad credentials",
        "documentation_url": "https://docs.github.com/rest",
        "status": "401",
    }


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "token"])
async def test_token_schemes(send: Send, fake: FakeGitHub, scheme: str) -> None:
    """Both authorization schemes of GitHub are accepted, in any case."""
    assert (await send(LIST, Authorization=f"{scheme} {fake.token}")).status == 200


async def test_a_revoked_token(send: Send, fake: FakeGitHub) -> None:
    """Setting `token` on the running server revokes the old token."""
    old, fake.token = fake.token, "another"
    assert (await send(LIST, Authorization=f"Bearer {old}")).status == 401
    assert (await send(LIST)).status == 200


@pytest.mark.parametrize("rest", ["", "/11", "/11/zip"])
async def test_a_private_repository_without_a_token(
    send: Send, fake: FakeGitHub, rest: str
) -> None:
    """A request for a private repository without a token gets 404."""
    fake.add_repository(REPOSITORY, private=True)
    response = await send(LIST + rest, Authorization=None)
    assert response.status == 404
    assert response.json["message"] == "Not Found"


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.github+json",
        "application/vnd.github.v3+json",
        "application/vnd.github.merge-info-preview+json",
        "application/vnd.github.v3",
        "application/vnd.github.raw",
        "application/json",
        "application/*",
        "*/*",
        "text/html, application/json;q=0.5",
    ],
)
async def test_accepted_media_types(send: Send, accept: str) -> None:
    """Each media type of the API is accepted, alone or in a list."""
    assert (await send(f"{LIST}/11/zip", Accept=accept)).status == 302


async def test_a_request_without_accept(send: Send) -> None:
    """A request may omit Accept."""
    assert (await send(LIST, Accept=None)).status == 200


@pytest.mark.parametrize("accept", ["application/octet-stream", "application/zip", "text/html"])
async def test_other_media_types_are_refused(send: Send, accept: str) -> None:
    """A request that does not accept JSON gets 415."""
    response = await send(f"{LIST}/11/zip", Accept=accept)
    assert response.status == 415
    assert accept in response.json["message"]


async def test_the_api_version(send: Send) -> None:
    """A response names the requested API version, or the oldest. An unknown version gets 400."""
    selected = "X-GitHub-Api-Version-Selected"
    assert (await send(LIST)).headers[selected] == "2022-11-28"
    response = await send(LIST, X_GitHub_Api_Version="2026-03-10")
    assert response.headers[selected] == "2026-03-10"
    refused = await send(LIST, X_GitHub_Api_Version="2001-01-01")
    assert refused.status == 400
    assert "2001-01-01" in refused.json["message"]
    assert selected not in refused.headers


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/repos/octo-org/nothing/actions/artifacts"),
        ("GET", "/repositories/1/actions/artifacts"),
        ("GET", "/repositories"),
        ("GET", f"{LIST}/12"),
        ("GET", f"{LIST}/12/zip"),
        ("GET", f"{LIST}/x"),
        ("GET", f"{LIST}/-1"),
        ("GET", f"{LIST}/11/tar"),
        ("GET", f"{LIST}/11/"),
        ("GET", f"{LIST}/"),
        ("GET", f"/repos/{REPOSITORY}/actions/runs/8/artifacts"),
        ("GET", f"/repos/{REPOSITORY}/actions/runs/7/artifacts/"),
        ("GET", f"/repos/{REPOSITORY}/"),
        ("GET", "//"),
        ("GET", "/api/v4"),
        ("POST", LIST),
        ("PUT", f"{LIST}/11"),
        ("DELETE", f"{LIST}/11/zip"),
        ("DELETE", f"{LIST}/12"),
    ],
)
async def test_unknown_paths_and_methods(send: Send, method: str, target: str) -> None:
    """Unknown resources, paths and methods get 404."""
    response = await send(target, method)
    assert response.status == 404
    assert response.json["message"] == "Not Found"
    assert response.json["status"] == "404"
    assert response.json["documentation_url"].startswith("https://docs.github.com/rest")


async def test_an_artifact_of_another_repository(send: Send, fake: FakeGitHub) -> None:
    """An artifact is found only in its own repository."""
    fake.add_repository("octo-org/other")
    assert (await send("/repos/octo-org/other/actions/artifacts/11")).status == 404


async def test_the_fields_of_an_artifact(send: Send, fake: FakeGitHub) -> None:
    """An artifact has all documented fields in GitHub's format."""
    moment = datetime(2020, 1, 10, 14, 59, 22, tzinfo=UTC)
    artifact = fake.add_artifact(
        REPOSITORY, "Rails", b"zip", run_id=2332938, created_at=moment, head_sha="328faa"
    )
    document = (await send(f"{LIST}/{artifact.id}")).json
    url = f"{fake.url}{LIST}/{artifact.id}"
    assert document.keys() == KEYS
    assert document == {
        "id": artifact.id,
        "node_id": document["node_id"],
        "name": "Rails",
        "size_in_bytes": 3,
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": False,
        "created_at": "2020-01-10T14:59:22Z",
        "updated_at": "2020-01-10T14:59:22Z",
        "expires_at": "2027-04-15T08:00:00Z",
        "digest": artifact.digest,
        "workflow_run": {
            "id": 2332938,
            "repository_id": artifact.repository_id,
            "head_repository_id": artifact.repository_id,
            "head_branch": "main",
            "head_sha": "328faa",
        },
    }
    assert (await send(f"{LIST}/11")).json["node_id"] == "MDg6QXJ0aWZhY3QxMQ=="


async def test_a_wrong_size_and_no_digest(send: Send, fake: FakeGitHub) -> None:
    """A test can make the API report a wrong size or no digest."""
    artifact = fake.add_artifact(REPOSITORY, "odd", b"abc", digest=None, size_in_bytes=99)
    document = (await send(f"{LIST}/{artifact.id}")).json
    assert (document["digest"], document["size_in_bytes"], artifact.size) == (None, 99, 3)


async def test_an_unchanged_document(send: Send, fake: FakeGitHub) -> None:
    """A conditional request for an unchanged document gets 304 and costs nothing."""
    first = await send(LIST)
    etag = first.headers["ETag"]
    assert etag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, max-age=60, s-maxage=60"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}'):
        again = await send(LIST, If_None_Match=known)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
        assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"] == "1"
    fake.add_artifact(REPOSITORY, "dist", b"")
    changed = await send(LIST, If_None_Match=etag)
    assert changed.status == 200
    assert changed.headers["X-RateLimit-Used"] == "2"


async def test_rate_limit_headers(send: Send, clock: Clock) -> None:
    """Every request counts against the rate limit of its token until the limit is reset."""
    reset = str(int(clock.time) + 3600)
    responses = [await send(LIST), await send("/nothing"), await send(f"{LIST}/11/zip")]
    remaining = [response.headers["X-RateLimit-Remaining"] for response in responses]
    assert remaining == ["4999", "4998", "4997"]
    assert {response.headers["X-RateLimit-Reset"] for response in responses} == {reset}
    assert responses[0].headers["X-RateLimit-Resource"] == "core"
    anonymous = await send(LIST, Authorization=None)
    assert anonymous.headers["X-RateLimit-Limit"] == "60"
    assert anonymous.headers["X-RateLimit-Remaining"] == "59"
    clock.time += 3600
    assert (await send(LIST)).headers["X-RateLimit-Remaining"] == "4999"


async def test_headers_of_every_response(send: Send) -> None:
    """Every response, even an error, has a request id, rate limit headers and the date."""
    requests: list[dict[str, str | None]] = [
        {},
        {"User_Agent": None},
        {"Authorization": "Bearer x"},
        {"Accept": "a/b"},
    ]
    for headers in requests:
        response = await send(LIST, **headers)
        assert re.fullmatch(r"[0-9A-F]+(:[0-9A-F]+){3}", response.headers["X-GitHub-Request-Id"])
        assert response.headers["X-RateLimit-Limit"]
        assert response.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


async def test_a_download_is_redirected(send: Send, fake: FakeGitHub) -> None:
    """A download is redirected to the blob store."""
    response = await send(f"{LIST}/11/zip")
    assert (response.status, response.body) == (302, b"")
    assert response.headers["Location"].startswith(f"{fake.blob_url}/")


async def test_an_expired_artifact(send: Send, fake: FakeGitHub) -> None:
    """An expired artifact can still be read, but downloading it gets 410."""
    fake.expire_artifact(11)
    assert (await send(f"{LIST}/11")).json["expired"] is True
    response = await send(f"{LIST}/11/zip")
    assert response.status == 410
    assert response.json["message"] == "Artifact has expired"


async def test_a_deleted_artifact(send: Send, fake: FakeGitHub) -> None:
    """Requests for a deleted artifact get 404."""
    response = await send(f"{LIST}/11", "DELETE")
    assert (response.status, response.body) == (204, b"")
    assert fake.artifacts(REPOSITORY) == []
    for method, target in [("DELETE", f"{LIST}/11"), ("GET", f"{LIST}/11/zip")]:
        assert (await send(target, method)).status == 404


async def test_a_redirect_to_another_store(send: Send, fake: FakeGitHub) -> None:
    """A `location` URL is sent verbatim. A `location` function is called for each redirect."""
    fixed = "http://127.0.0.1:9/x?sig=%2f%2F'~"
    artifact = fake.add_artifact(REPOSITORY, "fixed", b"", location=fixed)
    assert (await send(f"{LIST}/{artifact.id}/zip")).headers["Location"] == fixed
    numbers = iter("ab")
    artifact = fake.add_artifact(
        REPOSITORY, "made", b"", location=lambda made: f"/{made.name}/{next(numbers)}"
    )
    locations = [(await send(f"{LIST}/{artifact.id}/zip")).headers["Location"] for _ in range(2)]
    assert locations == ["/made/a", "/made/b"]


async def test_names_ignore_case(send: Send) -> None:
    """Owner and repository names are case-insensitive."""
    assert (await send(LIST.replace("octo", "OCTO"))).json["total_count"] == 1


async def test_the_ghes_base_path(send: Send, fake: FakeGitHub) -> None:
    """The API also works below /api/v3, and then its responses have URLs below /api/v3."""
    document = (await send(f"/api/v3{LIST}/11")).json
    assert document["url"] == f"{fake.ghes_url}{LIST}/11"
    assert (await send(f"/api/v3{LIST}/11/zip")).status == 302


async def test_head_has_no_body(send: Send) -> None:
    """HEAD is answered like GET, but without the body."""
    response = await send(LIST, "HEAD")
    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0


async def test_a_token_that_is_not_ascii(send: Send) -> None:
    """A token that is not ASCII gets 401."""
    assert (await send(LIST, Authorization="Bearer \udcff")).status == 401
