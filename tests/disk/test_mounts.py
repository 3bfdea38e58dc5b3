"""Targets that cannot be renamed or replaced: mount points, and directories of overlayfs."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghartifacts_async import DiskError, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.download.payloads import PAYLOAD, add_artifact
from tests.support import REPOSITORY, files_below
from tests.system_calls import SystemCalls

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Return a function that mounts something until the end of the test."""
    points: list[Path] = []

    def run(*arguments: object) -> None:
        done = subprocess.run(
            ["mount", *map(str, arguments)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this system cannot mount: {done.stderr.strip()}")
        points.append(Path(str(arguments[-1])))

    if os.name == "nt" or os.geteuid():
        pytest.skip("only root can mount")
    yield run
    for point in reversed(points):
        subprocess.run(["umount", point], check=True)


async def test_a_mounted_file_is_found_before_the_first_byte(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, mount: Mount
) -> None:
    """A mount point of the same file system is refused before a byte is requested."""
    add_artifact(fake_github)
    source, target = tmp_path / "source", tmp_path / "dist.zip"
    source.write_bytes(b"old")
    target.write_bytes(b"old")
    mount("--bind", source, target)
    for if_exists in ("verify", "replace"):
        with pytest.raises(DiskError, match="is a mount point, so it cannot be replaced"):
            await repo.download_artifact(1, target, if_exists=if_exists)
    assert fake_github.requests_to("blob") == []
    source.write_bytes(PAYLOAD)
    assert (await repo.download_artifact(1, target)).skipped


async def test_a_mounted_directory_is_found_before_the_first_byte(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, mount: Mount
) -> None:
    """A directory that is a mount point is not replaced, but files can be saved in it."""
    number = fake_github.add_artifact(REPOSITORY, "x", {"a": b"x"}).id
    for name in ("source", "out"):
        (tmp_path / name).mkdir()
    mount("--bind", tmp_path / "source", tmp_path / "out")
    with pytest.raises(DiskError, match="is a mount point, so it cannot be replaced"):
        await repo.extract_artifact(number, tmp_path / "out", if_exists="replace")
    assert fake_github.requests_to("blob") == []
    await repo.extract_artifact(number, tmp_path / "out" / "sub")
    await repo.download_artifact(number, tmp_path / "out" / "x.zip")
    assert files_below(tmp_path / "source") == ["sub/a", "x.zip"]


async def test_a_directory_of_an_image_is_replaced(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, mount: Mount
) -> None:
    """A directory from a lower layer of overlayfs, as in a container's image, is replaced."""
    number = fake_github.add_artifact(REPOSITORY, "x", {"a": b"x", "sub/b": b"y"}).id
    for name in ("lower/out/sub/deep", "upper", "work", "merged"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("file", "sub/old", "sub/deep/older"):
        (tmp_path / "lower" / "out" / name).write_bytes(b"old")
    layers = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    mount("-t", "overlay", "overlay", "-o", layers, tmp_path / "merged")
    merged = tmp_path / "merged"
    for _ in range(2):
        await repo.extract_artifact(number, merged / "out", if_exists="replace")
        assert files_below(merged) == ["out/a", "out/sub/b"]
    assert [path.name for path in merged.iterdir()] == ["out"]


@pytest.mark.parametrize("fails", [False, True])
async def test_contents_are_exchanged_if_a_directory_cannot_be_renamed(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    system_calls: SystemCalls,
    fails: bool,
) -> None:
    """The content of a directory that cannot be renamed is replaced, or restored if that fails."""
    number = fake_github.add_artifact(REPOSITORY, "x", {"a": b"x", "sub/b": b"y", "z": b"z"}).id
    out = tmp_path / "out"
    (out / "sub" / "deep").mkdir(parents=True)
    old = ["file", "sub/deep/older", "sub/old"]
    for name in old:
        (out / name).write_bytes(b"old")
    fixed = {path.stat().st_ino for path in (out, *out.rglob("*")) if path.is_dir()}
    moved: list[str] = []

    def replace(name: str, _: str, *, src_dir_fd: int | None, **__: object) -> None:
        if os.stat(name, dir_fd=src_dir_fd).st_ino in fixed:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        if fails and name in {"a", "z"}:
            moved.append(name)
            if len(moved) == 2:
                raise OSError(errno.EIO, "Input/output error")

    system_calls.before("replace", replace)
    if fails:
        with pytest.raises(DiskError, match="Input/output error"):
            await repo.extract_artifact(number, out, if_exists="replace")
        assert files_below(out) == old
    else:
        await repo.extract_artifact(number, out, if_exists="replace")
        assert files_below(out) == ["a", "sub/b", "z"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("stuck", ["file", "sub/deep/older", "sub/old"])
async def test_contents_that_cannot_be_moved_stay_in_place(
    repo: Repo,
    fake_github: FakeGitHub,
    tmp_path: Path,
    system_calls: SystemCalls,
    stuck: str,
) -> None:
    """If a file of a directory that cannot be renamed cannot be moved, all its files stay in it."""
    number = fake_github.add_artifact(REPOSITORY, "x", {"a": b"x"}).id
    out = tmp_path / "out"
    (out / "sub" / "deep").mkdir(parents=True)
    old = ["file", "first", "sub/deep/older", "sub/old", "z"]
    for name in old:
        (out / name).write_bytes(b"old")
    fixed = {path.stat().st_ino for path in (out, *out.rglob("*")) if path.is_dir()}
    kept = (out / stuck).stat().st_ino

    def replace(name: str, _: str, *, src_dir_fd: int | None, **__: object) -> None:
        number = os.stat(name, dir_fd=src_dir_fd).st_ino
        if number in fixed:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        if number == kept:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    system_calls.before("replace", replace)
    for _ in range(2):
        with pytest.raises(DiskError, match="permi"):
            await repo.extract_artifact(number, out, if_exists="replace")
        assert files_below(out) == old
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
