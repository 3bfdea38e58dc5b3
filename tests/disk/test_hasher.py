"""The digest of a file that is computed while the file is written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ghartifacts_async._disk.file_io import RandomFile
from ghartifacts_async._disk.hasher import FollowingHasher
from ghartifacts_async._disk.threads import IoThreads

DATA = bytes(16 * 2**20)


async def test_bytes_that_are_written_while_others_are_hashed(tmp_path: Path) -> None:
    """Bytes that were written while others were hashed are hashed next."""
    path = tmp_path / "part"
    path.write_bytes(DATA)
    threads, file = IoThreads(), RandomFile(os.open(path, os.O_RDWR))
    hasher = FollowingHasher(threads, file, path)
    hasher.follow(len(DATA) // 2)
    hasher.follow(len(DATA))
    (first,) = hasher.jobs
    await first
    (second,) = hasher.jobs
    assert second is not first
    await second
    assert hasher.jobs == ()
    assert (await hasher.digest(len(DATA))).hex == hashlib.sha256(DATA).hexdigest()
    file.close()
    await threads.close()
