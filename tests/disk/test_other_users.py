"""Files that another user puts into a shared directory do no harm, and are not trusted."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ghartifacts_async import DiskError, Repo, TargetExists
from ghartifacts_async._disk.hidden_files import HiddenFiles
from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.bulk.support import counts
from tests.support import REPOSITORY, files_below, ignores_permissions, wait_until

OTHER = 20_002
LARGE = os.urandom(300_000)

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can give a file to another user",
)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such links and FIFOs")


def plant_fifo(path: Path, _: Path) -> None:
    """Create a FIFO, which blocks a process that opens it without care."""
    os.mkfifo(path, 0o666)


def plant_link(path: Path, victim: Path) -> None:
    """Create a symbolic link to a file of ours."""
    path.symlink_to(victim)


def plant_hard_link(path: Path, victim: Path) -> None:
    """Create a hard link to a file of ours."""
    path.hardlink_to(victim)


def plant_file(path: Path, _: Path) -> None:
    """Create a file of another user, and lock it as long as this process lives."""
    path.write_bytes(b"theirs")
    os.chown(path, OTHER, OTHER)
    fcntl = pytest.importorskip("fcntl")
    fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)


def plant_directory(path: Path, _: Path) -> None:
    """Create a directory that is not empty, so that it cannot be removed like a file."""
    path.mkdir()
    (path / "theirs").touch()


PLANTS = pytest.mark.parametrize(
    "plant",
    [
        plant_fifo,
        plant_link,
        plant_hard_link,
        plant_directory,
        pytest.param(plant_file, marks=needs_root),
    ],
)
Plant = Callable[[Path, Path], None]


@PLANTS
@pytest.mark.parametrize("kind", ["part", "journal", "link", "target"])
async def test_planted_files_of_a_download(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, plant: Plant, kind: str
) -> None:
    """A download ends, and changes no other file, if a link or FIFO has the name of its files."""
    artifact = await repo.get_artifact(fake_github.add_artifact(REPOSITORY, "dist", LARGE).id)
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    victim.write_bytes(b"precious")
    target = shared / "dist.zip"
    name = target.name if kind == "target" else getattr(HiddenFiles.of(target.name), kind)
    plant(shared / name, victim)
    async with asyncio.timeout(30):
        try:
            path = (await repo.download_artifact(artifact, target)).path
        except DiskError:
            assert kind == "target"
        else:
            assert path.read_bytes() == LARGE
            assert not path.is_symlink()
    assert victim.read_bytes() == b"precious"


@PLANTS
@pytest.mark.parametrize("kind", ["staging", "lock", "target"])
async def test_planted_files_of_an_extraction(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, plant: Plant, kind: str
) -> None:
    """An extraction ends, and changes no other file, if a link or FIFO has its files' names."""
    artifact = fake_github.add_artifact(REPOSITORY, "dist", {"a": LARGE})
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    victim.write_bytes(b"precious")
    name = "out" if kind == "target" else getattr(HiddenFiles.of("out"), kind)
    plant(shared / name, victim)
    async with asyncio.timeout(30):
        try:
            await repo.extract_artifact(artifact.id, shared / "out")
        except (DiskError, TargetExists):
            assert kind == "target"
        else:
            assert (shared / "out" / "a").read_bytes() == LARGE
    assert victim.read_bytes() == b"precious"


@PLANTS
@pytest.mark.parametrize(
    "name", ["artifacts.jsonl", ".mirror.ghartifacts-lock", ".mirror.ghartifacts-new", "dist-1.zip"]
)
async def test_planted_files_of_a_mirror(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, plant: Plant, name: str
) -> None:
    """A mirror ends, and changes no other file, if a link or FIFO has the name of its files."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    root, victim = tmp_path / "mirror", tmp_path / "victim"
    root.mkdir()
    victim.write_bytes(b"precious\nno line break")
    plant(root / name, victim)
    async with asyncio.timeout(30):
        if name == "dist-1.zip":
            report = await repo.mirror(root)
            assert report.failed == (plant in {plant_directory, plant_fifo})
        else:
            with suppress(DiskError):
                await repo.mirror(root)
                assert (root / "dist-1.zip").read_bytes() == LARGE
    assert victim.read_bytes() == b"precious\nno line break"


async def test_a_staging_directory_that_is_exchanged_for_a_link(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If our hidden directory is exchanged for a link during a download, nothing follows it."""
    artifact = await repo.get_artifact(fake_github.add_artifact(REPOSITORY, "d", {"a": LARGE}).id)
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    victim.mkdir()
    (victim / "payload").write_bytes(b"precious")
    with fake_github.holding(origin="blob"):
        task = asyncio.ensure_future(repo.extract_artifact(artifact, shared / "out"))
        await wait_until(lambda: fake_github.requests_to("blob"))
        (work,) = shared.glob(".*-staging")
        work.rename(shared / "stolen")
        work.symlink_to(victim)
    with pytest.raises(DiskError, match="another process changed it"):
        await task
    assert files_below(victim) == ["payload"]
    assert (victim / "payload").read_bytes() == b"precious"
    assert not (shared / "out").exists()


