"""The blob store serves only signed URLs that were not altered."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import CONTENT, REPOSITORY, Clock, Response, Send, Signed


def code(response: Response) -> str | None:
    """Return the error code in the XML body."""
    assert response.headers["Content-Type"] == "application/xml"
    found = ET.fromstring(response.body).findtext("Code")
    assert response.headers["x-ms-error-code"] == found
    return found


async def test_the_payload_is_served_unchanged(send: Send, url: str) -> None:
    """The payload is served unchanged and without Content-Encoding."""
    response = await send(url, Accept_Encoding="gzip, deflate, br")
    assert (response.status, response.body) == (200, CONTENT)
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"].startswith('"0x8D')
    assert parsedate_to_datetime(response.headers["Last-Modified"])
    assert response.headers["x-ms-request-id"]
    assert "Content-Encoding" not in response.headers
    assert "Content-MD5" not in response.headers


async def test_a_compressed_file_in_the_same_directory(
    send: Send, fake: FakeGitHub, signed: Signed, tmp_path: Path
) -> None:
    """A file `dist.zip.gz` in the same directory is not served instead of `dist.zip`."""
    path = tmp_path / "dist.zip"
    path.write_bytes(CONTENT)
    (tmp_path / "dist.zip.gz").write_bytes(b"not this")
    location = await signed(fake.add_artifact(REPOSITORY, "dist", path).id)
    assert (await send(location, Accept_Encoding="gzip")).body == CONTENT


async def test_the_form_of_a_signed_url(fake: FakeGitHub, url: str) -> None:
    """A signed URL has the blob store's origin and every escape that clients rewrite."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == fake.blob_url != fake.url
    assert parts.path.endswith(".zip")
    for escape in ["%2F", "%2B", "%3D", "%27", "%7E", "%20"]:
        assert escape in parts.query


async def test_a_url_expires(
    send: Send, clock: Clock, fake: FakeGitHub, signed: Signed, url: str
) -> None:
    """A signed URL is valid for `url_ttl` seconds, 60 by default."""
    clock.time += 59.9
    assert (await send(url)).status == 200
    clock.time += 0.1
    response = await send(url)
    assert (response.status, code(response)) == (403, "AuthenticationFailed")
    fake.url_ttl = 0.5
    short = await signed(fake.artifacts(REPOSITORY)[0].id)
    clock.time += 0.4
    assert (await send(short)).status == 200
    clock.time += 0.1
    assert (await send(short)).status == 403


async def test_a_url_that_expires_during_the_response(
    clock: Clock, fake: FakeGitHub, http: aiohttp.ClientSession, signed: Signed, tmp_path: Path
) -> None:
    """A URL's expiry is checked only when a request starts, so a long response is completed."""
    path = tmp_path / "big"
    path.write_bytes(bytes(8 << 20))
    location = await signed(fake.add_artifact(REPOSITORY, "big", path).id)
    async with http.get(URL(location, encoded=True)) as response:
        clock.time += 3600
        assert len(await response.read()) == 8 << 20


@pytest.mark.parametrize("target", ["/", "/x.zip", "/x?sig=", "/?a&sig=%C3%BC", "/x?sig=a&sig=b"])
async def test_an_unsigned_url_is_refused(send: Send, fake: FakeGitHub, target: str) -> None:
    """A URL that was never issued is refused."""
    assert (await send(fake.blob_url + target)).status == 403


async def test_a_url_of_another_server_is_refused(send: Send, fake: FakeGitHub, url: str) -> None:
    """A URL signed by one server is refused by another."""
    async with FakeGitHub() as other:
        assert (await send(url.replace(fake.blob_url, other.blob_url))).status == 403


@pytest.mark.parametrize("authorization", ["Bearer fake-token", "Basic eDp5", ""])
async def test_credentials_are_refused(send: Send, url: str, authorization: str) -> None:
    """A request with credentials gets 400, whether its signature is valid or not."""
    for target in [url, url.replace("sp=r", "sp=w")]:
        response = await send(target, Authorization=authorization)
        assert (response.status, code(response)) == (400, "InvalidAuthenticationInfo")


async def test_a_deleted_artifact(send: Send, fake: FakeGitHub, url: str) -> None:
    """The URL of a deleted artifact gets 404."""
    fake.delete_artifact(fake.artifacts(REPOSITORY)[0])
    response = await send(url)
    assert (response.status, code(response)) == (404, "BlobNotFound")


async def test_other_methods_are_refused(send: Send, url: str) -> None:
    """A method other than GET and HEAD gets 405."""
    response = await send(url, "DELETE")
    assert (response.status, code(response)) == (405, "UnsupportedHttpVerb")


async def test_head_has_no_body(send: Send, url: str) -> None:
    """HEAD returns the length and the ETag without the body."""
    response = await send(url, "HEAD")
    assert (response.status, response.body) == (200, b"")
    assert response.headers["Content-Length"] == "1024"
    assert response.headers["ETag"] == (await send(url)).headers["ETag"]


@pytest.mark.parametrize(
    ("requested", "start", "end"),
    [("0-0", 0, 1), ("10-19", 10, 20), ("1000-", 1000, 1024), ("0-", 0, 1024),
     ("1023-5000", 1023, 1024)],
)  # fmt: skip
async def test_a_single_range(send: Send, url: str, requested: str, start: int, end: int) -> None:
    """A single range is served, limited to the end of the blob."""
    response = await send(url, Range=f"bytes={requested}")
    assert (response.status, response.body) == (206, CONTENT[start:end])
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/1024"
    assert response.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("requested", ["bytes=1024-", "bytes=1024-1025", "bytes=99999-"])
