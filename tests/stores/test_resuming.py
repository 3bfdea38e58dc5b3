"""Resumed and parallel downloads from real stores, which differ in how they serve ranges."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghartifacts_async import Client, Progress, ProgressError
from ghartifacts_async.testing import FakeArtifact, FakeGitHub
from tests.stores.azurite import ACCOUNT, CONTAINER, KEY, Azurite
from tests.stores.base import Store
from tests.stores.s3 import BUCKET, KEY_ID, REGION, SECRET, S3rver
from tests.support import REPOSITORY, files_below

PAYLOAD = os.urandom(6_000_000)


async def put(fake: FakeGitHub, store: Store, name: str) -> FakeArtifact:
    """Store the payload, and add an artifact whose downloads are redirected to it."""
    await store.put(name, PAYLOAD)
    return fake.add_artifact(REPOSITORY, "dist", PAYLOAD, location=lambda _: store.signed_url(name))


def interrupt(progress: Progress) -> None:
    """Raise an error as soon as a download has received more than a megabyte."""
    if progress.received > 1_000_000:
        raise LookupError("interrupted by the test")


@pytest.fixture(autouse=True)
def _report_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report progress for every chunk.

    From a local store, a payload arrives within the interval between two reports, so `interrupt`
    would not be called before the end.
    """
    monkeypatch.setattr("ghartifacts_async._download.progress._REPORT_INTERVAL", 0.0)


async def test_a_download_over_four_connections(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """A download over four connections is complete and verified."""
    await put(fake_github, store, blob_name)
    download = await client.repo(REPOSITORY).download_artifact(1, tmp_path, connections=4)
    assert download.verified
    assert download.path.read_bytes() == PAYLOAD


@pytest.mark.parametrize("connections", [1, 3])
async def test_an_interrupted_download_is_resumed(
    client: Client,
    fake_github: FakeGitHub,
    store: Store,
    blob_name: str,
    tmp_path: Path,
    connections: int,
) -> None:
    """An interrupted download resumes from the bytes already received."""
    await put(fake_github, store, blob_name)
    repo = client.repo(REPOSITORY)
    with pytest.raises(ProgressError):
        await repo.download_artifact(1, tmp_path, connections=connections, on_progress=interrupt)
    download = await repo.download_artifact(1, tmp_path, connections=connections)
    assert download.verified
    assert download.resumed_bytes > 1_000_000
    assert download.path.read_bytes() == PAYLOAD
    assert files_below(tmp_path) == ["dist.zip"]


async def test_a_blob_uploaded_again_after_the_interruption(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """If the blob is uploaded again after an interruption, the download is still verified."""
    await put(fake_github, store, blob_name)
    artifact = await client.repo(REPOSITORY).get_artifact(1)
    repo = client.repo(REPOSITORY)
    with pytest.raises(ProgressError):
        await repo.download_artifact(artifact, tmp_path, on_progress=interrupt)
    # Uploading the same bytes again changes the ETag in some of the stores.
    await store.put(blob_name, PAYLOAD)
    download = await repo.download_artifact(artifact, tmp_path)
    assert download.verified
    assert download.path.read_bytes() == PAYLOAD


async def test_an_expired_url_is_renewed(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str, tmp_path: Path
) -> None:
    """If the store refuses an expired URL, the download requests a new one."""
    await store.put(blob_name, PAYLOAD)
    issued: list[str] = []

    def location(_: FakeArtifact) -> str:
        issued.append(store.signed_url(blob_name, ttl=60 if issued else -5))
        return issued[-1]

    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD, location=location)
    download = await client.repo(REPOSITORY).download_artifact(1, tmp_path)
    assert download.verified
    assert download.url_refreshes == 1


async def test_a_stream(
    client: Client, fake_github: FakeGitHub, store: Store, blob_name: str
) -> None:
    """A stream yields the payload and verifies it."""
    await put(fake_github, store, blob_name)
    async with client.repo(REPOSITORY).stream_artifact(1) as stream:
        assert b"".join([chunk async for chunk in stream]) == PAYLOAD
        assert stream.verified


async def test_a_stream_into_azure(
    fake_github: FakeGitHub, azurite: Azurite, blob_name: str
) -> None:
    """A stream can be passed to obstore, which uploads it to Azure."""
    obstore = pytest.importorskip("obstore")
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD)
    target = obstore.store.AzureStore(
        CONTAINER,
        account_name=ACCOUNT,
        account_key=KEY,
        endpoint=f"{azurite.origin}/{ACCOUNT}",
        client_options={"allow_http": True},
    )
    await copy_to_store(fake_github, obstore, target, blob_name)


async def test_a_stream_into_s3(fake_github: FakeGitHub, s3rver: S3rver, blob_name: str) -> None:
    """A stream can be passed to obstore, which uploads it to S3."""
    obstore = pytest.importorskip("obstore")
    fake_github.add_artifact(REPOSITORY, "dist", PAYLOAD)
    target = obstore.store.S3Store(
        BUCKET,
        endpoint=s3rver.origin,
        region=REGION,
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
    )
    await copy_to_store(fake_github, obstore, target, blob_name)


async def copy_to_store(fake: FakeGitHub, obstore: object, target: object, name: str) -> None:
    """Stream an artifact into a store, and check the blob."""
    async with (
        Client(fake.token, base_url=fake.url) as gh,
        gh.repo(REPOSITORY).stream_artifact(1) as stream,
    ):
        await obstore.put_async(target, name, stream)  # type: ignore[attr-defined]
    stored = await obstore.get_async(target, name)  # type: ignore[attr-defined]
    assert bytes(await stored.bytes_async()) == PAYLOAD
