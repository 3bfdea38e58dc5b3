"""What a killed process or a failed download leaves is resumed or removed by the next call."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from ghartifacts_async import ArtifactsError, Client, Repo
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.disk.children import child
from tests.download.payloads import NO_RETRIES
from tests.support import REPOSITORY, files_below, wait_until

# Larger than what three children download before they are killed.
LARGE = os.urandom(16_000_000)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")


def ranges(directory: Path) -> int:
    """Return the number of byte ranges that the journals below a directory list."""
    journals = directory.rglob(".*ghartifacts-journal")
    return sum(max(0, path.read_bytes().count(b"\n") - 1) for path in journals)


async def kill_extraction(fake: FakeGitHub, out: Path) -> None:
    """Extract in a child process, and kill it when it has written some bytes."""
    fake.fail_blobs_when(lambda _: BlobFault.throttle(4_000_000))
    async with child(fake, f"await repo.extract_artifact(1, {str(out)!r})") as process:
        before = ranges(out.parent)
        await wait_until(lambda: ranges(out.parent) > before)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    fake.clear_faults()


async def test_a_killed_extraction_is_resumed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The next extraction requests only the missing bytes, and nothing hidden remains."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": LARGE})
    for _ in range(3):
        await kill_extraction(fake_github, tmp_path / "out")
        assert len(list(tmp_path.iterdir())) == 2
    before = len(fake_github.requests_to("blob"))
    await repo.extract_artifact(1, tmp_path / "out")
    requests = fake_github.requests_to("blob")[before:]
    assert requests
    assert all("range" in {name.lower() for name in request.headers} for request in requests)
    assert files_below(tmp_path) == ["out/a"]
    assert (tmp_path / "out" / "a").read_bytes() == LARGE


async def test_a_killed_replacement_is_undone(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A directory that a killed process had moved aside is moved back, even if the call fails."""
    out = tmp_path / "out"
    work = tmp_path / HiddenFiles.of("out").staging
    for name in ("old/precious", "tree/new", "dropped1/other"):
        (work / name).parent.mkdir(parents=True)
        (work / name).write_text(name)
    work.chmod(0o700)
    fake_github.add_artifact(REPOSITORY, "dist", b"not a zip")
    with pytest.raises(ArtifactsError):
        await repo.extract_artifact(1, out, if_exists="replace")
    assert files_below(tmp_path) == ["out/precious"]
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"x"})
    shutil.copytree(out, work / "old")
    work.chmod(0o700)
    await repo.extract_artifact(2, out, if_exists="replace")
    assert files_below(tmp_path) == ["out/a"]


@pytest.mark.parametrize("how", ["mirror", "download_artifacts", "download_artifact"])
async def test_the_partial_data_of_expired_artifacts_is_removed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, how: str
) -> None:
    """An artifact that failed and then expired leaves nothing after the next call."""
    artifacts = [fake_github.add_artifact(REPOSITORY, f"n{i}", LARGE + b"%d" % i) for i in range(3)]
    target = f"{tmp_path}/"

    async def run(on: Repo) -> None:
        if how == "mirror":
            await on.mirror(target)
            return
        listed = [one async for one in on.list_artifacts()]
        if how == "download_artifacts":
            async for _ in on.download_artifacts(listed, target):
                pass
        else:
            for one in listed:
                with pytest.raises(ArtifactsError):
                    await on.download_artifact(one, target)

    fake_github.fail_blobs_when(lambda _: BlobFault.truncate(after=1_500_000))
    async with Client(fake_github.token, base_url=fake_github.url, retry=NO_RETRIES) as gh:
        await run(gh.repo(REPOSITORY))
    assert len([name for name in files_below(tmp_path) if name.endswith("-part")]) == 3
    fake_github.clear_faults()
    for artifact in artifacts:
        fake_github.expire_artifact(artifact.id)
    await run(repo)
    assert files_below(tmp_path) == (["artifacts.jsonl"] if how == "mirror" else [])
