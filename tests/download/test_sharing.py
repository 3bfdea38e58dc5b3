"""Tasks that download one artifact to one target at the same time share one download."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ghartifacts_async import (
    Artifact,
    Client,
    Download,
    Progress,
    Repo,
    StoreError,
    TargetExists,
)
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact
from tests.support import QUICK, REPOSITORY, files_below, wait_until


async def until_requested(fake: FakeGitHub) -> None:
    """Wait until the blob store has received a request."""
    await wait_until(lambda: fake.requests_to("blob"))


def url_requests(fake: FakeGitHub) -> int:
    """Return the number of requests for signed URLs."""
    return sum(request.path.endswith("/zip") for request in fake.requests_to("api"))


async def start(
    repo: Repo, artifact: Artifact, target: Path, count: int
) -> list[asyncio.Task[Download]]:
    """Start several downloads to one target."""
    tasks = [asyncio.create_task(repo.download_artifact(artifact, target)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_many_callers_share_one_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Of 300 callers, one downloads the file, and the others get its result as skipped."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    with fake_github.holding(origin="blob"):
        tasks = await start(repo, artifact, tmp_path / "dist.zip", 300)
        await until_requested(fake_github)
    downloads = await asyncio.gather(*tasks)
    assert [one.skipped for one in downloads].count(False) == 1
    assert {(one.path, one.size, one.digest, one.verified) for one in downloads} == {
        (tmp_path / "dist.zip", len(PAYLOAD), artifact.digest, True)
    }
    assert url_requests(fake_github) == 1
    assert files_below(tmp_path) == ["dist.zip"]


async def test_an_artifact_without_a_digest_is_shared(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Callers share a download even if nothing but that download shows that it is complete."""
    artifact = await repo.get_artifact(add_artifact(fake_github, digest=None).id)
    tasks = await start(repo, artifact, tmp_path / "dist.zip", 20)
    downloads = await asyncio.gather(*tasks)
    assert [one.skipped for one in downloads].count(False) == 1
    assert not any(one.verified for one in downloads)
    assert len(fake_github.requests_to("blob")) == 1


async def test_a_failure_is_shared(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """If the download fails, all callers that were waiting for it get its error."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    fake_github.fail_blobs_when(lambda _: BlobFault.status(409))
    tasks = await start(repo, artifact, tmp_path / "dist.zip", 50)
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(error) for error in errors} == {StoreError}
    assert len({id(error) for error in errors}) == len(errors)
    assert len(fake_github.requests_to("blob")) < 10
    fake_github.clear_faults()
    assert not (await repo.download_artifact(artifact, tmp_path / "dist.zip")).skipped


async def test_another_client_tries_itself(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """The error of one client is not that of another one, which may have another token."""
    number = add_artifact(fake_github).id
    fake_github.fail_next(403, 403, path="/zip$")
    options = {"base_url": fake_github.url, "retry": QUICK}
    async with (
        Client(fake_github.token, **options) as first,  # type: ignore[arg-type]
        Client(fake_github.token, **options) as second,  # type: ignore[arg-type]
    ):
        repos = [gh.repo(REPOSITORY) for gh in (first, second)]
        artifact = await repos[0].get_artifact(number)
        tasks = [
            asyncio.create_task(repo.download_artifact(artifact, tmp_path / "x")) for repo in repos
        ]
        await asyncio.wait(tasks)
    assert [task.exception() for task in tasks].count(None) == 0
    assert url_requests(fake_github) == 2


async def test_the_next_caller_goes_on_after_a_cancellation(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If the task that downloads is cancelled, the next one continues, and the rest share it."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    with fake_github.holding(origin="blob"):
        tasks = await start(repo, artifact, tmp_path / "dist.zip", 10)
        await until_requested(fake_github)
        first = next(task for task in tasks if not task.done())
        first.cancel()
        await asyncio.wait([first])
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    skipped = [one.skipped for one in results if isinstance(one, Download)]
    assert sorted(skipped) == [False, *[True] * 8]
    assert (tmp_path / "dist.zip").read_bytes() == PAYLOAD


async def test_different_artifacts_are_not_shared(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Downloads of different artifacts to one target take turns, and the last one stays."""
    contents = [os.urandom(200_000) for _ in range(3)]
    numbers = [fake_github.add_artifact(REPOSITORY, "x", one).id for one in contents]
    target = tmp_path / "x.zip"
    downloads = await asyncio.gather(*(repo.download_artifact(one, target) for one in numbers))
    assert not any(one.skipped for one in downloads)
    assert target.read_bytes() in contents
    assert files_below(tmp_path) == ["x.zip"]


async def test_each_caller_keeps_its_own_options(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A caller with if_exists="error" gets TargetExists, and each callback reports the end."""
    artifact = await repo.get_artifact(add_artifact(fake_github).id)
    reports: list[list[Progress]] = [[], []]
    target = tmp_path / "dist.zip"
    results = await asyncio.gather(
        repo.download_artifact(artifact, target, on_progress=reports[0].append),
        repo.download_artifact(artifact, target, on_progress=reports[1].append, durable=True),
        repo.download_artifact(artifact, target, if_exists="error"),
        return_exceptions=True,
    )
    assert isinstance(results[2], TargetExists)
    assert [report[-1].received for report in reports] == [len(PAYLOAD)] * 2


async def test_extractions_to_one_directory_take_turns(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Of many extractions to one directory, one succeeds; the others fail without a download."""
    number = fake_github.add_artifact(REPOSITORY, "x", {"a": b"x" * 200_000}).id
    artifact = await repo.get_artifact(number)
    extractions = (repo.extract_artifact(artifact, tmp_path / "out") for _ in range(50))
    results = await asyncio.gather(*extractions, return_exceptions=True)
    assert sum(isinstance(one, list) for one in results) == 1
    assert sum(isinstance(one, TargetExists) for one in results) == 49
    assert len(fake_github.requests_to("blob")) == 1
    assert files_below(tmp_path) == ["out/a"]
