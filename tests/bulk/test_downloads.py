"""Downloading many artifacts."""

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
from tests.bulk.support import LARGE, add, download_all, library_tasks
from tests.support import QUICK, REPOSITORY, files_below, published_below, wait_until


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_artifacts_with_the_same_name_get_different_files(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """Each artifact gets its own file, named after the artifact's name and id."""
    add(fake_github, 12, content)
    outcomes = await download_all(repo, tmp_path / "new" / "out")
    assert files_below(tmp_path) == sorted(f"new/out/dist-{n}.zip" for n in range(1, 13))
    for outcome in outcomes:
        download = outcome.result()
        assert isinstance(outcome.artifact, Artifact)
        assert download.verified
        assert download.path.read_bytes() == content + b"%d" % (outcome.artifact.id - 1)


async def test_raw_payloads(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A payload that is not a zip keeps its extension, whether it is small or large."""
    for content in (b"{}", LARGE):
        fake_github.add_artifact(REPOSITORY, "report.json", content, raw="report.json")
        fake_github.add_artifact(REPOSITORY, "tool", content, raw="../tool")
    await download_all(repo, tmp_path)
    names = ["report-1.json", "report-3.json", "tool-2", "tool-4"]
    assert files_below(tmp_path) == names
    fake_github.clear_requests()
    second = await download_all(repo, tmp_path)
    assert len(fake_github.requests_to("blob")) == 0
    assert all(outcome.result().skipped for outcome in second)
    assert files_below(tmp_path) == names


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_existing_files_are_not_downloaded_again(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """A second call skips existing files and downloads a changed one again."""
    add(fake_github, 5, content)
    await download_all(repo, tmp_path)
    (tmp_path / "dist-2.zip").write_bytes(b"changed")
    fake_github.clear_requests()
    outcomes = await download_all(repo, tmp_path)
    fetched = [outcome.result().artifact.id for outcome in outcomes if not outcome.result().skipped]
    assert fetched == [2]
    assert len(fake_github.requests_to("blob")) == 1
    assert (tmp_path / "dist-2.zip").read_bytes() == content + b"1"
    replaced = await download_all(repo, tmp_path, if_exists="replace")
    assert not any(outcome.result().skipped for outcome in replaced)
    refused = await download_all(repo, tmp_path, if_exists="error")
    assert {type(outcome.error) for outcome in refused} == {TargetExists}


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_a_failure_does_not_stop_other_downloads(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, content: bytes
) -> None:
    """A failed download is reported with its error, and all others succeed."""
    add(fake_github, 10, content)
    artifacts: list[Artifact | int] = [*(await repo.list_artifacts().collect()), 4711]
    fake_github.delete_artifact(3)
    fake_github.expire_artifact(5)
    wrong = fake_github.artifacts(REPOSITORY)[0]
    wrong.path.write_bytes(b"x" * wrong.size)
    outcomes = {
        outcome.artifact.id if isinstance(outcome.artifact, Artifact) else outcome.artifact: outcome
        for outcome in await download_all(repo, tmp_path, artifacts=artifacts)
    }
    kinds = {number: type(outcome.error) for number, outcome in outcomes.items() if outcome.error}
    assert kinds == {3: NotFound, 5: ArtifactExpired, 10: DigestMismatch, 4711: NotFound}
    assert published_below(tmp_path) == sorted(f"dist-{n}.zip" for n in (1, 2, 4, 6, 7, 8, 9))


async def test_expired_artifacts_are_not_requested(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An artifact that the listing marks as expired is reported without a download request."""
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    (outcome,) = await download_all(repo, tmp_path)
    assert isinstance(outcome.error, ArtifactExpired)
    with pytest.raises(ArtifactExpired, match=r"artifact 1 expired on \d{4}-\d\d-\d\d, according"):
        outcome.result()
    assert [request.path.rpartition("/")[2] for request in fake_github.requests] == ["artifacts"]


async def test_ids_and_artifacts(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Ids and artifacts can be mixed, in any iterable."""
    add(fake_github, 4)
    outcomes = await download_all(
        repo, tmp_path, artifacts=iter([1, await repo.get_artifact(2), 3])
    )
    assert sorted(outcome.result().artifact.id for outcome in outcomes) == [1, 2, 3]
    assert await download_all(repo, tmp_path, artifacts=iter(())) == []


async def test_the_iterable_is_read_lazily(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An item is read only when a worker is free and the caller keeps up with the outcomes."""
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
        await wait_until(lambda: len(fake_github.requests_to("blob")) >= 4)
        assert taken == 4
    await first
    await asyncio.sleep(0.3)
    assert taken <= 1 + 2 * 4 + 1
    assert len([outcome async for outcome in outcomes]) == 39


async def test_a_waiting_iterable_does_not_delay_outcomes(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Outcomes are yielded while the iterable is waiting; cancellation closes the iterable."""
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


async def test_only_the_generators_of_an_iterable_are_closed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """After an early stop, the caller's own generator stays open; an iterable's is closed."""
    add(fake_github, 30)
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(1, 31):
                yield number
        finally:
            closed.append(True)

    class Numbers:
        def __aiter__(self) -> AsyncIterator[int]:
            return numbers()

    own = numbers()
    for source, expected in ((own, []), (Numbers(), [True])):
        outcomes = repo.download_artifacts(source, tmp_path, concurrency=2)
        (await anext(outcomes)).result()
        await outcomes.aclose()
        assert closed == expected
    assert await anext(own) < 31


async def test_an_error_of_the_iterable_is_raised(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An exception from the iterable reaches the caller unchanged, after the earlier outcomes."""
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
    assert library_tasks() == []


async def test_an_error_of_the_listing_is_raised(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An exception from a listing reaches the caller unchanged."""
    fake_github.fail_next(404, path="artifacts$")
    with pytest.raises(NotFound):
        await download_all(repo, tmp_path)


@pytest.mark.parametrize("how", ["break", "aclose", "cancel"])
@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
async def test_leaving_the_loop_ends_the_downloads(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    how: str,
    content: bytes,
) -> None:
    """Leaving the loop early leaves no task, and the next call resumes the downloads."""
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
        await wait_until(lambda: published_below(tmp_path))
        task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0.05)
    assert library_tasks() == []
    fake_github.clear_faults()
    assert len([outcome.result() for outcome in await download_all(repo, tmp_path)]) == 20
    assert len(files_below(tmp_path)) == 20


async def test_closing_the_client_ends_the_downloads(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Closing the client raises ClientStateError, even while the iterable is waiting."""
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


async def test_large_downloads_do_not_delay_small_ones(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Large downloads open at most eight extra connections, and small ones do not wait for them."""
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
    running = [request for request in fake_github.requests_to("blob") if request.bytes_sent is None]
    await outcomes.aclose()
    assert set(done) == {"dist"}
    assert 3 < len(running) <= 3 + 8


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
async def test_invalid_arguments(repo: Repo, arguments: dict[str, Any]) -> None:
    """An invalid argument is reported by the call, not by the first outcome."""
    all_arguments: dict[str, Any] = {"artifacts": [], "directory": "out", **arguments}
    with pytest.raises(InvalidArgument):
        repo.download_artifacts(**all_arguments)