async def test_unsatisfiable_range(send: Send, url: str, requested: str) -> None:
    """A range that starts at or after the end gets 416."""
    response = await send(url, Range=requested)
    assert (response.status, code(response)) == (416, "InvalidRange")
    assert response.headers["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize("requested", ["bytes=0-1,4-5", "bytes=5-4", "items=0-1", "bytes=x-"])
async def test_ignored_range(send: Send, url: str, requested: str) -> None:
    """Multiple ranges and invalid ranges are ignored: the whole blob is sent."""
    response = await send(url, Range=requested)
    assert (response.status, response.body) == (200, CONTENT)


async def test_suffix_range(send: Send, url: str) -> None:
    """A suffix range is refused, because Azure does not support it."""
    response = await send(url, Range="bytes=-5")
    assert (response.status, code(response)) == (400, "InvalidHeaderValue")


async def test_if_match_and_if_none_match(send: Send, url: str) -> None:
    """If-Match fails with any ETag but the blob's. If-None-Match with the blob's gets 304."""
    etag = (await send(url)).headers["ETag"]
    for tag in [etag, "*", f'"other", {etag}']:
        assert (await send(url, If_Match=tag, Range="bytes=5-")).status == 206
    for tag in ['"other"', f"W/{etag}"]:
        response = await send(url, If_Match=tag, Range="bytes=5-")
        assert (response.status, code(response)) == (412, "ConditionNotMet")
    for tag in (etag, f"W/{etag}"):
        assert (await send(url, If_None_Match=tag)).status == 304


async def test_conditions_on_the_time(send: Send, url: str) -> None:
    """A blob that has not changed since a time gets 304, and one that has changed 412."""
    modified = (await send(url)).headers["Last-Modified"]
    past = "Mon, 01 Jan 2001 00:00:00 GMT"
    assert (await send(url, If_Modified_Since=modified)).status == 304
    assert (await send(url, If_Modified_Since=past)).body == CONTENT
    assert (await send(url, If_Modified_Since=modified, If_None_Match='"other"')).status == 200
    assert (await send(url, If_Unmodified_Since=modified, Range="bytes=5-")).status == 206
    a_second_before = formatdate(parsedate_to_datetime(modified).timestamp() - 1, usegmt=True)
    for moment in (past, a_second_before):
        response = await send(url, If_Unmodified_Since=moment)
        assert (response.status, code(response)) == (412, "ConditionNotMet")
    assert (await send(url, If_Unmodified_Since="yesterday")).status == 200


async def test_changed_file(send: Send, fake: FakeGitHub, signed: Signed, tmp_path: Path) -> None:
    """A file that changes on disk gets a new ETag."""
    path = tmp_path / "dist.zip"
    path.write_bytes(b"one")
    location = await signed(fake.add_artifact(REPOSITORY, "dist", path).id)
    etag = (await send(location)).headers["ETag"]
    path.write_bytes(b"three")
    assert (await send(location)).body == b"three"
    assert (await send(location, If_Match=etag)).status == 412
    path.unlink()
    assert (await send(location)).status == 404


async def test_empty_blob(send: Send, fake: FakeGitHub, signed: Signed) -> None:
    """An empty payload is served; any range of it gets 416."""
    location = await signed(fake.add_artifact(REPOSITORY, "nothing", b"").id)
    response = await send(location)
    assert (response.status, response.body, response.headers["Content-Length"]) == (200, b"", "0")
    assert (await send(location, Range="bytes=0-")).status == 416


@pytest.mark.parametrize(
    ("raw", "kind", "disposition"),
    [
        (
            "report.json",
            "application/json",
            "attachment; filename=\"report.json\"; filename*=UTF-8''report.json",
        ),
        (
            "größe 1\r\n",
            "application/octet-stream",
            "attachment; filename=\"gr__e 1__\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%201%0D%0A",
        ),
        (
            '../"x\\.tar.gz',
            "application/gzip",
            'attachment; filename="../\\"x\\\\.tar.gz"; filename*=UTF-8\'\'..%2F%22x%5C.tar.gz',
        ),
    ],
)
async def test_a_raw_upload(
    send: Send, fake: FakeGitHub, signed: Signed, raw: str, kind: str, disposition: str
) -> None:
    """A raw upload has the content type and name of its file, and a URL without .zip."""
    location = await signed(fake.add_artifact(REPOSITORY, "report", b"{}", raw=raw).id)
    assert not urlsplit(location).path.endswith(".zip")
    response = await send(location)
    assert (response.status, response.body) == (200, b"{}")
    assert response.headers["Content-Type"] == kind
    assert response.headers["Content-Disposition"] == disposition


async def test_a_large_file_needs_little_memory(
    fake: FakeGitHub, http: aiohttp.ClientSession, signed: Signed, tmp_path: Path
) -> None:
    """A file of any size is hashed and served without being read into memory."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "sparse.zip"
    size = 300 << 20
    with path.open("wb") as file:
        file.truncate(size)
    baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    artifact = fake.add_artifact(REPOSITORY, "sparse", path)
    digest = hashlib.sha256()
    async with http.get(URL(await signed(artifact.id), encoded=True)) as response:
        async for chunk in response.content.iter_any():
            digest.update(chunk)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - baseline
    assert artifact.digest == f"sha256:{digest.hexdigest()}"
    assert fake.requests[-1].bytes_sent in {size, None}
    assert grown < (20 << 20 if sys.platform == "darwin" else 20 << 10)


async def test_an_event_loop_without_sendfile(
    send: Send, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event loop without sendfile serves the same bytes."""

    async def refuse(*_: object) -> int:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sendfile", refuse)
    assert (await send(url, Range="bytes=3-900")).body == CONTENT[3:901]
