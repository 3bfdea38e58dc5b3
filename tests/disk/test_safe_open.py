"""Functions of an open directory whose errors are ignored."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ghartifacts_async._disk.safe_open import Directory
from tests.support import files_below


def test_a_tree_with_a_file_that_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All other files of the tree are removed, and no error is raised."""
    for name in ("a", "busy", "z"):
        (tmp_path / "tree" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tree" / name).touch()
    genuine = os.unlink

    def unlink(path: str, *, dir_fd: int | None = None) -> None:
        if Path(path).name == "busy":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        genuine(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    with Directory(tmp_path) as directory:
        directory.remove_tree("tree")
    assert files_below(tmp_path) == ["tree/busy"]
