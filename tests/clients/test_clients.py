"""Each client does each job with FakeGitHub in the same way as with GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub, Fault
from tests.clients import github_libraries, http_clients, programs
from tests.clients.base import REPOSITORY, Client, RequestFailed

CLIENTS = [*http_clients.CLIENTS, *github_libraries.CLIENTS, *programs.CLIENTS]
CONTENT = bytes(range(256)) * 1000
LARGE = 200 << 20

pytestmark = [
    pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__),
    pytest.mark.filterwarnings("default"),  # of the clients' libraries
]


@contextmanager
def using(
    kind: type[Client], job: str, directory: Path, token: str | None = None
) -> Iterator[tuple[FakeGitHub, Client]]:
    """Yield a server with one artifact and a client of it, or skip a job that it cannot do."""
    if reason := kind.limitations.get(job):
        pytest.skip(f"{kind.__name__}: {reason}")
    with FakeGitHub(tls=kind.tls, signing="azure") as fake:
        fake.add_artifact(REPOSITORY, "dist", {"a.bin": CONTENT}, id=11, run_id=7)
        yield fake, kind(fake, token or fake.token, directory)


def test_list(kind: type[Client], tmp_path: Path) -> None:
    """The artifacts of a repository are listed, newest first."""
    with using(kind, "list", tmp_path) as (fake, client):
        other = fake.add_artifact(REPOSITORY, "other", b"")
        assert client.list() == [other.id, 11]


def test_list_of_a_run(kind: type[Client], tmp_path: Path) -> None:
    """The artifacts of a run are listed."""
    with using(kind, "run", tmp_path) as (fake, client):
        fake.add_artifact(REPOSITORY, "other", b"")
        assert client.list(run_id=7) == [11]


def test_filter_by_name(kind: type[Client], tmp_path: Path) -> None:
    """The artifacts of a name are listed."""
    with using(kind, "name", tmp_path) as (fake, client):
        fake.add_artifact(REPOSITORY, "other", b"")
        assert client.list(name="dist") == [11]


def test_more_than_a_page(kind: type[Client], tmp_path: Path) -> None:
    """More than 100 artifacts are listed page by page."""
    with using(kind, "many", tmp_path) as (fake, client):
        added = [fake.add_artifact(REPOSITORY, "many", b"", digest=None).id for _ in range(250)]
        assert client.list() == [*reversed(added), 11]


def test_get(kind: type[Client], tmp_path: Path) -> None:
    """An artifact is found by its id."""
    with using(kind, "get", tmp_path) as (_, client):
        assert client.get(11) == "dist"


def test_delete(kind: type[Client], tmp_path: Path) -> None:
    """An artifact is deleted."""
    with using(kind, "delete", tmp_path) as (fake, client):
        client.delete(11)
        assert fake.artifacts(REPOSITORY) == []


def test_download(kind: type[Client], tmp_path: Path) -> None:
    """An artifact is downloaded through the redirect, without credentials for the blob store."""
    with using(kind, "download", tmp_path) as (fake, client):
        payload = fake.artifacts(REPOSITORY)[0].path.read_bytes()
        assert client.download(11).read_bytes() in (payload, CONTENT)
        assert fake.requests_to("blob")[-1].status == 200


def test_download_of_200_mb(kind: type[Client], tmp_path: Path) -> None:
    """A payload of 200 MB is downloaded completely."""
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(LARGE)
    with using(kind, "large", tmp_path) as (fake, client):
        fake.add_artifact(REPOSITORY, "large", source, id=12, digest=None)
        target = client.download(12)
        assert target.stat().st_size == LARGE
        target.unlink()


def test_raw_payload(kind: type[Client], tmp_path: Path) -> None:
    """A payload that is not an archive is downloaded unchanged."""
    with using(kind, "raw", tmp_path) as (fake, client):
        fake.add_artifact(REPOSITORY, "r.json", b'{"passed": 1}', raw="r.json", id=12, run_id=7)
        assert client.download(12).read_bytes() == b'{"passed": 1}'


def test_expired(kind: type[Client], tmp_path: Path) -> None:
    """The download of an expired artifact fails with 410."""
    with using(kind, "expired", tmp_path) as (fake, client):
        fake.expire_artifact(11)
        with pytest.raises(RequestFailed) as caught:
            client.download(11)
        assert caught.value.status == 410


def test_missing(kind: type[Client], tmp_path: Path) -> None:
    """An artifact that does not exist fails with 404."""
    with using(kind, "missing", tmp_path) as (_, client):
        with pytest.raises(RequestFailed) as caught:
            client.get(12)
        assert caught.value.status == 404


def test_bad_token(kind: type[Client], tmp_path: Path) -> None:
    """A wrong token fails with 401."""
    with using(kind, "token", tmp_path, "wrong") as (_, client):
        with pytest.raises(RequestFailed) as caught:
            client.list(run_id=7)
        assert caught.value.status == 401


def test_limit(kind: type[Client], tmp_path: Path) -> None:
    """A client that repeats a call after a secondary limit succeeds; others report 403."""
    with using(kind, "limit", tmp_path) as (fake, client):
        fake.fail_next(Fault.secondary_limit(1), path="/artifacts")
        if kind.repeats:
            assert client.list(run_id=7) == [11]
            assert (fake.wait_violations == 0) is kind.waits
        else:
            with pytest.raises(RequestFailed) as caught:
                client.list(run_id=7)
            assert caught.value.status == 403
