"""The library works without the functions that only some operating systems have.

Each test removes them from a Python process on this system. It shows nothing else about the others.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from ghartifacts_async._disk import safe_open
from ghartifacts_async._disk.trust import UnsafeFile
from ghartifacts_async.testing import FakeGitHub
from tests.disk.children import child
from tests.download.payloads import interrupted_download
from tests.support import REPOSITORY, files_below

DATA = os.urandom(1_000_000)

LIKE_MACOS = """
import os
for name in ("O_PATH", "O_TMPFILE", "posix_fadvise", "posix_fallocate"):
    if hasattr(os, name):
        delattr(os, name)
"""

LIKE_WINDOWS = """
import functools, os, sys
import filelock  # it keeps the locks of this system

MISSING = '''
    O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_PATH O_TMPFILE
    fstatvfs geteuid getuid posix_fadvise posix_fallocate pread preadv pwrite pwritev statvfs uname
'''
BY_DESCRIPTOR = "link mkdir open rename replace rmdir stat symlink unlink"

def without_descriptors(function):
    @functools.wraps(function)
    def call(*arguments, **options):
        if any(options[name] is not None for name in options if name.endswith("dir_fd")):
            raise NotImplementedError("dir_fd unavailable on this platform")
        return function(*arguments, **options)
    return call

for name in MISSING.split():
    if hasattr(os, name):
        delattr(os, name)
for name in BY_DESCRIPTOR.split():
    setattr(os, name, without_descriptors(getattr(os, name)))
os.supports_dir_fd, os.supports_fd = set(), {os.stat, os.truncate}
sys.modules |= {"fcntl": None, "resource": None}
sys.modules.pop("shutil", None)  # it looks for these functions when it is imported
"""

JOBS = """
        from pathlib import Path
        to = Path({to!r})
        done = await repo.download_artifact(1, to / "dist.zip", durable=True)
        assert done.verified and done.resumed_bytes == 300_000, done
        done = await repo.download_artifact(1, to / "dist.zip", if_exists="replace", connections=4)
        assert done.verified and not done.skipped, done
        async for outcome in repo.download_artifacts([1, 2], to / "many"):
            assert outcome.result().verified
        for _ in range(2):
            await repo.extract_artifact(2, to / "out", if_exists="replace")
        async with repo.open_artifact(2) as archive:
            assert await archive.read("b/c") == b"x"
        for new in (2, 0):
            report = await repo.mirror(to / "mirror", durable=True)
            report.raise_for_errors()
            assert report.downloaded + report.linked == new, report
"""


@pytest.mark.parametrize("setup", [LIKE_MACOS, LIKE_WINDOWS], ids=["macOS", "Windows"])
async def test_all_jobs_work_without_the_functions_of_linux(
    fake_github: FakeGitHub, tmp_path: Path, setup: str
) -> None:
    """Without the functions that macOS or Windows lacks, all jobs that write files succeed."""
    for name in ("dist", "copy"):
        fake_github.add_artifact(REPOSITORY, name, {"a": DATA, "b/c": "x"})
    await interrupted_download(fake_github, tmp_path / "dist.zip", 300_000)
    async with child(fake_github, JOBS.format(to=str(tmp_path)), setup) as process:
        assert await process.wait() == 0
    assert files_below(tmp_path) == [
        "dist.zip",
        *("many/copy-2.zip", "many/dist-1.zip"),
        *("mirror/artifacts.jsonl", "mirror/copy-2.zip", "mirror/dist-1.zip"),
        *("out/a", "out/b/c"),
    ]
    assert (tmp_path / "out" / "a").read_bytes() == DATA


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system has no O_NOFOLLOW either")
def test_files_without_no_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `O_NOFOLLOW`, which Windows lacks, files are read, and links are still refused."""
    monkeypatch.delattr(os, "O_NOFOLLOW")
    spec = importlib.util.spec_from_file_location("without_no_follow", safe_open.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "link").symlink_to("file")
    with module.Directory(tmp_path) as directory:
        fd = directory.open("file")
        try:
            assert os.read(fd, 10) == b"data"
        finally:
            os.close(fd)
        with pytest.raises(UnsafeFile, match="symbolic link"):
            directory.open("link")
