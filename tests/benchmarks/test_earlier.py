"""The earlier version of the library that the benchmarks compare with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

WHY = "the benchmarks are only in a source checkout"
earlier = pytest.importorskip("benchmarks._earlier", reason=WHY)
scenario = pytest.importorskip("benchmarks._scenario", reason=WHY)
servers = pytest.importorskip("benchmarks._servers", reason=WHY)


def test_the_earlier_version_downloads(tmp_path: Path) -> None:
    """The earlier version comes from the history, and downloads like the current one."""
    try:
        package = earlier.extract_earlier(tmp_path)
    except scenario.SkippedError as reason:
        pytest.skip(str(reason))
    source, target = tmp_path / "source.zip", tmp_path / "target.zip"
    source.write_bytes(bytes(2**20))
    with servers.github(source) as server:
        command = scenario.Context(tmp_path, True).client(
            "earlier", "fetch", package, server.url, server.token, target, server.ca
        )
        subprocess.run(command, cwd=earlier.ROOT, check=True)
    assert target.read_bytes() == source.read_bytes()


def test_a_checkout_without_the_commit_skips_the_earlier_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the commit, the reason says which one is missing."""
    monkeypatch.setattr(earlier, "ROOT", tmp_path)
    with pytest.raises(scenario.SkippedError, match=earlier.COMMIT):
        earlier.extract_earlier(tmp_path)
