"""The memory use of large downloads, measured in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

SIZE = int(float(os.environ.get("LARGE_GIB") or 0.25) * 2**30)
"""Payload size in bytes, which also has to fit on the disk. `.ci/run` sets LARGE_GIB=1."""

CHILD = """
import asyncio, json, sys
from ghartifacts_async import Client, ArtifactsError

async def main(url, token, repository, target):
    async with Client(token, base_url=url) as gh:
        try:
            download = await gh.repo(repository).download_artifact(1, target)
            outcome = {"size": download.size, "verified": download.verified}
        except ArtifactsError as error:
            outcome = {"error": type(error).__name__}
    # A child inherits ru_maxrss from its parent, so read the peak from /proc.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = int(status["VmHWM"].split()[0])
    print(json.dumps(outcome | {"peak_kib": peak}))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded_and_a_wrong_byte_is_detected(tmp_path: Path) -> None:
    """A download of any size takes less than 64 MiB of memory and detects a wrong byte."""
    source = tmp_path / "source.bin"
    with source.open("wb") as file:
        file.truncate(SIZE)
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(source), REPOSITORY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url, token = json.loads(server.stdout.readline())
        target = tmp_path / "out" / "large.zip"

        def download() -> dict[str, object]:
            done = subprocess.run(
                [sys.executable, "-c", CHILD, url, token, REPOSITORY, str(target)],
                capture_output=True,
                text=True,
                check=True,
                timeout=600,
            )
            outcome: dict[str, object] = json.loads(done.stdout)
            return outcome

        outcome = download()
        assert (outcome["size"], outcome["verified"]) == (SIZE, True)
        assert isinstance(outcome["peak_kib"], int)
        assert outcome["peak_kib"] < 64 * 1024
        assert target.stat().st_size == SIZE
        target.unlink()
        with source.open("r+b") as flipped:
            flipped.seek(SIZE // 2)
            flipped.write(b"\x01")
        assert download()["error"] == "DigestMismatch"
        assert list(target.parent.iterdir()) == []
    finally:
        server.stdin.close()
        server.wait(timeout=60)
        server.stdout.close()
        source.unlink()


_SERVER = """
import asyncio, json, pathlib, sys
from ghartifacts_async.testing import FakeGitHub

async def main(source, repository):
    async with FakeGitHub() as fake:
        fake.add_artifact(repository, "large", pathlib.Path(source))
        print(json.dumps([fake.url, fake.token]), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main(*sys.argv[1:]))
"""
