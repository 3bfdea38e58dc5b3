"""The completion of commands, options and artifact names in real shells."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub, Fault
from tests.cli.support import MODULE, TIMEOUT, environment, open_terminal, read_terminal, run
from tests.support import REPOSITORY

ZSH = "autoload -Uz compinit; compinit -u -D"
SHELLS = {
    "bash": ("bash --norc --noprofile -i", "source _ghartifacts"),
    "zsh": ("zsh -f -i", f"fpath=($PWD $fpath); {ZSH}"),
    "zsh, sourced": ("zsh -f -i", f"{ZSH}; source ./_ghartifacts"),
    "fish": ("fish --no-config --interactive", "source _ghartifacts"),
}
"""How to start each shell without settings of the user, and how to load the script."""

HOSTILE = "e'v\"il $(touch made) `touch made`; touch made"

PROGRAM = """\
#!/bin/sh
if [ "$1" = __complete ]; then exec '{python}' {module} "$@"; fi
if [ "$1" = ready ]; then echo is; echo ready; exit; fi
printf '%s\\n' "$@" > arguments.new && mv arguments.new arguments
"""
"""A program that writes its arguments to a file, and completes names as the real one does."""


def path_of(shell: str) -> str:
    """Return the path of a shell. Without it, skip the test, or fail if REQUIRE_SHELLS is set."""
    path = shutil.which(shell)
    if path is None and "REQUIRE_SHELLS" in os.environ:
        pytest.fail(f"{shell} is not installed")
    return path or pytest.skip(f"{shell} is not installed")


async def completed(shell: str, typed: str, fake: FakeGitHub, directory: Path) -> list[str]:
    """Type a command line in a shell and return the arguments that the program gets."""
    command, load = SHELLS[shell]
    name = command.partition(" ")[0]
    path_of(name)
    (directory / "_ghartifacts").write_text((await run(None, "completion", name)).out)
    program = directory / "bin" / "ghartifacts"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, module=" ".join(MODULE)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    extra = {"PATH": path, "HOME": str(directory), "TERM": "xterm", "GH_REPO": REPOSITORY}
    process, master = await open_terminal(
        *command.split(), env=environment(fake, **extra), columns=200, cwd=directory
    )
    output = bytearray()

    async def read() -> None:
        while chunk := await asyncio.to_thread(read_terminal, master):
            output.extend(chunk)

    reading = asyncio.ensure_future(read())
    try:
        async with asyncio.timeout(TIMEOUT):
            os.write(master, f"{load}\rghartifacts ready\r".encode())
            while b"is\r\nready\r\n" not in output:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
            os.write(master, f"ghartifacts {typed}\r".encode())
            while not (directory / "arguments").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(output.decode(errors="replace"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading
        os.close(master)
    return (directory / "arguments").read_text().splitlines()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("dow\t", ["download"]),
        ("list --bran\tmain", ["list", "--branch", "main"]),
        ("download --name di\t", ["download", "--name", "dist"]),
        ("latest --bran\tmain", ["latest", "--branch", "main"]),
        ("latest di\t", ["latest", "dist"]),
        ("cat octo-org/octo-docs di\t", ["cat", REPOSITORY, "dist"]),
        ("cat dist de\t", ["cat", "dist", "deep/er.log"]),
        ("list --name e\t", ["list", "--name", HOSTILE]),
    ],
)
async def test_tab_completes(
    fake_github: FakeGitHub, tmp_path: Path, shell: str, typed: str, expected: list[str]
) -> None:
    """The tab key completes commands, options and names, and never runs what is in a name."""
    fake_github.add_artifact(REPOSITORY, "dist", {"deep/er.log": "x", "a.txt": "x"})
    for name in (HOSTILE, "evil\x1b"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    assert await completed(shell, typed, fake_github, tmp_path) == expected
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_scripts(shell: str, tmp_path: Path) -> None:
    """`completion` prints a script that the shell accepts."""
    done = await run(None, "completion", shell)
    assert (done.status, done.err) == (0, "")
    program = path_of(shell)
    script = tmp_path / "script"
    script.write_text(done.out)
    child = await asyncio.create_subprocess_exec(program, "-n", str(script))
    assert await child.wait() == 0


async def test_member_names_are_completed(fake_github: FakeGitHub) -> None:
    """After an artifact, the completion of `cat` offers the names of its members."""
    run_id = fake_github.add_run(REPOSITORY).id
    fake_github.add_artifact(REPOSITORY, "logs", {"old.log": "x"}, run_id=run_id)
    fake_github.add_artifact(REPOSITORY, "logs", {"a/b.log": "x", "evil\x1b": "x", "a c": "x"})

    async def completed(*words: str) -> list[str]:
        done = await run(fake_github, "__complete", "cat", *words, "")
        assert (done.status, done.err) == (0, "")
        return done.out.split("\x1fbegin\n")[1].splitlines()

    assert await completed(REPOSITORY) == ["logs"]
    assert await completed(REPOSITORY, "logs") == ["a/b.log", "a c"]
    assert await completed("-R", REPOSITORY, "logs", "a c") == ["a/b.log", "a c"]
    assert await completed("-R", REPOSITORY, "--run", str(run_id), "logs") == ["old.log"]
    assert await completed("-R", REPOSITORY, "nope") == []


async def test_artifact_names_are_completed(fake_github: FakeGitHub) -> None:
    """The completion offers the names of the newest artifacts, and nothing if a call fails."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    fake_github.add_artifact(REPOSITORY, "evil\x1b", b"x")
    words = ("__complete", "download", "-R", REPOSITORY, "--name", "")
    done = await run(fake_github, *words)
    assert done.out.split("\x1fbegin\n")[1] == "dist\n"
    done = await run(fake_github, *words, GITHUB_API_URL="http://127.0.0.1:9")
    assert (done.out.split("\x1fbegin\n")[1], done.err, done.status) == ("", "", 0)
    fake_github.fail_next(Fault(503, retry_after=100))
    done = await run(fake_github, *words)
    assert (done.out.split("\x1fbegin\n")[1], done.err, done.status) == ("", "", 0)
