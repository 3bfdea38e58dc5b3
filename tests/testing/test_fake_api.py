"""The API origin is as strict as GitHub about who asks, how, and for what."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Ask, Clock

KEYS = {
    "id", "node_id", "name", "size_in_bytes", "url", "archive_download_url", "expired",
    "created_at", "updated_at", "expires_at", "digest", "workflow_run",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_artifact(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", {"a.txt": b"hello"}, id=11, run_id=7)


async def test_without_user_agent(ask: Ask) -> None:
    """A call without User-Agent is refused in plain text."""
    answer = await ask(LIST, User_Agent=None)
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"Please make sure your request has a User-Agent header" in answer.body


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Basic Zm9v", "token "])
async def test_bad_token(ask: Ask, authorization: str) -> None:
    """A wrong token, and what is none, are refused even where no token is needed."""
    answer = await ask(LIST, Authorization=authorization)
    assert answer.status == 401
    assert answer.json == {
        "message": "Bad credentials",
        "documentation_url": "https://docs.github.com/rest",
        "status": "401",
    }


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "token"])
async def test_token_schemes(ask: Ask, fake: FakeGitHub, scheme: str) -> None:
    """Both of GitHub's schemes are understood, in any case."""
    assert (await ask(LIST, Authorization=f"{scheme} {fake.token}")).status == 200


async def test_revoked_token(ask: Ask, fake: FakeGitHub) -> None:
    """A token set on the running server revokes the one before."""
    old, fake.token = fake.token, "another"
    assert (await ask(LIST, Authorization=f"Bearer {old}")).status == 401
    assert (await ask(LIST)).status == 200


async def test_anonymous_public(ask: Ask) -> None:
    """Without token, a public repository can be listed and read, not downloaded or deleted."""
    assert (await ask(LIST, Authorization=None)).status == 200
    assert (await ask(f"{LIST}/11", Authorization=None)).status == 200
    for target, method in [(f"{LIST}/11/zip", "GET"), (f"{LIST}/11", "DELETE")]:
        answer = await ask(target, method, Authorization=None)
        assert answer.status == 401
        assert answer.json["message"] == "Requires authentication"


@pytest.mark.parametrize("rest", ["", "/11", "/11/zip"])
async def test_anonymous_private(ask: Ask, fake: FakeGitHub, rest: str) -> None:
    """Without token, a private repository does not exist."""
    fake.add_repository(REPOSITORY, private=True)
    answer = await ask(LIST + rest, Authorization=None)
    assert answer.status == 404
    assert answer.json["message"] == "Not Found"


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.github+json",
        "application/vnd.github.v3+json",
        "application/vnd.github.merge-info-preview+json",
        "application/json",
        "*/*",
        "text/html, application/json;q=0.5",
    ],
)
async def test_accept(ask: Ask, accept: str) -> None:
    """Each of the API's own types is accepted, also as one of several."""
    assert (await ask(f"{LIST}/11/zip", Accept=accept)).status == 302


async def test_no_accept(ask: Ask) -> None:
    """A call may leave Accept out."""
    assert (await ask(LIST, Accept=None)).status == 200


@pytest.mark.parametrize("accept", ["application/octet-stream", "application/zip", "text/html"])
async def test_wrong_accept(ask: Ask, accept: str) -> None:
    """Asking the API for the payload's own type is a mistake that GitHub answers with 415."""
    answer = await ask(f"{LIST}/11/zip", Accept=accept)
    assert answer.status == 415
    assert accept in answer.json["message"]


