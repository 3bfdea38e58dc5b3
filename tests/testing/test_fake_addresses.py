"""The addresses of the server: URLs in responses, proxied requests, other hosts and TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import CONTENT, LIST, REPOSITORY

ONE = f"{LIST}/11"


@pytest.fixture(autouse=True)
def _one_artifact(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", CONTENT, id=11)


async def raw_get(url: str, target: str, host: str) -> dict[str, Any]:
    """Send a GET with this target and `Host`, and return the JSON of the response."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: x\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    document: dict[str, Any] = json.loads(body)
    return document


async def test_urls_are_under_the_host_that_was_called(fake: FakeGitHub) -> None:
    """URLs in a response start with the host and the base path that the client called."""
    for base in ("", "/api/v3"):
        document = await raw_get(fake.url, f"{base}{ONE}", "ghe.test:8443")
        assert document["url"] == f"http://ghe.test:8443{base}{ONE}"


async def test_a_target_that_is_an_absolute_url(fake: FakeGitHub) -> None:
    """A request whose target is an absolute URL, as for a proxy, gets the response for that URL."""
    target = f"http://api.github.localhost{LIST}?name=dist"
    document = await raw_get(fake.url, target, "ignored")
    assert document["artifacts"][0]["url"] == f"http://api.github.localhost{ONE}"
    assert fake.requests[-1].target == f"{LIST}?name=dist"
    await raw_get(fake.url, "http://api.github.localhost", "ignored")
    assert fake.requests[-1].target == "/"
    # Names of hosts ignore case, and credentials are no part of an address.
    document = await raw_get(fake.url, f"HTTP://mona:secret@API.github.localhost{ONE}", "ignored")
    assert document["url"] == f"http://api.github.localhost{ONE}"


async def test_the_server_as_http_proxy(fake: FakeGitHub, http: aiohttp.ClientSession) -> None:
    """A client can use the API's address as its HTTP proxy, also for the blob store."""
    auth = {"Authorization": f"Bearer {fake.token}"}
    url = f"http://api.github.localhost{ONE}/zip"
    async with http.get(url, proxy=fake.url, headers=auth, allow_redirects=False) as response:
        location = response.headers["Location"]
    assert location.startswith(fake.blob_url)
    async with http.get(URL(location, encoded=True), proxy=fake.url) as response:
        assert await response.read() == CONTENT
    assert [request.origin for request in fake.requests] == ["api", "blob"]


async def test_a_public_url() -> None:
    """With `public_url`, URLs in responses start with it, not with the server's URL."""
    async with FakeGitHub(public_url="https://ghe.example/") as fake:
        fake.add_artifact(REPOSITORY, "dist", b"", id=11)
        document = await raw_get(fake.url, f"/api/v3{ONE}", "ghe.test")
        assert document["url"] == f"https://ghe.example/api/v3{ONE}"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no wildcard loopback")
async def test_another_host(http: aiohttp.ClientSession) -> None:
    """A server that listens elsewhere redirects downloads to the host that was called."""
    async with FakeGitHub(host="0.0.0.0", signing="azure") as fake:
        fake.add_artifact(REPOSITORY, "dist", CONTENT, id=11)
        assert urlsplit(fake.url).hostname == "127.0.0.1"
        called = fake.url.replace("127.0.0.1", "127.0.0.5")
        async with http.get(
            f"{called}{ONE}/zip", headers={"Authorization": f"token {fake.token}"}
        ) as response:
            assert await response.read() == CONTENT
        assert response.url.host == "127.0.0.5"
        assert response.url.port == urlsplit(fake.blob_url).port


async def test_tls(http: aiohttp.ClientSession) -> None:
    """With TLS, both origins serve HTTPS, which clients trust by `ssl_context` or `ca_file`."""
    async with FakeGitHub(tls=True, signing="azure") as fake:
        fake.add_artifact(REPOSITORY, "dist", CONTENT, id=11)
        assert fake.url.startswith("https://")
        assert fake.blob_url.startswith("https://")
        auth = {"Authorization": f"token {fake.token}"}
        for trust in (fake.ssl_context, ssl.create_default_context(cafile=str(fake.ca_file))):
            async with http.get(f"{fake.url}{ONE}/zip", headers=auth, ssl=trust) as response:
                assert await response.read() == CONTENT
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(fake.url)
        ca_file = fake.ca_file
    assert not ca_file.exists()


async def test_the_certificate_names_the_public_url() -> None:
    """With TLS, clients can also call the server by the host name of `public_url`."""
    async with FakeGitHub(tls=True, public_url="https://ghe.example") as fake:
        parts = urlsplit(fake.url)
        _, writer = await asyncio.open_connection(
            "127.0.0.1", parts.port, ssl=fake.ssl_context, server_hostname="ghe.example"
        )
        writer.close()


async def test_plain_http_has_no_certificates(fake: FakeGitHub) -> None:
    """A server without TLS has neither a CA file nor a context."""
    for name in ("ca_file", "ssl_context"):
        with pytest.raises(RuntimeError, match="tls=True"):
            getattr(fake, name)


def test_tls_without_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS without trustme fails at once, and the error says what to install."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ModuleNotFoundError, match=r"ghartifacts_async\[testing\]"):
        FakeGitHub(tls=True)


async def test_a_request_without_host(fake: FakeGitHub) -> None:
    """A request without `Host`, as of HTTP/1.0, is answered for the server's own address."""
    parts = urlsplit(fake.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {ONE} HTTP/1.0\r\nUser-Agent: x\r\n\r\n".encode())
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    assert json.loads(body)["url"] == f"{fake.url}{ONE}"
