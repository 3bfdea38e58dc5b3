"""The ``list`` command, and behaviour that all commands share."""

from __future__ import annotations

import asyncio
import os
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from ghartifacts_async import Artifact, from_json
from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import TIMEOUT, end, run, run_in_terminal, start
from tests.support import REPOSITORY, files_below

LONG = "long-" * 50
HOSTILE = "\x1b[2J\x07[red]é\x9b31m\u202e{0}\t\n"


async def test_a_pipe_gets_fields_separated_by_tabs(fake_github: FakeGitHub) -> None:
    """In a pipe, each artifact is a line of id, name, size, time, run, branch and state."""
    fake_github.add_artifact(REPOSITORY, LONG, b"x" * 2000, run_id=7)
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    done = await run(fake_github, "list", REPOSITORY)
    old, long = done.rows()
    assert old[:2] + old[-1:] == ["2", "old", "expired"]
    assert long[:3] == ["1", LONG, "2000"]
    assert long[4:] == ["7", "main", "available"]
    assert (done.err, done.status) == ("", 0)


async def test_a_terminal_gets_columns(fake_github: FakeGitHub) -> None:
    """On a terminal there is a header, sizes have units, and expired artifacts are marked."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * 2000)
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    done = await run_in_terminal(fake_github, "list", REPOSITORY)
    header, old, dist = done.out.splitlines()
    assert header.split() == ["ID", "SIZE", "CREATED", "RUN", "NAME"]
    assert old.endswith("old (expired)")
    assert dist.split()[:3] == ["1", "2.0", "kB"]
    assert dist.endswith("dist")


async def test_a_narrow_terminal_shows_whole_names(fake_github: FakeGitHub) -> None:
    """A narrow terminal wraps a long name, and nothing of it is left out."""
    fake_github.add_artifact(REPOSITORY, "é" * 200, b"x")
    done = await run_in_terminal(fake_github, "list", REPOSITORY, columns=20)
    assert done.out.count("é") == 200


async def test_json_prints_one_artifact_per_line(fake_github: FakeGitHub) -> None:
    """`--json` prints artifacts that `from_json` can read."""
    for run_id in (7, 8):
        for name in ("dist", HOSTILE):
            fake_github.add_artifact(REPOSITORY, name, b"x", run_id=run_id)
    done = await run(fake_github, "list", REPOSITORY, "--json")
    assert [from_json(line, Artifact).id for line in done.out.splitlines()] == [4, 3, 2, 1]
    assert [line["name"] for line in done.lines()] == [HOSTILE, "dist"] * 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--name", "dist"], [4, 1]),
        (["-n", "dist", "-n", "docs"], [4, 3, 1]),
        (["-p", "d*", "-p", "wheel-*"], [4, 3, 2, 1]),
        (["--run", "{newer}"], [4, 3]),
        (
            ["--run", "https://github.com/octo-org/octo-docs/actions/runs/{older}/attempts/2"],
            [2, 1],
        ),
        (["{url}/octo-org/octo-docs/actions/runs/{older}"], [2, 1]),
        (["-b", "next"], [4, 3]),
        (["-w", "ci.yml"], [4, 3]),
        (["-w", "ci.yml", "--name", "docs", "--since", "3d"], [3]),
        (["--since", "2020-01-01", "--until", "1h"], None),
        (["--min-size", "1k"], [2]),
        (["--no-expired"], [4, 2, 1]),
        (["--expired"], [3]),
        (["--limit", "1"], [4]),
        (["-n", "docs", "-n", "dist", "-L", "2"], [4, 3]),
        (["-L", "0"], [4, 3, 2, 1]),
        (["-w", "ci.yml", "--since", "0001-01-01"], [4, 3]),
        (["--from-fork"], None),
    ],
)
async def test_filters(
    fake_github: FakeGitHub, arguments: list[str], expected: list[int] | None
) -> None:
    """Each filter selects the artifacts that its help promises, or the command exits with 3."""
    older = fake_github.add_run(REPOSITORY, branch="main", workflow="other.yml").id
    newer = fake_github.add_run(REPOSITORY, branch="next", workflow="ci.yml").id
    fake_github.add_artifact(REPOSITORY, "dist", b"x", run_id=older)
    fake_github.add_artifact(REPOSITORY, "wheel-linux", os.urandom(2000), run_id=older)
    fake_github.add_artifact(REPOSITORY, "docs", b"x", run_id=newer, expired=True)
    fake_github.add_artifact(REPOSITORY, "dist", b"x", run_id=newer)
    given = [one.format(newer=newer, older=older, url=fake_github.url) for one in arguments]
    done = await run(fake_github, "list", "-R", REPOSITORY, *given)
    assert [int(row[0]) for row in done.rows()] == (expected or [])
    assert done.status == (0 if expected else 3), done.err
    if not expected:
        assert done.err == "no artifact matches\n"


async def test_a_limit_says_that_there_are_more(fake_github: FakeGitHub) -> None:
    """If the limit leaves artifacts out, a note says so on standard error, but not with `-q`."""
    for _ in range(31):
        fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "list", REPOSITORY)
    assert len(done.rows()) == 30
    assert done.err == "these are the newest 30; -L 0 lists all\n"
    done = await run(fake_github, "list", REPOSITORY, "-q")
    assert done.err == ""


async def test_format(fake_github: FakeGitHub) -> None:
    """`--format` prints the named fields and its own tabs, and names the fields if one is wrong."""
    fake_github.add_artifact(REPOSITORY, HOSTILE, b"x", run_id=7)
    done = await run(
        fake_github, "list", REPOSITORY, "--format", "{id:04}|{name}|{run}|{expires:%j}|{{}}"
    )
    separated = await run(fake_github, "list", REPOSITORY, "--format", "{run}\t{id}\x1b[2J")
    assert separated.out == "7\t1\\x1b[2J\n"
    separated = await run(fake_github, "list", REPOSITORY, "--format", r"{run}\t{id}\n")
    assert separated.out == "7\t1\n\n"
    number, name, run_id, day, braces = done.out.rstrip("\n").split("|")
    assert (number, run_id, braces) == ("0001", "7", "{}")
    assert name.isprintable()
    assert len(day) == 3
    for wrong in (
        "json",
        "{title}",
        "{id.real}",
        "{id",
        "{name:d}",
        "{id:99999999999}",
        "{id:99999999999999999999}",
    ):
        done = await run(fake_github, "list", REPOSITORY, "--format", wrong)
        assert (done.status, done.out) == (2, "")
        assert "--format" in done.err


@pytest.mark.parametrize("more", [[], ["--json"], ["--format", "{name}"]])
async def test_hostile_names_are_escaped(fake_github: FakeGitHub, more: list[str]) -> None:
    """Control characters in a name never reach a terminal or a pipe, and markup is plain text."""
    fake_github.add_artifact(REPOSITORY, HOSTILE, b"x")
    for done in (
        await run(fake_github, "list", REPOSITORY, *more),
        await run_in_terminal(fake_github, "list", REPOSITORY, *more),
    ):
        assert all(c.isprintable() or c == "\t" for line in done.out.split("\n") for c in line)
        assert "[2J" in done.out
        assert "[red]" in done.out
        assert len(done.out.splitlines()) <= 2


async def test_unencodable_names_are_escaped(fake_github: FakeGitHub) -> None:
    """Characters that the output encoding does not have are escaped."""
    fake_github.add_artifact(REPOSITORY, "größe", b"x")
    done = await run(fake_github, "list", REPOSITORY, PYTHONIOENCODING="ascii")
    assert "gr\\xf6\\xdfe" in done.out
    assert done.status == 0


@pytest.mark.parametrize(
    "more", [["list"], ["list", "--json"], ["download", "--all", "--json", "-D", "o"]]
)
async def test_a_broken_pipe_is_silent(
    fake_github: FakeGitHub, more: list[str], tmp_path: Path
) -> None:
    """If the reader of the output has closed the pipe, the command exits with 141, silently."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = await start(fake_github, *more, "-R", REPOSITORY, "-q", out=writer, cwd=tmp_path)
    finally:
        os.close(writer)
    done = await end(process)
    assert (done.err, done.status) == ("", 141)


async def test_the_first_line_needs_only_the_first_page(fake_github: FakeGitHub) -> None:
    """The first of 5,000 artifacts is printed before a second page arrives; `| head` ends it."""
    for _ in range(5000):
        fake_github.add_artifact(REPOSITORY, "dist", b"")
    began = time.monotonic()
    process = await start(fake_github, "list", REPOSITORY, "-L", "0")
    assert process.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        while not (requests := fake_github.requests) or requests[0].status is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert [request.status for request in requests] == [200]
        answered = time.monotonic()
        with fake_github.holding():
            first = await process.stdout.readline()
            printed = time.monotonic()
    assert first.startswith(b"5000\tdist\t")
    assert printed - answered < answered - began
    process.stdout._transport.close()  # type: ignore[attr-defined]
    async with asyncio.timeout(TIMEOUT):
        assert await process.wait() == 141


async def test_the_version_is_printed(tmp_path: Path) -> None:
    """`--version` prints the version of the installed distribution."""
    done = await run(None, "--version", cwd=tmp_path)
    assert (done.out.strip(), done.status) == (version("ghartifacts_async"), 0)
    assert files_below(tmp_path) == []
