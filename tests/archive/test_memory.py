"""The memory that listing an archive with many members takes, measured in a child process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

MEMBERS = 66_000

CHILD = """
import asyncio, json, sys
from ghartifacts_async import Client

async def main(url, token, repository):
    async with Client(token, base_url=url) as gh:
        async with gh.repo(repository).open_artifact(1) as archive:
            names = archive.names()
    # A child inherits ru_maxrss from its parent, so read the peak from /proc.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    result = {"names": len(names), "last": names[-1], "peak_kib": int(status["VmHWM"].split()[0])}
    print(json.dumps(result))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_memory_for_66_000_names(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Listing the names of 66,000 members takes less than 100 MiB in total."""
    path = tmp_path / "long.zip"
    last = ""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(MEMBERS):
            last = f"build/output/module_{number // 100}/file_{number}.o"
            archive.writestr(last, b"")
    fake_github.add_artifact(REPOSITORY, "long", path)
    child = [sys.executable, "-c", CHILD, fake_github.url, fake_github.token, REPOSITORY]
    process = await asyncio.create_subprocess_exec(*child, stdout=subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    result = json.loads(output)
    assert (result["names"], result["last"]) == (MEMBERS, last)
    assert result["peak_kib"] < 100 * 1024