async def test_a_created_directory_that_is_exchanged_for_a_link(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a directory that a download created is exchanged for a link, nothing there is removed."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    (victim / "empty").mkdir(parents=True)
    shared.mkdir()
    with fake_github.holding(origin="blob"):
        download = repo.download_artifact(1, shared / "new" / "empty" / "dist.zip")
        task = asyncio.ensure_future(download)
        await wait_until(lambda: fake_github.requests_to("blob"))
        (shared / "new").rename(shared / "stolen")
        (shared / "new").symlink_to(victim)
        task.cancel()
        await asyncio.wait([task])
    assert (victim / "empty").is_dir()


async def test_a_private_directory_in_place_of_a_staging_directory(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If another user renames a directory of ours to our hidden directory, its files are kept."""
    artifact = fake_github.add_artifact(REPOSITORY, "dist", {"a": LARGE})
    planted = tmp_path / HiddenFiles.of("out").staging
    planted.mkdir(0o700)
    (planted / "precious").touch()
    await repo.extract_artifact(artifact.id, tmp_path / "out")
    assert files_below(tmp_path) == [f"{planted.name}/precious", "out/a"]


async def test_a_subdirectory_that_is_exchanged_during_a_merge(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a subdirectory is exchanged for a link while files are moved to it, no file follows it."""
    fake_github.add_artifact(REPOSITORY, "dist", {"sub/a": b"x", "sub/b": b"x"})
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    victim.mkdir()
    genuine = os.mkdir

    def exchange(name: str, *more: int, dir_fd: int | None = None) -> None:
        genuine(name, *more, dir_fd=dir_fd)
        if name == "sub":
            (shared / "sub").rename(shared / "stolen")
            (shared / "sub").symlink_to(victim)

    monkeypatch.setattr(os, "mkdir", exchange)
    (one,) = [each async for each in repo.extract_artifacts([1], shared, merge=True)]
    assert isinstance(one.error, DiskError)
    assert files_below(victim) == []


async def test_a_temporary_directory_that_is_exchanged(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the temporary download of an archive is exchanged, other files are not read or removed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fake_github.add_artifact(REPOSITORY, "dist", {"a": LARGE})
    fake_github.fail_blobs_when(lambda _: BlobFault.ignore_range())
    async with repo.open_artifact(1) as archive:
        (temporary,) = tmp_path.glob("ghartifacts-*")
        assert temporary.stat().st_mode & 0o777 == 0o700
        temporary.rename(tmp_path / "stolen")
        temporary.mkdir(0o700)
        (temporary / "payload").write_bytes((tmp_path / "stolen" / "payload").read_bytes())
        for reading in (archive.read("a"), archive.extract(tmp_path / "out")):
            with pytest.raises(DiskError, match="another process replaced it"):
                await reading
    assert files_below(temporary) == ["payload"]
    assert not (tmp_path / "out").exists()


async def test_links_in_place_of_subdirectories_are_not_followed(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """In a mirror, a link in place of a directory of the path template is refused."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    fake_github.add_artifact(REPOSITORY, "small", b"x")
    root, victim = tmp_path / "mirror", tmp_path / "victim"
    root.mkdir()
    victim.mkdir()
    (root / "main").symlink_to(victim)
    report = await repo.mirror(root, template="{branch}/{name}-{id}")
    assert [type(outcome.error) for outcome in report.failures] == [DiskError, DiskError]
    assert files_below(victim) == []


@needs_root
@pytest.mark.parametrize("theirs", ["root", "manifest", "file"])
@pytest.mark.parametrize("how", ["owner", "mode"])
async def test_a_mirror_believes_only_its_own_files(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, theirs: str, how: str
) -> None:
    """A changed file of a mirror that other users can write to is found by its digest."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    fake_github.add_artifact(REPOSITORY, "no-digest", LARGE + b"x", digest=None)
    root = tmp_path / "mirror"
    await repo.mirror(root)
    file = root / "dist-1.zip"
    before = file.stat()
    file.write_bytes(bytes(len(LARGE)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts(await repo.mirror(root)) == (0, 0, 2, 0, 0)
    path = {"root": root, "manifest": root / "artifacts.jsonl", "file": file}[theirs]
    if how == "mode":
        path.chmod(0o777)
    elif theirs != "root" or ignores_permissions():
        os.chown(path, OTHER, OTHER)
    else:
        pytest.skip("a process without this right of root may not write to the mirror")
    if (theirs, how) == ("manifest", "owner"):
        with pytest.raises(DiskError, match=r"artifacts\.jsonl: it belongs to another user"):
            await repo.mirror(root)
        return
    report = await repo.mirror(root)
    assert file.read_bytes() == LARGE
    assert counts(report) == ((1, 0, 1, 0, 0) if theirs == "file" else (2, 0, 0, 0, 0))
    again = await repo.mirror(root)
    assert again.failed == 0
    assert again.downloaded == (0 if theirs == "file" else 1)


@needs_root
async def test_a_correct_file_of_another_user_is_replaced(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A target that belongs to another user, who could change it later, is downloaded again."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    target = tmp_path / "dist.zip"
    target.write_bytes(LARGE)
    os.chown(target, OTHER, OTHER)
    assert not (await repo.download_artifact(1, target)).skipped
    assert target.stat().st_uid == os.geteuid()
    assert (await repo.download_artifact(1, target)).skipped


async def test_nobody_else_can_lock_our_files(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Other users cannot open a journal, so they cannot lock it and make us wait."""
    fake_github.add_artifact(REPOSITORY, "dist", LARGE)
    with fake_github.holding(origin="blob"):
        task = asyncio.ensure_future(repo.download_artifact(1, tmp_path / "dist.zip"))
        await wait_until(lambda: fake_github.requests_to("blob"))
        (journal,) = tmp_path.glob(".*-journal")
        assert journal.stat().st_mode & 0o777 == 0o600
    await task
