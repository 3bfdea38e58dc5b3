"""What a mirror reports: totals, outcomes, new files and its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArtifactsError,
    BulkProgress,
    Client,
    DiskError,
    InvalidArgument,
    ManifestEntry,
    Outcome,
    ProgressError,
    Repo,
    read_manifest,
)
from ghartifacts_async._bulk.meter import BulkMeter
from ghartifacts_async._bulk.outcomes import ReportBuilder
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY
from tests.values import artifact


def fill(fake: FakeGitHub, count: int, repository: str = REPOSITORY) -> None:
    """Upload artifacts of 1,000 different bytes each."""
    for number in range(count):
        fake.add_artifact(repository, f"a{number}", f"{repository}{number}".encode().ljust(1000))


async def test_the_total_is_known_from_the_first_page(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The progress of a mirror has the total from its first report with results, and the bytes."""
    fill(fake_github, 130)
    reports: list[BulkProgress] = []
    report = await repo.mirror(tmp_path, on_progress=reports.append)
    assert {one.total for one in reports if one.done} == {130}
    assert reports[-1].total_bytes == reports[-1].received == report.received
    again: list[BulkProgress] = []
    await repo.mirror(tmp_path, on_progress=again.append)
    assert (again[-1].total, again[-1].done, again[-1].total_bytes) == (130, 130, 0)


async def test_the_total_of_a_filtered_mirror_is_known_at_its_end(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """With filters that GitHub does not apply, the total counts only the artifacts that match."""
    fill(fake_github, 12)
    reports: list[BulkProgress] = []
    await repo.mirror(tmp_path, pattern="a1*", on_progress=reports.append)
    assert {one.total for one in reports} <= {None, 3}
    assert (reports[-1].total, reports[-1].done) == (3, 3)


async def test_the_total_of_several_repositories(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The total of a mirror of several repositories is the sum of theirs."""
    names = [f"octo-org/r{number}" for number in range(3)]
    for name in names:
        fill(fake_github, 4, name)
    reports: list[BulkProgress] = []
    outcomes: list[Outcome] = []
    await gh.mirror(names, tmp_path, on_progress=reports.append, on_outcome=outcomes.append)
    assert {one.total for one in reports} <= {None, 12}
    assert (reports[-1].total, reports[-1].total_bytes) == (12, reports[-1].received)
    assert len(outcomes) == 12


async def test_sizes_of_a_list_of_artifacts_are_known(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The progress of downloads of a list of artifacts has the sum of their sizes."""
    fill(fake_github, 3)
    artifacts = await repo.list_artifacts().collect()
    for chosen, size in ((artifacts, sum(one.size_in_bytes for one in artifacts)), ([1, 2], None)):
        reports: list[BulkProgress] = []
        where = tmp_path / str(size)
        async for _ in repo.download_artifacts(chosen, where, on_progress=reports.append):
            pass
        assert {one.total_bytes for one in reports} == {size}


async def test_each_outcome_is_passed_on(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """`on_outcome` gets every artifact that was downloaded, linked or failed, and no other."""
    fill(fake_github, 3)
    fake_github.add_artifact(REPOSITORY, "same", b"x" * 1000, id=101)
    fake_github.add_artifact(REPOSITORY, "same", b"x" * 1000, id=102)
    fake_github.fail_when(lambda request: 404 if "artifacts/2/zip" in request.path else None)
    outcomes: list[Outcome] = []
    report = await repo.mirror(tmp_path, on_outcome=outcomes.append)
    assert (report.downloaded, report.linked, report.failed) == (3, 1, 1)
    downloads = [one.download for one in outcomes if one.download]
    assert len(outcomes) == 5
    assert sorted(one.path for one in downloads) == sorted(report.new_files)
    assert all(one.path.stat().st_size == one.size for one in downloads)
    (failed,) = [one for one in outcomes if one.error]
    assert failed == report.failures[0]
    fake_github.clear_faults()
    more: list[Outcome] = []
    again = await repo.mirror(tmp_path, on_outcome=more.append)
    assert [one.artifact for one in more] == [failed.artifact]
    assert again.new_files == (more[0].result().path,)
    assert (await repo.mirror(tmp_path)).new_files == ()


async def test_an_exception_of_the_callback_ends_the_mirror(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An exception of `on_outcome` ends the mirror, and is the cause of the error."""
    fill(fake_github, 3)

    def fail(_: Outcome) -> None:
        raise LookupError("mine")

    with pytest.raises(ProgressError, match="on_outcome raised LookupError") as caught:
        await repo.mirror(tmp_path, on_outcome=fail)
    assert isinstance(caught.value.__cause__, LookupError)


async def test_on_outcome_must_be_a_plain_function(gh: Client, tmp_path: Path) -> None:
    """An async `on_outcome` is refused, because its results would be lost."""

    async def note(_: Outcome) -> None:
        """Do nothing."""

    with pytest.raises(InvalidArgument, match="on_outcome"):
        await gh.repo(REPOSITORY).mirror(tmp_path, on_outcome=note)
    with pytest.raises(InvalidArgument, match="on_outcome"):
        await gh.mirror([REPOSITORY], tmp_path, on_outcome=note)


async def test_a_manifest_is_read_as_values(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """`read_manifest` yields each file of a mirror with its artifact, without a client."""
    fill(fake_github, 5)
    await repo.mirror(tmp_path)
    (tmp_path / "a2-3.zip").unlink(missing_ok=True)
    await repo.mirror(tmp_path)
    entries = list(read_manifest(tmp_path))
    assert {entry.artifact for entry in entries} == set(await repo.list_artifacts().collect())
    assert len(entries) == 5
    for entry in entries:
        assert isinstance(entry, ManifestEntry)
        status = entry.path.stat()
        assert (entry.size, entry.mtime_ns) == (status.st_size, status.st_mtime_ns)
        assert entry.digest == entry.artifact.digest


async def test_damaged_lines_of_a_manifest_are_left_out(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Incomplete and damaged lines are left out, and the file is not changed by reading it."""
    fill(fake_github, 2)
    await repo.mirror(tmp_path)
    path = tmp_path / "artifacts.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = json.loads(lines[1])
    damaged["artifact"]["size_in_bytes"] = "much"
    content = b"".join([lines[0], json.dumps(damaged).encode() + b"\n", b"?\n", *lines[2:], b"{"])
    path.write_bytes(content)
    assert len(list(read_manifest(str(tmp_path)))) == 1
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [None, b"", b"text\n"])
def test_a_directory_that_is_no_mirror(tmp_path: Path, content: bytes | None) -> None:
    """Reading the manifest of a directory that is no mirror raises DiskError with the path."""
    if content is not None:
        (tmp_path / "artifacts.jsonl").write_bytes(content)
    with pytest.raises(DiskError, match=r"artifacts\.jsonl"):
        list(read_manifest(tmp_path))


async def test_a_report_has_the_first_thousand_failures() -> None:
    """All failures are counted, and the outcomes of the first 1,000 are kept."""
    builder = ReportBuilder(BulkMeter(None), mirrors=1, on_outcome=None)
    artifacts = [artifact(id=number) for number in range(1, 1002)]
    for each in artifacts:
        builder.add_failure(each, ArtifactsError("refused"))
    report = builder.build(0)
    assert report.failed == 1001
    assert [outcome.artifact for outcome in report.failures] == artifacts[:1000]
