"""Servers in processes of their own, for as long as a scenario needs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from benchmarks._race import ROOT
from benchmarks._scenario import SkippedError


@frozen
class GitHub:
    """A running FakeGitHub with one artifact, of id 1.

    Attributes:
        url: Of the API.
        token: For it.
        ca: The certificate to trust, ``""`` where the blob comes by http.
        relay: Host and port of a proxy through which ``gh`` finds it.
        note: Who serves the bytes.
    """

    url: str
    token: str
    ca: str
    relay: str
    note: str
    _process: subprocess.Popen[str]

    def asked(self) -> dict[str, int]:
        """What was asked for since the last time: ``api``, ``blob``, and ``bytes`` of blobs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told: dict[str, int] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def github(
    payload: Path, *, nginx: bool = True, tls: bool = False, rate: int = 0, latency: float = 0.0
) -> Iterator[GitHub]:
    """FakeGitHub, and nginx for the bytes where it is installed.

    Args:
        payload: Of the artifact.
        nginx: Whether nginx is to serve it, and not FakeGitHub, which logs what it serves.
        tls: By https, of which only nginx is able.
        rate: Bytes a second of each answer, of which only nginx is able; 0 is no limit.
        latency: Seconds of each answer of FakeGitHub.

    Raises:
        SkippedError: What only nginx can do cannot be done here.
    """
    wanted = {
        "payload": str(payload), "nginx": nginx, "tls": tls, "rate": rate, "latency": latency,
    }  # fmt: skip
    with _child("benchmarks._github", json.dumps(wanted)) as (process, line):
        told: dict[str, str] = json.loads(line)
        if "skipped" in told:
            raise SkippedError(told["skipped"])
        yield GitHub(**told, process=process)


@contextmanager
def distant(count: int, size: int, latency: float) -> Iterator[str]:
    """The URL of a GitHub that is far away; see `benchmarks._distant`.

    Args:
        count: How many artifacts it has.
        size: Bytes of each.
        latency: Seconds of each answer.
    """
    with _child("benchmarks._distant", str(count), str(size), str(latency)) as (_, line):
        yield line


@contextmanager
def _child(module: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    # In a session of its own, where Ctrl-C does not reach it: it ends with its input.
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{module} does not start")
        yield process, line
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
