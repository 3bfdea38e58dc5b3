"""Headers, compression, CORS and expiry are as GitHub's."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Clock, Send

SECURITY = {
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "origin-when-cross-origin, strict-origin-when-cross-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "X-XSS-Protection": "0",
}


@pytest.fixture(autouse=True)
def _one_artifact(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", {"a.txt": b"hello"}, id=11)


@pytest.mark.parametrize("target", [LIST, f"{LIST}/11/zip", f"{LIST}/12", "/nothing"])
async def test_security_headers(send: Send, target: str) -> None:
    """Every response, even a redirect or an error, has GitHub's security headers."""
    response = await send(target)
    assert SECURITY.items() <= dict(response.headers).items()
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Link", "Location", "X-RateLimit-Remaining"} <= set(exposed)


async def test_caching_headers(send: Send) -> None:
    """Documents may be cached; with credentials, only privately."""
    private = (await send(LIST)).headers
    assert private["Cache-Control"] == "private, max-age=60, s-maxage=60"
    assert private["Vary"].startswith("Accept, Authorization, Cookie, X-GitHub-OTP, ")
    public = (await send(LIST, Authorization=None)).headers
    assert public["Cache-Control"] == "public, max-age=60, s-maxage=60"
    assert "Authorization" not in public["Vary"]
    assert "Cache-Control" not in (await send(f"{LIST}/12")).headers


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("br;q=1.0, gzip; q=0.0, *", False),
        (None, False),
    ],
)
async def test_compression(
    fake: FakeGitHub, http: aiohttp.ClientSession, accepted: str | None, compressed: bool
) -> None:
    """JSON is compressed with gzip if the client accepts it; the ETag stays the same."""
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    plain = {"Accept-Encoding": "identity"}
    async with http.get(fake.url + LIST, headers=plain) as response:
        expected, etag = await response.read(), response.headers["ETag"]
    skip = ["Accept-Encoding"] if accepted is None else []
    url = fake.url + LIST
    async with http.get(url, headers=headers, skip_auto_headers=skip) as response:
        body = await response.read()
        assert response.headers.get("Content-Encoding") == ("gzip" if compressed else None)
        assert response.headers["ETag"] == etag
    assert (gzip.decompress(body) if compressed else body) == expected


async def test_a_preflight_request(send: Send) -> None:
    """A browser's preflight request is allowed without credentials, on every path."""
    response = await send(
        f"{LIST}/11",
        "OPTIONS",
        Authorization=None,
        Origin="https://app.example",
        Access_Control_Request_Method="DELETE",
        Access_Control_Request_Headers="authorization,x-github-api-version",
    )
    assert (response.status, response.body) == (204, b"")
    assert "DELETE" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "x-github-api-version" in allowed


async def test_the_options_of_a_path(send: Send, fake: FakeGitHub) -> None:
    """A request for the options of a path gets the same response as a preflight request."""
    response = await send(LIST, "OPTIONS")
    assert (response.status, response.body) == (204, b"")
    assert "DELETE" in response.headers["Access-Control-Allow-Methods"]
    assert fake.unknown_requests == []


async def test_a_document_that_has_not_changed(send: Send) -> None:
    """A document with `Last-Modified` gets 304 if the client knows it; an ETag has precedence."""
    target = f"/repos/{REPOSITORY}"
    modified = (await send(target)).headers["Last-Modified"]
    assert (await send(target, If_Modified_Since=modified)).status == 304
    for conditions in (
        {"If_Modified_Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
        {"If_Modified_Since": "yesterday"},
        {"If_Modified_Since": modified, "If_None_Match": '"other"'},
    ):
        assert (await send(target, **conditions)).status == 200, conditions


async def test_a_blob_for_a_browser(send: Send) -> None:
    """A browser may read the blob store's response, if it asks with `Origin`."""
    location = (await send(f"{LIST}/11/zip")).headers["Location"]
    response = await send(location, Origin="null")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in (await send(location)).headers


@pytest.mark.parametrize(
    ("accept", "named"),
    [
        (None, "github.v3; format=json"),
        ("*/*", "github.v3; format=json"),
        ("application/vnd.github+json", "github.v3; format=json"),
        ("application/vnd.github.v4+json", "github.v4; format=json"),
        ("application/vnd.github.beta+json", "github.beta; format=json"),
        ("application/vnd.github.antiope-preview+json", "github.antiope-preview; format=json"),
        ("application/vnd.github.squirrel-girl-preview", "github.squirrel-girl-preview"),
        ("text/html, application/vnd.github.v3.star+json", "github.v3; param=star; format=json"),
        (
            "application/vnd.github.v3.nebula-preview+json; charset=utf-8",
            "github.v3; param=nebula-preview; format=json",
        ),
    ],
)
async def test_the_media_type(send: Send, accept: str | None, named: str) -> None:
    """A response names the media type of GitHub that the request accepts."""
    response = await send(LIST, Accept=accept)
    assert (response.status, response.headers["X-GitHub-Media-Type"]) == (200, named)


async def test_an_empty_accept_is_none(send: Send) -> None:
    """An empty `Accept` header is treated like a missing one."""
    assert (await send(f"{LIST}/11/zip", Accept="")).status == 302


async def test_an_artifact_expires(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """An artifact expires when the server's clock reaches its `expires_at`."""
    moment = datetime.fromtimestamp(clock.time, UTC) + timedelta(hours=1)
    fake.add_artifact(REPOSITORY, "short", b"", id=12, expires_at=moment)
    for seconds, expired, status in ((3599, False, 302), (1, True, 410)):
        clock.time += seconds
        listed = (await send(LIST)).json["artifacts"]
        assert [one["expired"] for one in listed] == [expired, False]
        assert (await send(f"{LIST}/12")).json["expired"] is expired
        assert (await send(f"{LIST}/12/zip")).status == status
        assert fake.artifacts(REPOSITORY)[0].expired is expired


async def test_expiry_agrees_with_itself(fake: FakeGitHub, clock: Clock) -> None:
    """`expires_at` is in the future of the server's clock unless the artifact has expired."""
    now = datetime.fromtimestamp(clock.time, UTC)
    old = fake.add_artifact(REPOSITORY, "old", b"", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert (old.expired, old.expires_at > now) == (False, True)
    assert fake.expire_artifact(old).expires_at <= now
    gone = fake.add_artifact(REPOSITORY, "gone", b"", created_at=now, expired=True)
    assert gone.expires_at <= now
