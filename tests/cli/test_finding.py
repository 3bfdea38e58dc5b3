"""The commands ``runs``, ``latest``, ``wait``, ``prune`` and ``delete``."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub, Fault
from tests.cli.support import (
    TIMEOUT,
    end,
    environment,
    open_terminal,
    read_terminal,
    run,
    run_in_terminal,
    start,
)
from tests.support import REPOSITORY, files_below

WITH_THE_LOOP_OF_WINDOWS = """
import asyncio, runpy
for name in ("add_reader", "add_signal_handler"):
    # These raise NotImplementedError.
    setattr(asyncio.SelectorEventLoop, name, getattr(asyncio.AbstractEventLoop, name))
runpy.run_module("ghartifacts_async", run_name="__main__", alter_sys=True)
"""


async def test_runs(fake_github: FakeGitHub) -> None:
    """`runs` lists runs with filters, as fields in a pipe and columns on a terminal."""
    failed = fake_github.add_run(REPOSITORY, workflow="ci.yml", conclusion="failure").id
    passed = fake_github.add_run(REPOSITORY, workflow="release.yml", branch="next").id
    done = await run(fake_github, "runs", REPOSITORY)
    assert [row[:6] for row in done.rows()] == [
        [str(passed), "completed", "success", "release.yml", "next", "push"],
        [str(failed), "completed", "failure", "ci.yml", "main", "push"],
    ]
    for filters in (["-w", "ci.yml"], ["--conclusion", "failure"], ["-b", "main"]):
        done = await run(fake_github, "runs", REPOSITORY, *filters, "--format", "{id}")
        assert done.out == f"{failed}\n"
    done = await run_in_terminal(fake_github, "runs", REPOSITORY)
    assert done.out.split()[:4] == ["ID", "STATUS", "CREATED", "TITLE"]
    assert re.search(f"^ *{passed} .*  next  push$", done.out, re.MULTILINE)
    done = await run(fake_github, "runs", REPOSITORY, "-b", "nowhere")
    assert (done.status, done.err) == (3, "no run matches\n")


async def test_latest(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """`latest` prints the newest artifact of a successful run, or downloads it with `-D`."""
    good = fake_github.add_run(REPOSITORY).id
    bad = fake_github.add_run(REPOSITORY, conclusion="failure").id
    for run_id in (good, bad):
        for name in ("dist", "docs"):
            fake_github.add_artifact(REPOSITORY, name, b"x", run_id=run_id)
    done = await run(fake_github, "latest", REPOSITORY, "dist")
    assert [row[:2] for row in done.rows()] == [["1", "dist"]]
    done = await run(fake_github, "latest", REPOSITORY, "-n", "dist", "--conclusion", "any")
    assert done.rows()[0][0] == "3"
    done = await run(fake_github, "latest", REPOSITORY, "dist", "docs", "-D", tmp_path)
    assert files_below(tmp_path) == ["dist.zip", "docs.zip"]
    fake_github.add_artifact(REPOSITORY, "report", {"a.txt": "content"}, run_id=good)
    done = await run(fake_github, "latest", REPOSITORY, "report", "-x", cwd=tmp_path)
    assert (done.status, (tmp_path / "report" / "a.txt").read_text()) == (0, "content")
    done = await run(fake_github, "latest", REPOSITORY, "nope")
    assert (done.status, done.out) == (3, "")


async def test_latest_of_an_exact_name(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """`latest` and `download --latest` take a name with brackets literally, also among others."""
    run_id = fake_github.add_run(REPOSITORY).id
    for name in ("odd[1]", "odd1", "docs"):
        fake_github.add_artifact(REPOSITORY, name, b"x", run_id=run_id)
    for arguments in (["odd[1]"], ["-n", "odd[1]"]):
        done = await run(fake_github, "latest", REPOSITORY, *arguments, "--format", "{name}")
        assert (done.out, done.status) == ("odd[1]\n", 0), done.err
    done = await run(fake_github, "latest", REPOSITORY, "odd[1]", "docs", "--format", "{name}")
    assert done.out == "odd[1]\ndocs\n"
    done = await run(fake_github, "latest", REPOSITORY, "-p", "odd[1-2]", "--format", "{name}")
    assert done.out == "odd1\n"
    arguments = ["--latest", "-n", "odd[1]", "-D", str(tmp_path)]
    done = await run(fake_github, "download", REPOSITORY, *arguments)
    assert [file.name for file in tmp_path.iterdir()] == ["odd[1].zip"], done.err


async def test_wait(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """`wait` ends as soon as the artifact exists, or with 1 when the time or the run is over."""
    running = fake_github.add_run(REPOSITORY, status="in_progress").id
    fake_github.after(1, lambda: fake_github.add_artifact(REPOSITORY, "dist", b"x", run_id=running))
    url = f"{fake_github.url}/{REPOSITORY}/actions/runs/{running}"
    done = await run(fake_github, "wait", url, "dist", "-D", tmp_path)
    assert (files_below(tmp_path), done.status) == (["dist.zip"], 0)
    done = await run(fake_github, "wait", url, "dist", "--format", "{name}")
    assert (done.out, done.status) == ("dist\n", 0)
    done = await run(
        fake_github, "wait", REPOSITORY, "-n", "nope", "--run", str(running), "--within", "1s"
    )
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"waiting for 'nope' in {REPOSITORY}, at most 1 s\n")
    ended = fake_github.add_run(REPOSITORY, conclusion="failure").id
    done = await run(fake_github, "wait", REPOSITORY, "-n", "dist", "--run", str(ended))
    assert done.status == 1
    assert "error: " in done.err


async def test_prune(fake_github: FakeGitHub) -> None:
    """`prune` only shows what it would delete, and deletes exactly that with `--yes`."""
    for days in (90, 60, 1):
        created = datetime.now(UTC) - timedelta(days=days)
        fake_github.add_artifact(REPOSITORY, "dist", b"x", created_at=created)
    arguments = ("prune", REPOSITORY, "--older-than", "30d")
    done = await run(fake_github, *arguments)
    assert [row[0] for row in done.rows()] == ["1", "2"]
    assert "1 stay; nothing deleted yet; --yes deletes them" in done.err
    assert len(fake_github.artifacts(REPOSITORY)) == 3
    done = await run(fake_github, *arguments, "--yes", "--keep-latest", "2")
    assert [row[0] for row in done.rows()] == ["1"]
    assert "1 deleted" in done.err
    assert {artifact.id for artifact in fake_github.artifacts(REPOSITORY)} == {2, 3}


async def test_prune_prints_before_it_deletes(fake_github: FakeGitHub) -> None:
    """`prune --yes` has printed all artifacts when the first deletion begins."""
    for _ in range(2):
        fake_github.add_artifact(REPOSITORY, "dist", b"x")
    fake_github.fail_next(Fault(429, headers={"Retry-After": "60"}), method="DELETE")
    process = await start(fake_github, "prune", REPOSITORY, "--keep-latest", "0", "--yes", "--json")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        lines = [await process.stdout.readline() for _ in range(2)]
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    assert len(fake_github.artifacts(REPOSITORY)) == 2
    process.terminate()
    await end(process)


@pytest.mark.parametrize(
    "command", [["prune", "--keep-latest", "0"], ["delete", "1"], ["delete", "-n", "dist"]]
)
async def test_a_dry_run(fake_github: FakeGitHub, command: list[str]) -> None:
    """With `--dry-run`, `prune` and `delete` show the artifacts, delete nothing and succeed."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, *command, "-R", REPOSITORY, "--dry-run")
    assert ([row[:2] for row in done.rows()], done.status) == ([["1", "dist"]], 0), done.err
    assert "nothing" in done.err
    assert len(fake_github.artifacts(REPOSITORY)) == 1