async def test_api_version(ask: Ask) -> None:
    """The version asked for, or the oldest, is named in the answer; an unknown one is refused."""
    selected = "X-GitHub-Api-Version-Selected"
    assert (await ask(LIST)).headers[selected] == "2022-11-28"
    answer = await ask(LIST, X_GitHub_Api_Version="2026-03-10")
    assert answer.headers[selected] == "2026-03-10"
    refused = await ask(LIST, X_GitHub_Api_Version="2001-01-01")
    assert refused.status == 400
    assert "2001-01-01" in refused.json["message"]
    assert selected not in refused.headers


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/repos/octo-org/nothing/actions/artifacts"),
        ("GET", "/repositories/1/actions/artifacts"),
        ("GET", f"{LIST}/12"),
        ("GET", f"{LIST}/12/zip"),
        ("GET", f"{LIST}/x"),
        ("GET", f"{LIST}/-1"),
        ("GET", f"{LIST}/11/tar"),
        ("GET", f"{LIST}/11/"),
        ("GET", f"{LIST}/"),
        ("GET", f"/repos/{REPOSITORY}/actions/runs/8/artifacts"),
        ("GET", f"/repos/{REPOSITORY}/actions/runs/7/artifacts/"),
        ("GET", f"/repos/{REPOSITORY}"),
        ("GET", "/"),
        ("GET", "/api/v3"),
        ("POST", LIST),
        ("PUT", f"{LIST}/11"),
        ("DELETE", f"{LIST}/11/zip"),
        ("DELETE", f"{LIST}/12"),
    ],
)
async def test_not_found(ask: Ask, method: str, target: str) -> None:
    """What there is not, and what there is no such method for, is Not Found."""
    answer = await ask(target, method)
    assert answer.status == 404
    assert answer.json["message"] == "Not Found"
    assert answer.json["status"] == "404"
    assert answer.json["documentation_url"].startswith("https://docs.github.com/rest")


async def test_artifact_of_another_repository(ask: Ask, fake: FakeGitHub) -> None:
    """An id counts only in the repository that it belongs to."""
    fake.add_repository("octo-org/other")
    assert (await ask("/repos/octo-org/other/actions/artifacts/11")).status == 404


async def test_document(ask: Ask, fake: FakeGitHub) -> None:
    """An artifact has every documented field, with GitHub's own forms of them."""
    moment = datetime(2020, 1, 10, 14, 59, 22, tzinfo=UTC)
    artifact = fake.add_artifact(
        REPOSITORY, "Rails", b"zip", run_id=2332938, created_at=moment, head_sha="328faa"
    )
    document = (await ask(f"{LIST}/{artifact.id}")).json
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
        "expires_at": "2020-04-09T14:59:22Z",
        "digest": artifact.digest,
        "workflow_run": {
            "id": 2332938,
            "repository_id": artifact.repository_id,
            "head_repository_id": artifact.repository_id,
            "head_branch": "main",
            "head_sha": "328faa",
        },
    }
    assert (await ask(f"{LIST}/11")).json["node_id"] == "MDg6QXJ0aWZhY3QxMQ=="


async def test_overrides(ask: Ask, fake: FakeGitHub) -> None:
    """Size and digest can be told wrong, or not told, to see what a client makes of it."""
    artifact = fake.add_artifact(REPOSITORY, "odd", b"abc", digest=None, size_in_bytes=99)
    document = (await ask(f"{LIST}/{artifact.id}")).json
    assert (document["digest"], document["size_in_bytes"], artifact.size) == (None, 99, 3)


async def test_etag(ask: Ask, fake: FakeGitHub) -> None:
    """An unchanged document is answered with 304, which does not count against the limit."""
    first = await ask(LIST)
    etag = first.headers["ETag"]
    assert etag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, max-age=60, s-maxage=60"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    again = await ask(LIST, If_None_Match=etag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"] == "1"
    fake.add_artifact(REPOSITORY, "dist", b"")
    changed = await ask(LIST, If_None_Match=etag)
    assert changed.status == 200
    assert changed.headers["X-RateLimit-Used"] == "2"


