"""Servers that run in child processes while a scenario is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from benchmarks._comparison import ROOT
from benchmarks._scenario import SkippedError


@frozen
class GitHub:
    """A running FakeGitHub with one artifact, which has the id 1.

    Attributes:
        url: URL of the API.
        token: Token for the API.
        ca: Path of the certificate to trust, or ``""`` if the blob store uses plain http.
        relay: Host and port of the proxy for ``gh``.
        note: A sentence that says which server sends the payload.
    """

    url: str
    token: str
    ca: str
    relay: str
    note: str
    _process: subprocess.Popen[str]

    def take_counts(self) -> dict[str, int]:
        """Count the requests and the bytes since the previous call.

        Returns:
            The number of requests to the API as ``api`` and to FakeGitHub's blob store as ``blob``,
            and the number of payload bytes that this store has sent as ``bytes``.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        counts: dict[str, int] = json.loads(self._process.stdout.readline())
        return counts


@contextmanager
def github(
    payload: Path, *, nginx: bool = True, tls: bool = False, rate: int = 0, latency: float = 0.0
) -> Iterator[GitHub]:
    """Run FakeGitHub with one artifact. If nginx is installed, nginx serves the payload.

    Args:
        payload: The payload of the artifact.
        nginx: False lets FakeGitHub serve the payload, so that `GitHub.take_counts` counts its
            requests and bytes.
        tls: Whether to serve the payload by https. Needs nginx.
        rate: Bytes per second of each response, or 0 for no limit. Needs nginx.
        latency: Seconds that FakeGitHub waits before each response.

    Raises:
        SkippedError: The options need nginx, which is not installed.
    """
    options = {
        "payload": str(payload), "nginx": nginx, "tls": tls, "rate": rate, "latency": latency,
    }  # fmt: skip
    with _child("benchmarks._github_server", json.dumps(options)) as (process, line):
        server: dict[str, str] = json.loads(line)
        if "skipped" in server:
            raise SkippedError(server["skipped"])
        yield GitHub(**server, process=process)


@contextmanager
def latency_server(count: int, size: int, latency: float) -> Iterator[str]:
    """Run `benchmarks._latency_server` and yield its URL.

    Args:
        count: Number of artifacts.
        size: Size of each payload in bytes.
        latency: Seconds to wait before each response.
    """
    with _child("benchmarks._latency_server", str(count), str(size), str(latency)) as (_, line):
        yield line


@contextmanager
def _child(module: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    # Ctrl-C does not reach a child in a new session. The child exits when its input is closed.
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
            raise RuntimeError(f"{module} has exited without printing its URL")
        yield process, line
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
