"""The stores behave as the library's tests believe: a change in one of them is noticed here."""

import asyncio
import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
import yarl

from tests.stores.azurite import PIECE, Azurite
from tests.stores.base import DISPOSITION, Child, ProgramMissingError, Store, find
from tests.stores.conftest import running
from tests.stores.nginx import Nginx

from .s3 import S3rver, sign_v4

DATA = b"0123456789"
ESCAPES = {"%2F": "/", "%27": "'", "%7E": "~", "%2B": "+", "%3D": "="}

# Header by header: the status and the Content-Range of nginx, Azurite and s3rver; None is an
# answer that is not HTTP (``Content-Length: NaN``).
Answer = tuple[int, str | None] | None
CONDITIONS: list[tuple[dict[str, str], Answer, Answer, Answer]] = [
    ({"Range": "bytes=2-4"}, (206, "2-4/10"), (206, "2-4/10"), (206, "2-4/10")),
    ({"Range": "bytes=8-99"}, (206, "8-9/10"), (206, "8-9/10"), (206, "8-9/10")),
    ({"Range": "bytes=9-"}, (206, "9-9/10"), (206, "9-9/10"), (206, "9-9/10")),
    ({"Range": "bytes=10-"}, (416, "*/10"), (206, "10-9/10"), (416, None)),
    ({"Range": "bytes=11-"}, (416, "*/10"), (416, "*/10"), (416, None)),
    ({"Range": "bytes=-5"}, (206, "5-9/10"), None, (206, "0-5/10")),
    ({"Range": "bytes=0-1,4-5"}, (206, None), (200, None), (206, "0-9/10")),
    ({"If-Match": '"no"'}, (412, None), (412, None), (200, None)),
    ({"If-Match": '"no"', "Range": "bytes=2-4"}, (412, None), (412, None), (206, "2-4/10")),
    ({"If-Range": '"no"', "Range": "bytes=2-4"}, (200, None), (206, "2-4/10"), (206, "2-4/10")),
]


@pytest.fixture(params=["nginx", "nginx_tls", "azurite", "s3rver"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each store in turn."""
    chosen: Store = request.getfixturevalue(request.param)
    return chosen


@contextlib.asynccontextmanager
async def get(
    url: str, ca: Path | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a URL byte for byte."""
    tls: ssl.SSLContext | bool = True
    if ca is not None:
        tls = ssl.create_default_context(cafile=ca)
        tls.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            yarl.URL(url, encoded=True), headers=headers, allow_redirects=False, ssl=tls
        ) as response,
    ):
        yield response


async def status(url: str, ca: Path | None = None, headers: dict[str, str] | None = None) -> int:
    """Return the status of the answer alone."""
    async with get(url, ca, headers) as response:
        return response.status


def altered(url: str, parameter: str) -> str:
    """Return the URL with another first letter in the value of a parameter."""
    before, after = url.split(f"{parameter}=")
    return f"{before}{parameter}={'A' if after[0] != 'A' else 'B'}{after[1:]}"


async def test_signed_url_reads_the_blob(store: Store, blob_name: str) -> None:
    """A signed URL sent as it is gives the bytes, their length, type and a strong ETag."""
    await store.put(blob_name, DATA)
    async with get(store.signed_url(blob_name), store.ca) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == "10"
        assert response.headers["Content-Type"] == "application/zip"
        assert response.headers["ETag"].startswith('"')
        assert await response.read() == DATA


def test_signed_url_is_full_of_escapes(store: Store, blob_name: str) -> None:
    """Every URL holds what careless clients rewrite, but for the ~ that S3's encoding keeps."""
    url = store.signed_url(blob_name)
    absent = {escape for escape in ESCAPES if escape not in url}
    assert absent == ({"%7E"} if isinstance(store, S3rver) else set())
    assert str(yarl.URL(url)) != url


async def test_expired_url_is_refused(store: Store, blob_name: str) -> None:
    """An expired signature answers 403 in every store."""
    await store.put(blob_name, DATA)
    assert await status(store.signed_url(blob_name, ttl=-1), store.ca) == 403


async def test_path_is_stored_like_bytes(store: Store, blob_name: str, tmp_path: Path) -> None:
    """A file of several pieces arrives whole and in order, and without a ``Content-MD5``."""
    data = os.urandom(2 * PIECE + 1)
    file = tmp_path / "large.zip"
    file.write_bytes(data)
    await store.put(blob_name, file)
    async with get(store.signed_url(blob_name), store.ca) as response:
        assert "Content-MD5" not in response.headers
        assert await response.read() == data


async def test_new_bytes_have_a_new_etag(store: Store, blob_name: str) -> None:
    """Another blob of the same name and size is told apart by its ETag."""
    etags = set()
    for data in (b"one", b"two"):
        await store.put(blob_name, data)
        async with get(store.signed_url(blob_name), store.ca) as response:
            assert await response.read() == data
            etags.add(response.headers["ETag"])
    assert len(etags) == 2


