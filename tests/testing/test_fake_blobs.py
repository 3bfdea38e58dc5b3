"""The blob origin serves signed URLs byte for byte, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import CONTENT, REPOSITORY, Answer, Ask, Clock, Signed


def code(answer: Answer) -> str | None:
    """Return the code of an XML error."""
    assert answer.headers["Content-Type"] == "application/xml"
    found = ET.fromstring(answer.body).findtext("Code")
    assert answer.headers["x-ms-error-code"] == found
    return found


async def test_served_as_it_is(ask: Ask, url: str) -> None:
    """The blob is the payload itself, never compressed on the way."""
    answer = await ask(url, Accept_Encoding="gzip, deflate, br")
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"0x8D')
    assert parsedate_to_datetime(answer.headers["Last-Modified"])
    assert answer.headers["x-ms-request-id"]
    assert "Content-Encoding" not in answer.headers
    assert "Content-MD5" not in answer.headers


async def test_compressed_neighbour(
    ask: Ask, fake: FakeGitHub, signed: Signed, tmp_path: Path
) -> None:
    """A compressed file beside the one to serve is left alone."""
    path = tmp_path / "dist.zip"
    path.write_bytes(CONTENT)
    (tmp_path / "dist.zip.gz").write_bytes(b"not this")
    location = await signed(fake.add_artifact(REPOSITORY, "dist", path).id)
    assert (await ask(location, Accept_Encoding="gzip")).body == CONTENT


async def test_shape_of_the_url(fake: FakeGitHub, url: str) -> None:
    """A signed URL is on another origin, ends in .zip, and has every escape that gets rewritten."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == fake.blob_url != fake.url
    assert parts.path.endswith(".zip")
    for escape in ["%2F", "%2B", "%3D", "%27", "%7E", "%20"]:
        assert escape in parts.query


async def test_expiry(ask: Ask, clock: Clock, fake: FakeGitHub, signed: Signed, url: str) -> None:
    """A URL serves for its time to live, a minute unless set otherwise, and not after."""
    clock.time += 59.9
    assert (await ask(url)).status == 200
    clock.time += 0.1
    answer = await ask(url)
    assert (answer.status, code(answer)) == (403, "AuthenticationFailed")
    fake.url_ttl = 0.5
    short = await signed(fake.artifacts(REPOSITORY)[0].id)
    clock.time += 0.4
    assert (await ask(short)).status == 200
    clock.time += 0.1
    assert (await ask(short)).status == 403


async def test_expiry_while_flowing(
    clock: Clock, fake: FakeGitHub, http: aiohttp.ClientSession, signed: Signed, tmp_path: Path
) -> None:
    """The expiry is checked when a request starts: a response already flowing goes on."""
    path = tmp_path / "big"
    path.write_bytes(bytes(8 << 20))
    location = await signed(fake.add_artifact(REPOSITORY, "big", path).id)
    async with http.get(URL(location, encoded=True)) as response:
        clock.time += 3600
        assert len(await response.read()) == 8 << 20


@pytest.mark.parametrize(
    ("escape", "rewritten"),
    [
        ("%2F", "/"), ("%2F", "%2f"), ("%27", "'"), ("%7E", "~"), ("%20", "+"), ("%3D", "="),
        ("%2B", "+"), ("sp=r", "sp=rw"), (".zip", ".ZIP"), ("&sp", "&&sp"),
    ],
)  # fmt: skip
async def test_altered(ask: Ask, url: str, escape: str, rewritten: str) -> None:
    """Any change is refused, also one that only writes the same thing with other escapes."""
    altered = url.replace(escape, rewritten, 1)
    assert altered != url
    answer = await ask(altered)
    assert (answer.status, code(answer)) == (403, "AuthenticationFailed")


async def test_requoted_by_a_client(http: aiohttp.ClientSession, url: str) -> None:
    """A client that lets its URL library normalise the Location is refused."""
    async with http.get(url) as response:
        assert response.status == 403


@pytest.mark.parametrize("target", ["/", "/x.zip", "/x?sig=", "/?a&sig=%C3%BC", "/x?sig=a&sig=b"])
async def test_unsigned(ask: Ask, fake: FakeGitHub, target: str) -> None:
    """A URL that was never handed out is refused."""
    assert (await ask(fake.blob_url + target)).status == 403


async def test_foreign_signature(ask: Ask, fake: FakeGitHub, url: str) -> None:
    """A URL of one server opens nothing on another."""
    async with FakeGitHub() as other:
        assert (await ask(url.replace(fake.blob_url, other.blob_url))).status == 403


@pytest.mark.parametrize("authorization", ["Bearer fake-token", "Basic eDp5", ""])
async def test_authorization(ask: Ask, url: str, authorization: str) -> None:
    """A credential that reaches the blob host is an error, whatever else is right or wrong."""
    for target in [url, url.replace("sp=r", "sp=w")]:
        answer = await ask(target, Authorization=authorization)
        assert (answer.status, code(answer)) == (400, "InvalidAuthenticationInfo")


