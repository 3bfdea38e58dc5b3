"""Scenarios: skipped competitors, checks, output and cleanup."""

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

WHY = "the benchmarks are only in a source checkout"
comparison = pytest.importorskip("benchmarks._comparison", reason=WHY)
scenario = pytest.importorskip("benchmarks._scenario", reason=WHY)
servers = pytest.importorskip("benchmarks._servers", reason=WHY)

ROOT = Path(__file__).parents[2]
SPACED = "a directory"


def test_a_competitor_that_is_not_installed_is_skipped(tmp_path: Path) -> None:
    """A competitor whose program or package is missing is reported as skipped; the others run."""
    context = scenario.Context(tmp_path, True)
    rows = context.compare(
        [
            (comparison.Competitor("ours", ["true"], "ours"), ()),
            (comparison.Competitor("theirs", ["true"]), ["no-such-program", "py:no-such-package"]),
        ],
        1,
    )
    assert [row.name for row in rows] == ["ours"]
    assert context.skipped == ["theirs: no-such-program, no-such-package is not installed"]


def test_https_and_throttling_are_skipped_without_nginx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without nginx, scenarios with https or a rate limit are skipped; others use FakeGitHub."""
    payload = tmp_path / "payload"
    payload.write_bytes(b"0")
    monkeypatch.setenv("NGINX_PROGRAM", "no-such-nginx")
    for only in ({"tls": True}, {"rate": 1000}):
        with pytest.raises(scenario.SkippedError, match="no-such-nginx"):
            servers.github(payload, **only).__enter__()
    with servers.github(payload) as server:
        assert "FakeGitHub: no-such-nginx" in server.note


def test_a_size_check_rejects_wrong_files(tmp_path: Path) -> None:
    """A check fails if a file is missing or has another size."""
    check = scenario.size_check(tmp_path / "target", 3, 2)
    (tmp_path / "target.1").write_bytes(b"123")
    with pytest.raises(ValueError, match="found 1 files with 3 bytes, expected 2"):
        check({})
    (tmp_path / "target.2").write_bytes(b"123")
    check({})
    (tmp_path / "target.2").write_bytes(b"12")
    with pytest.raises(
        ValueError, match="found 2 files with 5 bytes, expected 2 files with 6 bytes"
    ):
        check({})


def running(argument: str) -> list[bytes]:
    """Return those command lines of all running processes that contain `argument`."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            commands.append(path.read_bytes())
    return [command for command in commands if argument.encode() in command]


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_terminated_run_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM ends a run, its servers and its competitors. Its files are deleted."""
    directory = tmp_path / SPACED
    directory.mkdir()
    command = [sys.executable, "-m", "benchmarks", "--quick", "--directory", str(directory)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        while not list(directory.rglob("target.zip*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        output, messages = process.communicate(timeout=60)
    assert output == b""
    assert b"interrupted" in messages
    assert b"Traceback" not in messages
    assert list(directory.iterdir()) == []
    assert process.returncode == 1
    assert not running(str(directory))


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks need Linux")
def test_a_quick_run_prints_its_tables(tmp_path: Path) -> None:
    """A quick run of some scenarios prints their tables, checks no target, and writes no file."""
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
    assert "## kills: downloads killed and resumed, seed 1" in done.stdout
    assert "**not met**" not in done.stdout
    assert list(directory.iterdir()) == []
    assert subprocess.run(status, cwd=ROOT, capture_output=True, check=False).stdout == before