async def test_nothing_to_prune(fake_github: FakeGitHub) -> None:
    """If no artifact is to be deleted, `prune` says so and succeeds."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    for extra in ((), ("--yes",)):
        done = await run(fake_github, "prune", REPOSITORY, "--older-than", "30d", *extra)
        assert (done.status, done.out) == (0, "")
        assert done.err == "0 artifacts, 0 bytes; 1 stay; nothing to delete\n"


@pytest.mark.parametrize(("typed", "left"), [("y\n", 1), ("n\n", 2), ("\n", 2)])
async def test_delete_asks_on_a_terminal(fake_github: FakeGitHub, typed: str, left: int) -> None:
    """On a terminal, `delete` shows the artifacts and deletes only after a yes."""
    for name in ("dist", "docs"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    done = await run_in_terminal(fake_github, "delete", REPOSITORY, "-n", "dist", typed=typed)
    _, header, row, question, *_ = done.out.splitlines()  # The terminal shows what is typed.
    assert (header.split()[:2], row.split()[0]) == (["ID", "SIZE"], "1")
    assert question.startswith("Delete 1 artifact of octo-org/octo-docs? [y/N]")
    assert len(fake_github.artifacts(REPOSITORY)) == left
    assert done.status == (0 if left == 1 else 2)


async def test_delete_asks_with_the_event_loop_of_windows(fake_github: FakeGitHub) -> None:
    """`delete` asks even if the event loop can wait neither for signals nor for the keyboard."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    process, master = await open_terminal(
        *(sys.executable, "-W", "error", "-c", WITH_THE_LOOP_OF_WINDOWS),
        *("delete", REPOSITORY, "-n", "dist"),
        env=environment(fake_github, TERM="xterm"),
        columns=80,
    )
    os.write(master, b"y\n")
    output = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT):
            while chunk := await asyncio.to_thread(read_terminal, master):
                output += chunk
            assert await process.wait() == 0, output.decode()
    finally:
        if process.returncode is None:
            process.kill()
        os.close(master)
    assert fake_github.artifacts(REPOSITORY) == []


