"""The behaviour of the stores on which other tests rely, and which a new version may change."""

import asyncio
import contextlib
import os
import re
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
import yarl

from tests.stores.azurite import BLOCK_SIZE, Azurite
from tests.stores.base import DISPOSITION, Store
from tests.stores.conftest import running
from tests.stores.nginx import Nginx
from tests.stores.s3 import S3rver, sign_v4

DATA = b"0123456789"
ESCAPES = {"%2F": "/", "%27": "'", "%7E": "~", "%2B": "+", "%3D": "="}

# Each row has the request headers, and the status and Content-Range of the responses of nginx,
# Azurite and s3rver. None stands for an invalid HTTP response (``Content-Length: NaN``).
Outcome = tuple[int, str | None] | None
CONDITIONS: list[tuple[dict[str, str], Outcome, Outcome, Outcome]] = [
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


@contextlib.asynccontextmanager
async def get(
    url: str, ca: Path | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a GET without changing the URL."""
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
    """Send a GET and return the status."""
    async with get(url, ca, headers) as response:
        return response.status


def altered(url: str, parameter: str) -> str:
    """Return the URL with the first letter of a parameter's value changed."""
    before, after = url.split(f"{parameter}=")
    return f"{before}{parameter}={'A' if after[0] != 'A' else 'B'}{after[1:]}"


async def test_signed_url_reads_the_blob(store: Store, blob_name: str) -> None:
    """A signed URL returns the blob with its length, its type and a strong ETag."""
    await store.put(blob_name, DATA)
    async with get(store.signed_url(blob_name), store.ca) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == "10"
        assert response.headers["Content-Type"] == "application/zip"
        assert response.headers["ETag"].startswith('"')
        assert await response.read() == DATA


def test_signed_url_has_the_escapes_that_clients_rewrite(store: Store, blob_name: str) -> None:
    """Every URL has all escapes that clients rewrite. Only s3rver's URLs do not escape ``~``."""
    url = store.signed_url(blob_name)
    absent = {escape for escape in ESCAPES if escape not in url}
    assert absent == ({"%7E"} if isinstance(store, S3rver) else set())
    assert str(yarl.URL(url)) != url


async def test_expired_url_is_refused(store: Store, blob_name: str) -> None:
    """An expired URL gets 403 from every store."""
    await store.put(blob_name, DATA)
    assert await status(store.signed_url(blob_name, ttl=-1), store.ca) == 403


async def test_a_file_of_several_blocks(store: Store, blob_name: str, tmp_path: Path) -> None:
    """A file of several blocks is stored completely, and served without ``Content-MD5``."""
    data = os.urandom(2 * BLOCK_SIZE + 1)
    file = tmp_path / "large.zip"
    file.write_bytes(data)
    await store.put(blob_name, file)
    async with get(store.signed_url(blob_name), store.ca) as response:
        assert "Content-MD5" not in response.headers
        assert await response.read() == data


async def test_new_bytes_have_a_new_etag(store: Store, blob_name: str) -> None:
    """A new blob with the same name and size has a new ETag."""
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
    row: tuple[dict[str, str], Outcome, Outcome, Outcome],
    column: Literal[1, 2, 3],
    request: pytest.FixtureRequest,
    blob_name: str,
) -> None:
    """Each store answers ranges and conditions as in ``CONDITIONS``, even if that violates HTTP."""
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
async def test_a_url_that_expires_during_the_response(
    name: str, request: pytest.FixtureRequest, blob_name: str
) -> None:
    """A URL's expiry is checked only when a request starts, so a long response is completed."""
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
    """Decoding a single percent escape makes the signature invalid."""
    await nginx.put(blob_name, DATA)
    url = nginx.signed_url(blob_name)
    assert await status(url.replace(escape, ESCAPES[escape])) == 403
    assert await status(url) == 200


async def test_nginx_refuses_a_normalised_url(nginx: Nginx, blob_name: str) -> None:
    """A signed URL that yarl normalised gets 403."""
    await nginx.put(blob_name, DATA)
    assert await status(str(yarl.URL(nginx.signed_url(blob_name)))) == 403


async def test_nginx_refuses_altered_urls(nginx: Nginx, blob_name: str) -> None:
    """Changing any letter of the signature or of the signed text gets 403."""
    await nginx.put(blob_name, DATA)
    url = nginx.signed_url(blob_name)
    others = [url[:-1] + letter for letter in "ABQRghwx" if letter != url[-1]]
    others += [altered(url, "sig"), altered(url, "rscd"), altered(url, "se"), url.split("?")[0]]
    others += [url.replace(".zip?", ".zap?"), f"{url}&more=1"]
    assert {await status(other) for other in others} == {403}


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
async def test_nginx_refuses_and_logs_credentials(
    nginx: Nginx, blob_name: str, header: str
) -> None:
    """A request with a credential gets 400, and nginx logs the credential."""
    await nginx.put(blob_name, DATA)
    assert await status(nginx.signed_url(blob_name), headers={header: "fake=1"}) == 400
    assert [line[header.lower()] for line in nginx.log()] == ["fake=1"]


async def test_nginx_logs_every_request(nginx: Nginx, blob_name: str) -> None:
    """The log has each request as sent, as soon as its response has been read."""
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
    """``limit_rate`` limits the rate of a response."""
    with running(Nginx(limit_rate=200_000)) as nginx:
        await nginx.put(blob_name, bytes(400_000))
        started = time.monotonic()
        async with get(nginx.signed_url(blob_name)) as response:
            assert len(await response.read()) == 400_000
    assert time.monotonic() - started >= 0.9


async def test_nginx_tls_is_not_trusted_by_default(nginx_tls: Nginx, blob_name: str) -> None:
    """A client that does not trust ``ca`` refuses the certificate."""
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await status(nginx_tls.signed_url(blob_name))


async def test_azurite_checks_the_decoded_values(azurite: Azurite, blob_name: str) -> None:
    """Azurite verifies decoded values, so it accepts rewritten escapes but no altered value."""
    await azurite.put(blob_name, DATA)
    url = azurite.signed_url(blob_name)
    assert await status(str(yarl.URL(url))) == 200
    assert await status(url.replace("%2B", "+")) == 403
    for parameter in ("sig", "rscd", "se"):
        async with get(altered(url, parameter)) as response:
            assert response.status == 403
            assert response.headers["x-ms-error-code"] == "AuthorizationFailure"


async def test_azurite_ignores_a_foreign_authorization(azurite: Azurite, blob_name: str) -> None:
    """Unlike Azure, Azurite ignores an additional ``Authorization`` header."""
    await azurite.put(blob_name, DATA)
    headers = {"Authorization": "Bearer fake"}
    assert await status(azurite.signed_url(blob_name), headers=headers) == 200


@pytest.mark.parametrize("name", ["azurite", "s3rver"])
async def test_disposition_and_content_type(
    name: str, request: pytest.FixtureRequest, blob_name: str
) -> None:
    """A response has the ``Content-Disposition`` from the URL and the type of the blob."""
    chosen: Store = request.getfixturevalue(name)
    await chosen.put(blob_name, DATA, content_type="text/html")
    async with get(chosen.signed_url(blob_name)) as response:
        assert response.headers["Content-Disposition"] == DISPOSITION
        assert response.headers["Content-Type"] == "text/html"


async def test_s3rver_checks_version_2_signatures_only(s3rver: S3rver, blob_name: str) -> None:
    """s3rver refuses an altered signature of version 2, but accepts one of version 4."""
    await s3rver.put(blob_name, DATA)
    second, fourth = (s3rver.signed_url(blob_name, version=version) for version in (2, 4))
    assert await status(second) == 200
    assert await status(altered(second, "Signature")) == 403
    assert await status(altered(fourth, "X-Amz-Signature")) == 200
    assert await status(s3rver.signed_url(blob_name, ttl=-1, version=2)) == 403


async def test_s3rver_refuses_a_second_authorization(s3rver: S3rver, blob_name: str) -> None:
    """A signed URL with an additional ``Authorization`` header gets 400, as on S3."""
    await s3rver.put(blob_name, DATA)
    headers = {"Authorization": "Bearer fake"}
    assert await status(s3rver.signed_url(blob_name), headers=headers) == 400


def test_version_4_signature_equals_the_documented_example() -> None:
    """The version 4 signature equals Amazon's documented example; s3rver does not check it."""
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
