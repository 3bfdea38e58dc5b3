"""The ``list`` command, and behaviour that all commands share."""

from __future__ import annotations

import io
import os
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console

from ghartifacts_async import Artifact, from_json
from ghartifacts_async.cli import show
from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import end, run, start
from tests.support import REPOSITORY, files_below

LONG = "long-" * 50
HOSTILE = "\x1b[2J\x07[red]é\x9b31m\u202e{0}"


async def test_redirected_output_has_full_names(fake_github: FakeGitHub) -> None:
    """If the output is redirected, each artifact has one line with its full name."""
    for name in ("dist", LONG):
        fake_github.add_artifact(REPOSITORY, name, b"x" * 2000)
    done = await run(fake_github, "list", REPOSITORY, COLUMNS="80")
    header, long, dist, count = done.out.splitlines()
    assert header.split() == ["id", "name", "size", "created", "run", "digest"]
    assert long.split()[:4] == ["2", LONG, "2.0", "kB"]
    assert dist.split()[:2] == ["1", "dist"]
    assert (count, done.err, done.status) == ("2 artifacts", "", 0)


async def test_a_narrow_terminal_folds_names(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a narrow terminal a long name is folded, not truncated."""
    fake_github.add_artifact(REPOSITORY, "é" * 200, b"x")
    listed = await run(fake_github, "list", REPOSITORY, "--json")
    terminal = io.StringIO()
    monkeypatch.setattr(show, "console", Console(file=terminal, width=40, force_terminal=True))
    show.table([from_json(listed.out, Artifact)])
    assert terminal.getvalue().count("é") == 200
    assert len(terminal.getvalue().splitlines()) > 5


async def test_json_prints_one_artifact_per_line(fake_github: FakeGitHub) -> None:
    """`--json` prints artifacts that `from_json` can read, filtered by name and by run."""
    for run_id in (7, 8):
        for name in ("dist", HOSTILE):
            fake_github.add_artifact(REPOSITORY, name, b"x", run_id=run_id)
    unfiltered = await run(fake_github, "list", REPOSITORY, "--json")
    assert [from_json(line, Artifact).id for line in unfiltered.out.splitlines()] == [4, 3, 2, 1]
    assert [line["name"] for line in unfiltered.lines()] == [HOSTILE, "dist"] * 2
    filtered = await run(fake_github, "list", REPOSITORY, "--json", "--run", "8", "--name", HOSTILE)
    assert [line["id"] for line in filtered.lines()] == [4]


@pytest.mark.parametrize("more", [[], ["--json"]])
async def test_hostile_names_are_escaped(fake_github: FakeGitHub, more: list[str]) -> None:
    """Control characters in a name are escaped, and markup in it is printed as text."""
    fake_github.add_artifact(REPOSITORY, HOSTILE, b"x")
    done = await run(fake_github, "list", REPOSITORY, *more)
    assert all(c.isprintable() for line in done.out.split("\n") for c in line)
    assert "[2J" in done.out
    assert "[red]" in done.out


async def test_unencodable_names_are_escaped(fake_github: FakeGitHub) -> None:
    """Characters that the output encoding does not have are escaped."""
    fake_github.add_artifact(REPOSITORY, "größe", b"x")
    done = await run(fake_github, "list", REPOSITORY, PYTHONIOENCODING="ascii")
    assert "gr\\xf6\\xdfe" in done.out
    assert done.status == 0


@pytest.mark.parametrize("more", [["list"], ["list", "--json"], ["download", "--json", "-o", "o"]])
async def test_a_broken_pipe_is_silent(
    fake_github: FakeGitHub, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the reader of the output has closed the pipe, the command exits without a message."""
    monkeypatch.chdir(tmp_path)
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = await start(fake_github, *more, REPOSITORY, out=writer)
    finally:
        os.close(writer)
    done = await end(process)
    assert done.err == ""
    assert done.status in {1, 141}


async def test_the_version_is_printed(tmp_path: Path) -> None:
    """`--version` prints the version of the installed distribution."""
    done = await run(None, "--version")
    assert (done.out.strip(), done.status) == (version("ghartifacts_async"), 0)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("arguments", [["--help"], ["download", "--help"]])
async def test_help_is_printed(arguments: list[str]) -> None:
    """`--help` prints the usage of the program and of each command."""
    done = await run(None, *arguments)
    assert "Usage:" in done.out
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize(
    "arguments", [["lsit"], ["list"], ["list", REPOSITORY, "--run", "x"], ["download", REPOSITORY]]
)
async def test_wrong_arguments_are_a_usage_error(
    fake_github: FakeGitHub, arguments: list[str]
) -> None:
    """Missing, unknown and malformed arguments exit with 2, and no request is sent."""
    done = await run(fake_github, *arguments)
    assert (done.status, done.out) == (2, "")
    assert "Error" in done.err
    assert fake_github.requests == []


@pytest.mark.parametrize(
    ("arguments", "token", "reason"),
    [
        (["octo-org"], "t0", "'owner/name'"),
        ([REPOSITORY, "--run", "0"], "t0", "run"),
        ([REPOSITORY], "", "GH_TOKEN"),
        ([REPOSITORY], "ghp_two words", "white space"),
        ([REPOSITORY], "ghp_revoked", "check the token"),
        (["octo-org/none"], "t0", "octo-org/none"),
    ],
)
async def test_an_error_is_one_line(
    fake_github: FakeGitHub, arguments: list[str], token: str, reason: str
) -> None:
    """A wrong repository, run or token exits with 1 and a one-line reason without the token."""
    fake_github.token = "t0"
    fake_github.add_repository(REPOSITORY)
    done = await run(fake_github, "list", *arguments, GH_TOKEN=token)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert reason in done.err
