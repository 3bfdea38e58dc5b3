"""Scenarios: who takes part, what is missing, and what a run leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

WHY = "the benchmarks are in benchmarks/ of a checkout, and this is none"
race = pytest.importorskip("benchmarks._race", reason=WHY)
scenario = pytest.importorskip("benchmarks._scenario", reason=WHY)
servers = pytest.importorskip("benchmarks._servers", reason=WHY)

ROOT = Path(__file__).parents[2]
SPACED = "a directory"


def test_who_cannot_take_part_is_named(tmp_path: Path) -> None:
    """A competitor whose program or package is missing is skipped by name, the others run."""
    stage = scenario.Stage(tmp_path, True)
    rows = stage.race(
        [
            (race.Entry("ours", ["true"], "ours"), ()),
            (race.Entry("theirs", ["true"]), ["no-such-program", "py:no-such-package"]),
        ],
        1,
    )
    assert [row.name for row in rows] == ["ours"]
    assert stage.skipped == ["theirs: no-such-program, no-such-package is not installed"]


def test_what_only_nginx_can_do_is_skipped_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without nginx nothing is measured as https or throttled that is not; the rest says so."""
    payload = tmp_path / "payload"
    payload.write_bytes(b"0")
    monkeypatch.setenv("NGINX_PROGRAM", "no-such-nginx")
    for only in ({"tls": True}, {"rate": 1000}):
        with pytest.raises(scenario.SkippedError, match="no-such-nginx"):
            servers.github(payload, **only).__enter__()
    with servers.github(payload) as server:
        assert "FakeGitHub: no-such-nginx" in server.note


def test_a_check_wants_just_what_was_to_come(tmp_path: Path) -> None:
    """A file too few, too many or of another size is no result."""
    check = scenario.sized(tmp_path / "target", 3, 2)
    (tmp_path / "target.1").write_bytes(b"123")
    with pytest.raises(ValueError, match="1 files of 3 bytes"):
        check({})
    (tmp_path / "target.2").write_bytes(b"123")
    check({})
    (tmp_path / "target.2").write_bytes(b"12")
    with pytest.raises(ValueError, match="2 files of 5 bytes"):
        check({})


def running(argument: str) -> list[bytes]:
    """The commands of processes that were given an argument which holds that text."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            commands.append(path.read_bytes())
    return [command for command in commands if argument.encode() in command]


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_pass_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM ends a pass in a line, with its servers, its competitors and its files."""
    directory = tmp_path / SPACED
    directory.mkdir()
    command = [sys.executable, "-m", "benchmarks", "--quick", "--directory", str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as one:
        deadline = time.monotonic() + 60
        while not list(directory.rglob("target.zip*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        one.send_signal(signal.SIGTERM)
        output, words = one.communicate(timeout=60)
    assert output == b""
    assert b"interrupted" in words
    assert b"Traceback" not in words
    assert list(directory.iterdir()) == []
    assert one.returncode == 1
    assert not running(str(directory))


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_pass_prints_its_tables(tmp_path: Path) -> None:
    """A pass over some scenarios prints their bars, judges none if quick, and writes nothing."""
    directory = tmp_path / SPACED
    directory.mkdir()
    status = ["git", "status", "--porcelain", "benchmarks", "README.md"]
    before = subprocess.run(status, cwd=ROOT, capture_output=True, check=False).stdout
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "member", "kills"]
    done = subprocess.run(
        [*command, "--directory", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HTTP_PROXY": "http://127.0.0.1:9"},
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"at most 3 requests \| +2 requests \| +– \|", done.stdout)
    assert "## kills: killed and gone on with, seed 1" in done.stdout
    assert "**not met**" not in done.stdout
    assert list(directory.iterdir()) == []
    assert subprocess.run(status, cwd=ROOT, capture_output=True, check=False).stdout == before
