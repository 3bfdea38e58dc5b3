"""The demo: list and download artifacts of a fake GitHub on this machine."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from ghartifacts_async import Client, Download
from ghartifacts_async.cli import show
from ghartifacts_async.cli.fetch import fetch
from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"

REAL = """
To do the same with a real repository:

  export GH_TOKEN=YOUR_TOKEN
  {python} -m ghartifacts_async list OWNER/REPO
  {python} -m ghartifacts_async download OWNER/REPO --name NAME -o DIR"""


async def run_demo() -> None:
    """Start a fake GitHub, list its artifacts, download all of them and show their paths."""
    directory = Path(tempfile.mkdtemp(prefix="ghartifacts-demo-"))
    async with FakeGitHub() as fake:
        _fill(fake)
        show.note(f"A fake GitHub runs at {fake.url}, its blob store at {fake.blob_url}.\n")
        async with Client(fake.token, base_url=fake.url) as gh:
            repo = gh.repo(REPOSITORY)
            artifacts = await repo.list_artifacts().collect()
            show.table(artifacts)
            show.note("")
            with show.bars() as bars:
                outcomes = await fetch(repo, artifacts, directory, bars)
    show.outcomes(outcomes, directory)
    if not all(isinstance(outcome, Download) and outcome.verified for outcome in outcomes):
        raise SystemExit("the demo failed: not every artifact above is verified")
    show.note(REAL.format(python=_python()))


def _python() -> str:
    """Return the path of the Python interpreter, quoted for a shell.

    The path is relative if the interpreter is below the working directory.
    """
    path = Path(sys.executable)
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


def _fill(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "report.json", b'{"passed": 1234}\n', raw="report.json")
    fake.add_artifact(REPOSITORY, "coverage", {"index.html": "<h1>97 %</h1>", "data/lcov": "…"})
    for system in ("linux", "macos", "windows"):
        wheel = os.urandom(8 * 2**20)
        fake.add_artifact(REPOSITORY, f"wheels-{system}", {f"octo-1.0-{system}.whl": wheel})