@pytest.mark.parametrize("column", [1, 2, 3], ids=["nginx", "azurite", "s3rver"])
@pytest.mark.parametrize("row", CONDITIONS, ids=lambda row: ",".join(row[0].values()))
async def test_ranges_and_conditions(
    row: tuple[dict[str, str], Answer, Answer, Answer],
    column: Literal[1, 2, 3],
    request: pytest.FixtureRequest,
    blob_name: str,
) -> None:
    """Each store answers ranges and conditions as in the table, whatever the standard says."""
    chosen: Store = request.getfixturevalue(["nginx", "azurite", "s3rver"][column - 1])
    await chosen.put(blob_name, DATA)
    url = chosen.signed_url(blob_name)
    expected = row[column]
    if expected is None:
        with pytest.raises(aiohttp.ClientResponseError):
            await status(url, headers=row[0])
        return
    async with get(url, headers=row[0]) as response:
        found = response.headers.get("Content-Range")
        assert (response.status, found and found.removeprefix("bytes ")) == expected
        if found and response.status == 206:
            first, last, _ = map(int, re.findall(r"\d+", found))
            assert await response.read() == DATA[first : last + 1]


@pytest.mark.parametrize("name", ["nginx", "azurite"])
async def test_flowing_answer_outlives_its_url(
    name: str, request: pytest.FixtureRequest, blob_name: str
) -> None:
    """The expiry is checked when a request starts: the answer goes on while the next is 403."""
    chosen: Store = request.getfixturevalue(name)
    data = os.urandom(32 * 2**20)
    await chosen.put(blob_name, data)
    url = chosen.signed_url(blob_name, ttl=1.0)
    async with get(url) as response:
        assert response.status == 200
        received = await response.content.readexactly(2**16)
        deadline = time.monotonic() + 10
        while await status(url) != 403:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert received + await response.read() == data


@pytest.mark.parametrize("escape", ESCAPES)
async def test_nginx_refuses_rewritten_escape(nginx: Nginx, blob_name: str, escape: str) -> None:
    """Undoing a single percent escape breaks a signature over the raw bytes."""
    await nginx.put(blob_name, DATA)
    url = nginx.signed_url(blob_name)
    assert await status(url.replace(escape, ESCAPES[escape])) == 403
    assert await status(url) == 200


async def test_nginx_refuses_what_yarl_makes_of_a_url(nginx: Nginx, blob_name: str) -> None:
    """A signed URL that went through yarl without ``encoded=True`` answers 403."""
    await nginx.put(blob_name, DATA)
    assert await status(str(yarl.URL(nginx.signed_url(blob_name)))) == 403


async def test_nginx_refuses_altered_urls(nginx: Nginx, blob_name: str) -> None:
    """Any other letter, in the signature up to its last or in what it signs, answers 403."""
    await nginx.put(blob_name, DATA)
    url = nginx.signed_url(blob_name)
    others = [url[:-1] + letter for letter in "ABQRghwx" if letter != url[-1]]
    others += [altered(url, "sig"), altered(url, "rscd"), altered(url, "se"), url.split("?")[0]]
    others += [url.replace(".zip?", ".zap?"), f"{url}&more=1"]
    assert {await status(other) for other in others} == {403}


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
async def test_nginx_traps_credentials(nginx: Nginx, blob_name: str, header: str) -> None:
    """A request with a credential answers 400, and the log holds the credential."""
    await nginx.put(blob_name, DATA)
    assert await status(nginx.signed_url(blob_name), headers={header: "fake=1"}) == 400
    assert [line[header.lower()] for line in nginx.log()] == ["fake=1"]


async def test_nginx_logs_every_request(nginx: Nginx, blob_name: str) -> None:
    """The log holds each request as it was sent as soon as its answer has been read."""
    await nginx.put(blob_name, DATA)
    expected = []
    for first in range(10):
        url = nginx.signed_url(blob_name)
        headers = {"Range": f"bytes={first}-", "User-Agent": "x"}
        async with get(url, headers=headers) as response:
            await response.read()
        line = f"GET {url.removeprefix(nginx.origin)} HTTP/1.1"
        expected.append((line, 206, 10 - first, "", "", f"bytes={first}-"))
        keys = ("request", "status", "body_bytes_sent", "authorization", "cookie", "range")
        assert [tuple(line[key] for key in keys) for line in nginx.log()] == expected
    assert all(line["bytes_sent"] > line["body_bytes_sent"] for line in nginx.log())


