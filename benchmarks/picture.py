"""Draw a session of the command line as an SVG, for the README.

``python -m benchmarks.picture`` runs the commands against a FakeGitHub and writes ``session.svg``.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shlex
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"
PICTURE = Path(__file__).with_name("session.svg")
COMMANDS = [
    "list -b main",
    "latest wheel-linux -D out",
    "ls junit",
    "grep 'FAILED' junit",
    "cat build-log build.log --tail 2",
    "prune --older-than 30d",
]
LOG = "".join(f"step {number}: ok\n" for number in range(1, 400)) + "built in 41 s\n"


def fill(fake: FakeGitHub) -> None:
    """Add artifacts of a run to the fake."""
    run = fake.add_run(REPOSITORY, branch="main").id
    old = datetime.now(UTC) - timedelta(days=45)
    fake.add_artifact(REPOSITORY, "coverage", bytes(120_000), run_id=run, created_at=old)
    fake.add_artifact(REPOSITORY, "build-log", {"build.log": LOG}, run_id=run)
    report = "test_api.py::test_pages PASSED\ntest_api.py::test_limits FAILED\n"
    fake.add_artifact(REPOSITORY, "junit", {"unit.txt": report, "e2e.txt": "ok\n"}, run_id=run)
    fake.add_artifact(
        REPOSITORY, "wheel-linux", {"octo-1.0.whl": os.urandom(3_000_000)}, run_id=run
    )


async def output_of(fake: FakeGitHub, command: str, directory: str) -> str:
    """Run a command with a terminal as its standard output, and return what it prints."""
    master, slave = os.openpty()
    environment = {"GH_TOKEN": fake.token, "GITHUB_API_URL": fake.url, "GH_REPO": REPOSITORY}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ghartifacts_async", *shlex.split(command)),
        stdout=slave,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory,
        env={**os.environ, **environment},
    )
    _, notes = await process.communicate()
    os.close(slave)
    printed = b""
    try:
        while chunk := await asyncio.to_thread(os.read, master, 65536):
            printed += chunk
    except OSError:
        pass  # Linux reports the end of a terminal as EIO.
    finally:
        os.close(master)
    return (printed + notes).decode().replace("\r\n", "\n").replace(directory, "~")


async def main() -> None:
    """Run the commands and write the picture."""
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as directory:
        async with FakeGitHub() as fake:
            fill(fake)
            for command in COMMANDS:
                console.print(Text.assemble(("$ ", "green"), (f"ghartifacts {command}", "bold")))
                console.print(Text.from_ansi(await output_of(fake, command, directory)))
    # The picture must not load a font from another server.
    picture = re.sub(
        r"@font-face \{.*?\}\s*", "", console.export_svg(title="ghartifacts"), flags=re.DOTALL
    )
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
