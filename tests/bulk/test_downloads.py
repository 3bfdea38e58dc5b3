"""Many downloads: bounded, as they end, and none stops another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    Artifact,
    ArtifactExpired,
    Client,
    ClientStateError,
    DigestMismatch,
    InvalidArgument,
    NotFound,
    Repo,
    TargetExists,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.bulk.support import LARGE, add, all_of, at_work, until
from tests.support import QUICK, REPOSITORY, files_below, published_below


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_names_are_not_unique_and_files_are(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """Each of many artifacts of one name gets a file of its own, called by name and id."""
    add(fake_github, 12, content)
    outcomes = await all_of(repo, tmp_path / "new" / "out")
    assert files_below(tmp_path) == sorted(f"new/out/dist-{n}.zip" for n in range(1, 13))
    for outcome in outcomes:
        download = outcome.result()
        assert isinstance(outcome.artifact, Artifact)
        assert download.verified
        assert download.path.read_bytes() == content + b"%d" % (outcome.artifact.id - 1)


async def test_raw_payloads(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A payload that is no zip keeps its extension, whatever its size."""
    for content in (b"{}", LARGE):
        fake_github.add_artifact(REPOSITORY, "report.json", content, raw="report.json")
        fake_github.add_artifact(REPOSITORY, "tool", content, raw="../tool")
    await all_of(repo, tmp_path)
    names = ["report-1.json", "report-3.json", "tool-2", "tool-4"]
    assert files_below(tmp_path) == names
    fake_github.clear_requests()
    again = await all_of(repo, tmp_path)
    assert len(fake_github.requests_to("blob")) == 0
    assert all(outcome.result().skipped for outcome in again)
    assert files_below(tmp_path) == names


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_what_is_there_is_not_fetched(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """A second call finds every file; one that was changed is fetched again."""
    add(fake_github, 5, content)
    await all_of(repo, tmp_path)
    (tmp_path / "dist-2.zip").write_bytes(b"changed")
    fake_github.clear_requests()
    outcomes = await all_of(repo, tmp_path)
    fetched = [one.result().artifact.id for one in outcomes if not one.result().skipped]
    assert fetched == [2]
    assert len(fake_github.requests_to("blob")) == 1
    assert (tmp_path / "dist-2.zip").read_bytes() == content + b"1"
    replaced = await all_of(repo, tmp_path, if_exists="replace")
    assert not any(one.result().skipped for one in replaced)
    refused = await all_of(repo, tmp_path, if_exists="error")
    assert {type(one.error) for one in refused} == {TargetExists}


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_one_failure_stops_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """What fails is told of with its error, and everything else is there."""
    add(fake_github, 10, content)
    wanted: list[Artifact | int] = [*(await repo.list_artifacts().collect()), 4711]
    fake_github.delete_artifact(3)
    fake_github.expire_artifact(5)
    wrong = fake_github.artifacts(REPOSITORY)[0]
    wrong.path.write_bytes(b"x" * wrong.size)
    outcomes = {
        one.artifact.id if isinstance(one.artifact, Artifact) else one.artifact: one
        for one in await all_of(repo, tmp_path, artifacts=wanted)
    }
    kinds = {number: type(one.error) for number, one in outcomes.items() if one.error}
    assert kinds == {3: NotFound, 5: ArtifactExpired, 10: DigestMismatch, 4711: NotFound}
    assert published_below(tmp_path) == sorted(f"dist-{n}.zip" for n in (1, 2, 4, 6, 7, 8, 9))


async def test_expired_ones_are_not_asked_for(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An artifact that its listing calls expired costs no request, and is told of."""
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    (outcome,) = await all_of(repo, tmp_path)
    assert isinstance(outcome.error, ArtifactExpired)
    with pytest.raises(ArtifactExpired, match="artifact 1"):
        outcome.result()
    assert [request.path.rpartition("/")[2] for request in fake_github.requests] == ["artifacts"]


async def test_ids_serve_as_well(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Ids and artifacts may be mixed, and come from any iterable."""
    add(fake_github, 4)
    outcomes = await all_of(repo, tmp_path, artifacts=iter([1, await repo.get_artifact(2), 3]))
    assert sorted(one.result().artifact.id for one in outcomes) == [1, 2, 3]
    assert await all_of(repo, tmp_path, artifacts=iter(())) == []


async def test_the_source_is_pulled_lazily(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """No more is taken than can be worked on, and no more done than is taken off."""
    add(fake_github, 40)
    artifacts = await repo.list_artifacts().collect()
    taken = 0

    def source() -> Iterator[Artifact]:
        nonlocal taken
        for artifact in artifacts:
            taken += 1
            yield artifact

    outcomes = repo.download_artifacts(source(), tmp_path, concurrency=4)
    with fake_github.holding(origin="blob"):
        first = asyncio.ensure_future(anext(outcomes))
        await until(lambda: len(fake_github.requests_to("blob")) >= 4)
        assert taken == 4
    await first
    await asyncio.sleep(0.3)
    assert taken <= 1 + 2 * 4 + 1
    assert len([one async for one in outcomes]) == 39


async def test_a_source_that_waits_holds_up_nothing(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Outcomes come while an endless source has nothing to give, and closing ends it."""
    add(fake_github, 3)
    closed: list[bool] = []

    async def source() -> AsyncIterator[int]:
        try:
            for number in (1, 2, 3):
                yield number
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    outcomes = repo.download_artifacts(source(), tmp_path)
    assert {(await anext(outcomes)).result().artifact.id for _ in range(3)} == {1, 2, 3}
    waiting = asyncio.ensure_future(anext(outcomes))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert closed == [True]
    with pytest.raises(StopAsyncIteration):
        await anext(outcomes)


async def test_an_error_of_the_source_ends_it(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """What the source raises comes out unchanged, after what was done, and nothing is left."""
    add(fake_github, 9)

    async def source() -> AsyncIterator[int]:
        for number in (1, 2, 3):
            yield number
        await asyncio.sleep(0.3)
        raise LookupError("no more")

    outcomes = repo.download_artifacts(source(), tmp_path, concurrency=5)
    assert {(await anext(outcomes)).result().artifact.id for _ in range(3)} == {1, 2, 3}
    with pytest.raises(LookupError, match="no more"):
        await anext(outcomes)
    assert at_work() == []


async def test_an_error_of_the_listing_ends_it(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A listing that fails raises what it raises by itself."""
    fake_github.fail_next(404, path="artifacts$")
    with pytest.raises(NotFound):
        await all_of(repo, tmp_path)


@pytest.mark.parametrize("how", ["break", "aclose", "cancel"])
@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_leaving_ends_everything(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    how: str,
    content: bytes,
) -> None:
    """Whoever leaves early leaves no task, and the next call goes on with what came."""
    add(fake_github, 20, content)
    fake_github.fail_blobs_when(lambda _: BlobFault.throttle(1e6))

    async def leave() -> None:
        outcomes = repo.download_artifacts(repo.list_artifacts(), tmp_path)
        async for _ in outcomes:
            if how == "break":
                break
            if how == "aclose":
                await outcomes.aclose()

    task = asyncio.ensure_future(leave())
    if how == "cancel":
        await until(lambda: bool(published_below(tmp_path)))
        task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0.05)
    assert at_work() == []
    fake_github.clear_faults()
    assert len([one.result() for one in await all_of(repo, tmp_path)]) == 20
    assert len(files_below(tmp_path)) == 20


async def test_closing_the_client_ends_it(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A client that closes ends its downloads, and the wait for a source, with its error."""
    add(fake_github, 3)

    async def source() -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    async with Client(fake_github.token, base_url=fake_github.url, retry=QUICK) as gh:
        outcomes = gh.repo(REPOSITORY).download_artifacts(source(), tmp_path)
        await anext(outcomes)
        waiting = asyncio.ensure_future(anext(outcomes))
        await asyncio.sleep(0.01)
    with pytest.raises(ClientStateError, match="closed"):
        await waiting


async def test_small_ones_pass_by_large_ones(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Large artifacts share some connections, and small ones never wait for them."""
    source = tmp_path / "large.bin"
    with source.open("wb") as file:
        file.truncate(2**28)
    for _ in range(3):
        fake_github.add_artifact(REPOSITORY, "large", source, digest="sha256:" + "00" * 32)
    large = await repo.list_artifacts().collect()
    add(fake_github, 30)
    small = await repo.list_artifacts(name="dist").collect()
    fake_github.fail_blobs_when(
        lambda request: BlobFault.throttle(1e5) if "Range" in request.headers else None
    )
    outcomes = repo.download_artifacts([*large, *small], tmp_path / "out", concurrency=4)
    done = [(await anext(outcomes)).result().artifact.name for _ in small]
    await asyncio.sleep(0.1)
    under_way = [one for one in fake_github.requests_to("blob") if one.bytes_sent is None]
    await outcomes.aclose()
    assert set(done) == {"dist"}
    assert 3 < len(under_way) <= 3 + 8


@pytest.mark.parametrize(
    "arguments",
    [
        {"artifacts": "dist"},
        {"artifacts": 7},
        {"concurrency": 0},
        {"directory": ""},
        {"directory": 7},
        {"if_exists": "ask"},
        {"on_progress": 7},
    ],
    ids=str,
)
async def test_what_cannot_be_right(repo: Repo, arguments: dict[str, Any]) -> None:
    """A wrong argument is told of by the call itself, and not by the first outcome."""
    given: dict[str, Any] = {"artifacts": [], "directory": "out", **arguments}
    with pytest.raises(InvalidArgument):
        repo.download_artifacts(**given)