async def test_nginx_limits_the_rate(blob_name: str) -> None:
    """With ``limit_rate`` an answer of two seconds' worth takes at least one."""
    with running(Nginx(limit_rate=200_000)) as nginx:
        await nginx.put(blob_name, bytes(400_000))
        began = time.monotonic()
        async with get(nginx.signed_url(blob_name)) as response:
            assert len(await response.read()) == 400_000
    assert time.monotonic() - began >= 0.9


async def test_nginx_tls_is_not_trusted_by_default(nginx_tls: Nginx, blob_name: str) -> None:
    """Without its ``ca`` the https store is refused, so a test cannot forget to verify."""
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await status(nginx_tls.signed_url(blob_name))


async def test_azurite_checks_the_decoded_values(azurite: Azurite, blob_name: str) -> None:
    """Azurite does not mind rewritten escapes, only %2B made a space, and altered values."""
    await azurite.put(blob_name, DATA)
    url = azurite.signed_url(blob_name)
    assert await status(str(yarl.URL(url))) == 200
    assert await status(url.replace("%2B", "+")) == 403
    for parameter in ("sig", "rscd", "se"):
        async with get(altered(url, parameter)) as response:
            assert response.status == 403
            assert response.headers["x-ms-error-code"] == "AuthorizationFailure"


async def test_azurite_ignores_a_foreign_authorization(azurite: Azurite, blob_name: str) -> None:
    """Azurite, unlike Azure, lets a foreign ``Authorization`` pass: no test may lean on it."""
    await azurite.put(blob_name, DATA)
    headers = {"Authorization": "Bearer fake"}
    assert await status(azurite.signed_url(blob_name), headers=headers) == 200


@pytest.mark.parametrize("name", ["azurite", "s3rver"])
async def test_disposition_and_type_come_back(
    name: str, request: pytest.FixtureRequest, blob_name: str
) -> None:
    """The answer holds the ``Content-Disposition`` of the URL and the type of the blob."""
    chosen: Store = request.getfixturevalue(name)
    await chosen.put(blob_name, DATA, content_type="text/html")
    async with get(chosen.signed_url(blob_name)) as response:
        assert response.headers["Content-Disposition"] == DISPOSITION
        assert response.headers["Content-Type"] == "text/html"


async def test_s3rver_checks_version_2_signatures_only(s3rver: S3rver, blob_name: str) -> None:
    """An altered signature answers 403 in version 2 and passes in version 4."""
    await s3rver.put(blob_name, DATA)
    second, fourth = (s3rver.signed_url(blob_name, version=version) for version in (2, 4))
    assert await status(second) == 200
    assert await status(altered(second, "Signature")) == 403
    assert await status(altered(fourth, "X-Amz-Signature")) == 200
    assert await status(s3rver.signed_url(blob_name, ttl=-1, version=2)) == 403


async def test_s3rver_refuses_a_second_authorization(s3rver: S3rver, blob_name: str) -> None:
    """A foreign ``Authorization`` beside a signed query answers 400, as S3 does."""
    await s3rver.put(blob_name, DATA)
    headers = {"Authorization": "Bearer fake"}
    assert await status(s3rver.signed_url(blob_name), headers=headers) == 400


def test_version_4_signature_is_that_of_the_documentation() -> None:
    """The signature is the one in Amazon's example, since s3rver would not notice a wrong one."""
    query = sign_v4(
        "examplebucket.s3.amazonaws.com",
        "/test.txt",
        datetime(2013, 5, 24, tzinfo=UTC),
        86400,
        {},
        key_id="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert query.endswith(f"X-Amz-Signature={signature}")


@pytest.mark.parametrize("kind", [Nginx, Azurite, S3rver])
def test_nothing_is_left_behind(kind: type[Nginx | Azurite | S3rver]) -> None:
    """When the block ends the process is gone, its port is free and its directory removed."""
    with running(kind()) as store:
        pid, directory = store.pid, store.directory
        host, port = store.origin.removeprefix("http://").split(":")
        assert host.startswith("127.0.0.")
        socket.create_connection((host, int(port))).close()
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


class Broken(Child):
    """A store that says something and dies."""

    def start(self) -> None:
        """Wait for what never comes."""
        self.spawn(["sh", "-c", "echo oh no >&2; exit 3"])
        self.wait_until(lambda: None)


def test_failure_to_start_shows_the_output() -> None:
    """A store that dies at its start says with what, and what it printed."""
    with pytest.raises(RuntimeError, match=r"ended with 3:\noh no"):
        Broken().__enter__()


def test_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is nowhere gives the reason to skip, and a variable can name another."""
    with pytest.raises(ProgramMissingError, match="no-such-store is not installed"):
        find("no-such-store", "NO_SUCH_STORE")
    monkeypatch.setenv("NO_SUCH_STORE", "sh")
    assert Path(find("no-such-store", "NO_SUCH_STORE")).name == "sh"
