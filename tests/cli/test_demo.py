"""The ``demo`` command, which new users run first."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shlex
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import MODULE, end, environment
from tests.support import REPOSITORY, files_below


async def shell(command: str, cwd: Path, **extra: str) -> Process:
    """Start a shell command, as a user would paste it."""
    return await asyncio.create_subprocess_shell(
        command, stdout=PIPE, stderr=PIPE, cwd=cwd, env=environment(None, **extra)
    )


@pytest.mark.skipif(os.name == "nt", reason="the commands are for a POSIX shell")
async def test_the_demo_prints_real_files_and_working_commands(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Every printed file has the printed digest, and the printed commands work when pasted."""
    python = tmp_path / "a venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    packages = os.pathsep.join(path for path in sys.path if path)
    env = {"PYTHONPATH": packages, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()

    arguments = shlex.join([*MODULE, "demo"])
    done = await end(await shell(f"'a venv/bin/python' {arguments}", tmp_path, **env))
    assert (done.status, done.err) == (0, "")
    listed = re.findall(r"^\d+\t(\S+)\t", done.out, re.MULTILINE)
    assert len(listed) == 5
    named = re.findall(r"^✓ (\S+)  .*  sha256:(\S+)  verified$", done.out, re.MULTILINE)
    assert len(named) == 5
    for path, digest in named:
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
    assert len(files_below(tmp_path / "tmp")) == 5

    export, listing, download = (line.strip() for line in done.out.splitlines()[-3:])
    assert export == "export GH_TOKEN=YOUR_TOKEN"
    assert listing.startswith("'a venv/bin/python' -m ghartifacts_async list ")
    fake_github.token = "YOUR_TOKEN"
    fake_github.add_artifact(REPOSITORY, "NAME", b"x")
    pasted = "\n".join((export, listing, download)).replace("OWNER/REPO", REPOSITORY)
    done = await end(await shell(pasted, tmp_path, **env, GITHUB_API_URL=fake_github.url))
    assert (done.status, done.err) == (0, f"1 of 1 artifact in {tmp_path / 'DIR'}\n")
    assert files_below(tmp_path / "DIR") == ["NAME.zip"]
