"""The file names, the connections and the progress of each artifact in a bulk download."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghartifacts_async import InvalidArgument, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY, files_below


async def test_a_template_without_an_id(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """`template="{name}"` gives a file the artifact's name, and the id only to repeated names."""
    for name in ("dist", "docs", "dist"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    fake_github.add_artifact(REPOSITORY, "report.json", b"{}", raw="report.json")
    for artifacts in (repo.list_artifacts(), await repo.list_artifacts().collect()):
        outcomes = repo.download_artifacts(artifacts, tmp_path / "a", template="{name}")
        assert all([outcome.result().verified async for outcome in outcomes])
        assert {"dist.zip", "docs.zip", "report.json"} <= set(files_below(tmp_path / "a"))
    assert files_below(tmp_path / "a") == ["dist-1.zip", "dist.zip", "docs.zip", "report.json"]
    with pytest.raises(InvalidArgument, match="unknown field"):
        repo.download_artifacts([], tmp_path, template="{title}")


async def test_progress_and_connections_of_each_artifact(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Each large download reports its own progress and has the given number of connections."""
    for number in range(2):
        fake_github.add_artifact(REPOSITORY, f"dist-{number}", bytes(4_000_000 + number))
    seen: dict[int, int] = {}
    outcomes = repo.download_artifacts(
        repo.list_artifacts(),
        tmp_path,
        connections=1,
        on_artifact_progress=lambda now: seen.update({now.artifact.id: now.received}),
    )
    sizes = {outcome.result().artifact.id: outcome.result().size async for outcome in outcomes}
    assert seen == sizes
    assert len(fake_github.requests_to("blob")) == 2
    with pytest.raises(InvalidArgument, match="connections"):
        repo.download_artifacts([], tmp_path, connections=9)
