"""Faults of bodies that FakeGitHub sends over TLS."""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.support import REPOSITORY


async def test_a_throttled_body_over_tls_arrives() -> None:
    """A body that is sent slowly over TLS arrives whole."""
    content = bytes(range(256)) * 1024
    async with FakeGitHub(tls=True) as fake:
        artifact = fake.add_artifact(REPOSITORY, "dist", content)
        fake.fail_blobs_next(BlobFault.throttle(4 * len(content)))
        connector = aiohttp.TCPConnector(ssl=fake.ssl_context)
        async with aiohttp.ClientSession(connector=connector) as session:
            url = f"{fake.url}/repos/{REPOSITORY}/actions/artifacts/{artifact.id}/zip"
            headers = {"Authorization": f"Bearer {fake.token}"}
            async with session.get(url, headers=headers, allow_redirects=False) as redirect:
                location = URL(redirect.headers["Location"], encoded=True)
            async with asyncio.timeout(20), session.get(location) as response:
                assert await response.read() == content
