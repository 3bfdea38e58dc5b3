"""Downloads from real stores, to which FakeGitHub redirects."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import pytest

from ghartifacts_async import Client, DigestMismatch, StoreError
from ghartifacts_async.testing import FakeGitHub
from tests.stores.base import Store
from tests.stores.nginx import Nginx
from tests.support import REPOSITORY, files_below

PAYLOAD = os.urandom(5_000_000)


async def test_a_download_from_a_real_store(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """A download from a real store is complete and verified."""
    await store.put(blob_name, PAYLOAD)
    fake_github.add_artifact(
        REPOSITORY, "dist", PAYLOAD, location=lambda _: store.signed_url(blob_name)
    )
    download = await client.repo(REPOSITORY).download_artifact(1, tmp_path)
    assert download.verified
    assert download.path == tmp_path / "dist.zip"
    assert download.path.read_bytes() == PAYLOAD


async def test_an_expired_url_of_a_real_store(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """An expired URL raises StoreError with the status, and leaves no file."""
    await store.put(blob_name, PAYLOAD)
    expired = store.signed_url(blob_name, ttl=-5)
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, location=expired)
    with pytest.raises(StoreError, match="403") as caught:
        await client.repo(REPOSITORY).download_artifact(1, tmp_path)
    assert caught.value.status == 403
    assert "sig" not in str(caught.value).lower()
    assert files_below(tmp_path) == []


async def test_a_flipped_byte_in_a_real_store(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """A payload with a flipped byte raises DigestMismatch, and leaves no file."""
    flipped = bytes([PAYLOAD[0] ^ 1]) + PAYLOAD[1:]
    await store.put(blob_name, flipped)
    fake_github.add_artifact(
        REPOSITORY, "dist", PAYLOAD, location=lambda _: store.signed_url(blob_name)
    )
    with pytest.raises(DigestMismatch):
        await client.repo(REPOSITORY).download_artifact(1, tmp_path)
    assert files_below(tmp_path) == []


async def test_the_store_receives_no_credentials(
    fake_github: FakeGitHub,
    nginx: Nginx,
    blob_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store receives neither credentials from a netrc file nor cookies from the session."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    await nginx.put(blob_name, PAYLOAD)
    fake_github.add_artifact(
        REPOSITORY, "dist", PAYLOAD, location=lambda _: nginx.signed_url(blob_name)
    )
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({"canary": "canary"})
    async with (
        aiohttp.ClientSession(trust_env=True, cookie_jar=jar) as session,
        Client(fake_github.token, base_url=fake_github.url, session=session) as gh,
    ):
        assert (await gh.repo(REPOSITORY).download_artifact(1, f"{tmp_path}/out/")).verified
    (request,) = nginx.log()
    assert request["status"] == 200
    assert (request["authorization"], request["cookie"]) == ("", "")
    for escape in ("%2F", "%2B", "%3D", "%27", "%7E"):
        assert escape in request["request"]
