"""The demo: list and download artifacts of a fake GitHub on this machine."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from ghartifacts_async import Client
from ghartifacts_async.cli.commands.writing import Writing, write_all
from ghartifacts_async.cli.common import Common
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.views import ARTIFACT
from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"

REAL = """
To do the same with a real repository:

  export GH_TOKEN=YOUR_TOKEN
  {program} list OWNER/REPO
  {program} download OWNER/REPO --name NAME -D DIR"""


async def run_demo() -> int:
    """Start a fake GitHub, list its artifacts, download all of them and show their paths.

    Returns:
        The exit status.
    """
    out = Output(Common(quiet=True))
    directory = Path(tempfile.mkdtemp(prefix="ghartifacts-demo-"))
    async with FakeGitHub() as fake:
        _fill(fake)
        out.text(f"A fake GitHub runs at {fake.url}, its blob store at {fake.blob_url}.\n")
        async with Client(fake.token, base_url=fake.url) as gh:
            repo = gh.repo(REPOSITORY)
            artifacts = await repo.list_artifacts().collect()
            for number, artifact in enumerate(artifacts):
                ARTIFACT.show(out, artifact, None, first=number == 0)
            out.text("")
            status = await write_all(repo, artifacts, Writing(directory=directory), out)
    out.text(REAL.format(program=_program()))
    return status


def _program() -> str:
    """Return how to start the program in a shell.

    A path is relative if it is below the working directory.
    """
    path = Path(sys.argv[0] if Path(sys.argv[0]).name == "ghartifacts" else sys.executable)
    with suppress(ValueError):
        path = path.absolute().relative_to(Path.cwd())
    command = shlex.quote(str(path))
    return command if path.name == "ghartifacts" else f"{command} -m ghartifacts_async"


def _fill(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "report.json", b'{"passed": 1234}\n', raw="report.json")
    fake.add_artifact(REPOSITORY, "coverage", {"index.html": "<h1>97 %</h1>", "data/lcov": "…"})
    for system in ("linux", "macos", "windows"):
        wheel = os.urandom(8 * 2**20)
        fake.add_artifact(REPOSITORY, f"wheels-{system}", {f"octo-1.0-{system}.whl": wheel})