async def test_rate_limit_headers(ask: Ask, clock: Clock) -> None:
    """Every answer counts down the limit of its token, which is full again after the reset."""
    reset = str(int(clock.time) + 3600)
    answers = [await ask(LIST), await ask("/nothing"), await ask(f"{LIST}/11/zip")]
    remaining = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert remaining == ["4999", "4998", "4997"]
    assert {answer.headers["X-RateLimit-Reset"] for answer in answers} == {reset}
    assert answers[0].headers["X-RateLimit-Resource"] == "core"
    anonymous = await ask(LIST, Authorization=None)
    assert anonymous.headers["X-RateLimit-Limit"] == "60"
    assert anonymous.headers["X-RateLimit-Remaining"] == "59"
    clock.time += 3600
    assert (await ask(LIST)).headers["X-RateLimit-Remaining"] == "4999"


async def test_headers_of_every_answer(ask: Ask) -> None:
    """Every answer, also a refusal, has a request id, the limits and the server's date."""
    requests: list[dict[str, str | None]] = [
        {},
        {"User_Agent": None},
        {"Authorization": "Bearer x"},
        {"Accept": "a/b"},
    ]
    for headers in requests:
        answer = await ask(LIST, **headers)
        assert re.fullmatch(r"[0-9A-F]+(:[0-9A-F]+){3}", answer.headers["X-GitHub-Request-Id"])
        assert answer.headers["X-RateLimit-Limit"]
        assert answer.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


async def test_download(ask: Ask, fake: FakeGitHub) -> None:
    """A download is redirected to the blob host."""
    answer = await ask(f"{LIST}/11/zip")
    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["Location"].startswith(f"{fake.blob_url}/")


async def test_expired(ask: Ask, fake: FakeGitHub) -> None:
    """An expired artifact is still listed, and its download is Gone."""
    fake.expire_artifact(11)
    assert (await ask(f"{LIST}/11")).json["expired"] is True
    answer = await ask(f"{LIST}/11/zip")
    assert answer.status == 410
    assert answer.json["message"] == "Artifact has expired"


async def test_delete(ask: Ask, fake: FakeGitHub) -> None:
    """A deleted artifact is gone for every later call."""
    answer = await ask(f"{LIST}/11", "DELETE")
    assert (answer.status, answer.body) == (204, b"")
    assert fake.artifacts(REPOSITORY) == []
    for method, target in [("DELETE", f"{LIST}/11"), ("GET", f"{LIST}/11/zip")]:
        assert (await ask(target, method)).status == 404


async def test_location_elsewhere(ask: Ask, fake: FakeGitHub) -> None:
    """A download can be redirected to another store, byte for byte and anew each time."""
    fixed = "http://127.0.0.1:9/x?sig=%2f%2F'~"
    artifact = fake.add_artifact(REPOSITORY, "fixed", b"", location=fixed)
    assert (await ask(f"{LIST}/{artifact.id}/zip")).headers["Location"] == fixed
    numbers = iter("ab")
    artifact = fake.add_artifact(
        REPOSITORY, "made", b"", location=lambda made: f"/{made.name}/{next(numbers)}"
    )
    locations = [(await ask(f"{LIST}/{artifact.id}/zip")).headers["Location"] for _ in range(2)]
    assert locations == ["/made/a", "/made/b"]


async def test_case_of_names(ask: Ask) -> None:
    """The names of owner and repository do not mind their case."""
    assert (await ask(LIST.replace("octo", "OCTO"))).json["total_count"] == 1


async def test_ghes_base(ask: Ask, fake: FakeGitHub) -> None:
    """Below /api/v3 the same API answers, and its URLs stay there."""
    document = (await ask(f"/api/v3{LIST}/11")).json
    assert document["url"] == f"{fake.ghes_url}{LIST}/11"
    assert (await ask(f"/api/v3{LIST}/11/zip")).status == 302


async def test_head(ask: Ask) -> None:
    """HEAD is GET without the body."""
    answer = await ask(LIST, "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


async def test_odd_bytes_in_headers(ask: Ask) -> None:
    """Headers that are not ASCII are refused as any wrong value, not by a crash."""
    assert (await ask(LIST, Authorization="Bearer \udcff")).status == 401