async def test_delete_without_a_terminal(fake_github: FakeGitHub) -> None:
    """Without a terminal, `delete` needs `--yes`."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "delete", REPOSITORY, "1")
    assert (done.status, len(fake_github.artifacts(REPOSITORY))) == (2, 1)
    assert "--yes" in done.err
    done = await run(fake_github, "delete", REPOSITORY, "1", "--yes")
    assert (done.out, done.status) == ("✓ dist (1)  deleted\n", 0)
    done = await run(fake_github, "delete", REPOSITORY, "-n", "dist", "--yes")
    assert done.status == 3


async def test_rate_limit(fake_github: FakeGitHub) -> None:
    """`rate-limit` shows how many calls are left, without using one."""
    fake_github.add_repository(REPOSITORY)
    first = await run(fake_github, "rate-limit", "--json")
    second = await run(fake_github, "rate-limit", "--json")
    assert first.lines()[0]["remaining"] == second.lines()[0]["remaining"]
    done = await run(fake_github, "rate-limit")
    assert "calls left" in done.out
    assert [request.path for request in fake_github.requests] == ["/rate_limit"] * 3


@pytest.mark.parametrize(
    ("more", "printed"), [([], "the server has no rate limit\n"), (["--json"], "null\n")]
)
async def test_a_server_without_a_rate_limit(more: list[str], printed: str) -> None:
    """`rate-limit` says that an Enterprise Server has no limits; with `--json`, it is `null`."""
    async with FakeGitHub(limits=None) as fake:
        done = await run(fake, "rate-limit", *more)
    assert (done.out, done.err, done.status) == (printed, "", 0)


async def test_rate_limit_of_another_server(fake_github: FakeGitHub) -> None:
    """For `rate-limit`, any other 404 is an error, and does not mean a server without limits."""
    fake_github.fail_next(Fault(404))
    done = await run(fake_github, "rate-limit")
    assert (done.out, done.status) == ("", 3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["download", REPOSITORY, "--all"],
        ["extract", REPOSITORY, "1", "2"],
        ["delete", REPOSITORY, "--name", "dist", "--yes"],
        ["prune", REPOSITORY, "--older-than", "0s", "--yes"],
        ["mirror", REPOSITORY, "archive"],
    ],
)
async def test_a_token_without_a_permission(
    fake_github: FakeGitHub, tmp_path: Path, arguments: list[str]
) -> None:
    """The status is 4 if the token may list artifacts, but not download or delete any of them."""
    for name in ("dist", "docs"):
        fake_github.add_artifact(REPOSITORY, name, {"a": b"x"})
    token = fake_github.add_token(permissions={"metadata": "read"})
    done = await run(fake_github, *arguments, cwd=tmp_path, GH_TOKEN=token)
    assert "✗ dist" in done.err
    assert done.status == 4, done.err


async def test_only_some_failures_are_about_the_token(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If another failure is not about the token, the status of many downloads is 1."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    fake_github.add_artifact(REPOSITORY, "docs", b"x", digest=f"sha256:{'0' * 64}")
    fake_github.fail_when(lambda request: 403 if request.path.endswith("/1/zip") else None)
    done = await run(fake_github, "download", REPOSITORY, "--all", "-D", tmp_path)
    assert ("✗ dist" in done.err, "✗ docs" in done.err, done.status) == (True, True, 1)


async def test_a_wait_at_a_limit_is_shown(fake_github: FakeGitHub) -> None:
    """A wait is announced with its end, and counted down on a terminal; `--max-wait` refuses it."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    limited = Fault(429, headers={"Retry-After": "6"})
    fake_github.fail_next(limited)
    done = await run_in_terminal(fake_github, "list", REPOSITORY)
    assert "warning: waiting until " in done.out
    assert re.search(r"[56] s left; Ctrl-C to stop", done.out)
    assert done.out.splitlines()[-1].endswith("dist")
    fake_github.fail_next(limited)
    done = await run(fake_github, "list", REPOSITORY, "--max-wait", "1s")
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith("error: ")