async def test_deleted(ask: Ask, fake: FakeGitHub, url: str) -> None:
    """The URL of a deleted artifact leads nowhere."""
    fake.delete_artifact(fake.artifacts(REPOSITORY)[0])
    answer = await ask(url)
    assert (answer.status, code(answer)) == (404, "BlobNotFound")


async def test_method(ask: Ask, url: str) -> None:
    """A blob can be read and nothing else."""
    answer = await ask(url, "DELETE")
    assert (answer.status, code(answer)) == (405, "UnsupportedHttpVerb")


async def test_head(ask: Ask, url: str) -> None:
    """HEAD tells length and tag without the body."""
    answer = await ask(url, "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "1024"
    assert answer.headers["ETag"] == (await ask(url)).headers["ETag"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("0-0", 0, 1), ("10-19", 10, 20), ("1000-", 1000, 1024), ("0-", 0, 1024),
     ("1023-5000", 1023, 1024)],
)  # fmt: skip
async def test_range(ask: Ask, url: str, wanted: str, start: int, end: int) -> None:
    """A single range is served, cut at the end of the blob."""
    answer = await ask(url, Range=f"bytes={wanted}")
    assert (answer.status, answer.body) == (206, CONTENT[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/1024"
    assert answer.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=1024-1025", "bytes=99999-"])
async def test_unsatisfiable_range(ask: Ask, url: str, wanted: str) -> None:
    """A range that starts at the end or behind it cannot be satisfied."""
    answer = await ask(url, Range=wanted)
    assert (answer.status, code(answer)) == (416, "InvalidRange")
    assert answer.headers["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize("wanted", ["bytes=0-1,4-5", "bytes=5-4", "items=0-1", "bytes=x-"])
async def test_ignored_range(ask: Ask, url: str, wanted: str) -> None:
    """Several ranges, and what is none, are ignored: the whole blob comes."""
    answer = await ask(url, Range=wanted)
    assert (answer.status, answer.body) == (200, CONTENT)


async def test_suffix_range(ask: Ask, url: str) -> None:
    """A suffix range is refused, as Azure has none."""
    answer = await ask(url, Range="bytes=-5")
    assert (answer.status, code(answer)) == (400, "InvalidHeaderValue")


async def test_conditions(ask: Ask, url: str) -> None:
    """If-Match guards a resume: it holds for the blob's own tag and fails for any other."""
    etag = (await ask(url)).headers["ETag"]
    for tag in [etag, "*", f'"other", {etag}']:
        assert (await ask(url, If_Match=tag, Range="bytes=5-")).status == 206
    for tag in ['"other"', f"W/{etag}"]:
        answer = await ask(url, If_Match=tag, Range="bytes=5-")
        assert (answer.status, code(answer)) == (412, "ConditionNotMet")
    assert (await ask(url, If_None_Match=etag)).status == 304


async def test_changed_file(ask: Ask, fake: FakeGitHub, signed: Signed, tmp_path: Path) -> None:
    """A file that changes on disk changes its tag."""
    path = tmp_path / "dist.zip"
    path.write_bytes(b"one")
    location = await signed(fake.add_artifact(REPOSITORY, "dist", path).id)
    etag = (await ask(location)).headers["ETag"]
    path.write_bytes(b"three")
    assert (await ask(location)).body == b"three"
    assert (await ask(location, If_Match=etag)).status == 412
    path.unlink()
    assert (await ask(location)).status == 404


async def test_empty_blob(ask: Ask, fake: FakeGitHub, signed: Signed) -> None:
    """An empty payload is served, and no range of it."""
    location = await signed(fake.add_artifact(REPOSITORY, "nothing", b"").id)
    answer = await ask(location)
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    assert (await ask(location, Range="bytes=0-")).status == 416


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
async def test_raw_payload(
    ask: Ask, fake: FakeGitHub, signed: Signed, raw: str, kind: str, disposition: str
) -> None:
    """A raw upload comes with its own type and name, from a URL that does not say .zip."""
    location = await signed(fake.add_artifact(REPOSITORY, "report", b"{}", raw=raw).id)
    assert not urlsplit(location).path.endswith(".zip")
    answer = await ask(location)
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"] == disposition


async def test_big_file_in_flat_memory(
    fake: FakeGitHub, http: aiohttp.ClientSession, signed: Signed, tmp_path: Path
) -> None:
    """A file of any size is digested and served without being held in memory."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "sparse.zip"
    size = 300 << 20
    with path.open("wb") as file:
        file.truncate(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    artifact = fake.add_artifact(REPOSITORY, "sparse", path)
    digest = hashlib.sha256()
    async with http.get(URL(await signed(artifact.id), encoded=True)) as response:
        async for chunk in response.content.iter_any():
            digest.update(chunk)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert artifact.digest == f"sha256:{digest.hexdigest()}"
    assert fake.requests[-1].bytes_sent in {size, None}
    assert grown < (20 << 20 if sys.platform == "darwin" else 20 << 10)


async def test_loop_without_sendfile(ask: Ask, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Event loops that have no sendfile serve the same bytes."""

    async def refuse(*_: object) -> int:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sendfile", refuse)
    assert (await ask(url, Range="bytes=3-900")).body == CONTENT[3:901]
