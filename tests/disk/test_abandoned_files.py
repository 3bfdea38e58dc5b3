"""Without locks, the hidden files of a process are removed only if the process has ended."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from ghartifacts_async._disk.file_io import pid_namespace
from ghartifacts_async._disk.hidden_files import Claim, HiddenFiles
from ghartifacts_async._disk.safe_open import Directory
from tests.support import files_below

HIDDEN = HiddenFiles.of("dist.zip")


@pytest.fixture(autouse=True)
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)


@pytest.fixture
def _unknown_namespaces() -> Iterator[None]:
    """Forget the namespace of this process before and after the test."""
    pid_namespace.cache_clear()
    yield
    pid_namespace.cache_clear()


def abandon(directory: Directory) -> str:
    """Leave the files of a process that has ended, and return the name of its part file."""
    claim = Claim(directory, HIDDEN, HIDDEN.journal)
    assert claim.acquire()
    os.close(claim.create_part(0o600))
    record = directory.path / HIDDEN.journal
    stem, host, _ = json.loads(record.read_bytes())
    claim.release(remove=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    record.write_text(json.dumps([stem, host, process.pid]) + "\n")
    record.chmod(0o600)
    return claim.hidden.part


def claim_again(directory: Directory) -> None:
    """Use the hidden files as the next download does."""
    claim = Claim(directory, HIDDEN, HIDDEN.journal)
    assert claim.acquire()
    claim.release(remove=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no names of hosts")
def test_a_process_that_has_ended(tmp_path: Path) -> None:
    """The files of a process of this host that has ended are removed at once."""
    with Directory(tmp_path) as directory:
        part = abandon(directory)
        assert part in files_below(tmp_path)
        claim_again(directory)
    assert files_below(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has namespaces")
@pytest.mark.usefixtures("_unknown_namespaces")
def test_a_process_of_an_unknown_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `/proc`, a process with an unknown id may run in another container of the host."""

    def fail(path: str, **_: object) -> str:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    with Directory(tmp_path) as directory, monkeypatch.context() as patch:
        patch.setattr(os, "readlink", fail)
        part = abandon(directory)
        claim_again(directory)
    assert part in files_below(tmp_path)
