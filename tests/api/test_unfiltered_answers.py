"""Responses with artifacts that were not requested: of other names, of other runs, of forks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Artifact, Client, RateLimitPolicy, Repo
from ghartifacts_async.testing import FakeArtifact, FakeGitHub, Fault, LoggedRequest
from tests.support import QUICK, REPOSITORY, published_below


def serve_unfiltered(fake: FakeGitHub, forks: frozenset[int] = frozenset()) -> None:
    """Answer every listing with all artifacts, as if it had no parameters.

    Args:
        fake: The server.
        forks: Ids of artifacts to attribute to a run of a fork.
    """

    def choose(request: LoggedRequest) -> Fault | None:
        if not request.path.endswith("/artifacts"):
            return None
        listed = [document(one) for one in fake.artifacts(REPOSITORY)]
        return Fault(200, body={"total_count": len(listed), "artifacts": listed})

    def document(one: FakeArtifact) -> dict[str, Any]:
        found: dict[str, Any] = one.document(fake.url)
        if one.id in forks:
            found["workflow_run"]["head_repository_id"] += 1
        return found

    fake.fail_when(choose)


def names(artifacts: list[Artifact]) -> list[str]:
    """Return the names of artifacts, in order."""
    return [artifact.name for artifact in artifacts]


async def test_other_names_are_dropped(repo: Repo, fake_github: FakeGitHub) -> None:
    """A listing by name yields no other artifacts, even if the server ignores the name."""
    for name in ("dist", "Dist", "release-keys"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    serve_unfiltered(fake_github)
    assert names(await repo.list_artifacts("dist").collect()) == ["dist"]
    assert await repo.list_artifacts("none").first() is None


async def test_prune_deletes_no_other_names(fake_github: FakeGitHub) -> None:
    """`prune` deletes only artifacts of its name, even if the server ignores the name."""
    for name in ("dist", "Dist", "release-keys"):
        fake_github.add_artifact(REPOSITORY, name, b"x")
    serve_unfiltered(fake_github)
    limits = RateLimitPolicy.unlimited()
    async with Client(fake_github.token, base_url=fake_github.url, rate_limits=limits) as gh:
        report = await gh.repo(REPOSITORY).prune(name="dist", keep_latest=0, dry_run=False)
    assert report.deleted == 1
    left = {artifact.name for artifact in fake_github.artifacts(REPOSITORY)}
    assert left == {"Dist", "release-keys"}


async def test_other_runs_are_dropped(repo: Repo, fake_github: FakeGitHub) -> None:
    """A run's listing yields no artifacts of other runs, even if the server lists them."""
    fake_github.add_artifact(REPOSITORY, "ours", b"x", run_id=10)
    fake_github.add_artifact(REPOSITORY, "other", b"x", run_id=11)
    serve_unfiltered(fake_github)
    assert names(await repo.list_run_artifacts(10).collect()) == ["ours"]
    assert names(await repo.list_run_artifacts("11").collect()) == ["other"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"branch": "main"}, ["ours"]),
        ({"branch": "main", "from_fork": True}, ["fork"]),
        ({"from_fork": False}, ["ours"]),
        ({}, ["fork", "ours"]),
    ],
)
async def test_forks_are_left_out(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, filters: Any, expected: list[str]
) -> None:
    """Listings, mirrors and `prune` take no artifact of a fork's run for one of a branch."""
    fake_github.add_artifact(REPOSITORY, "ours", b"x", head_branch="main")
    fork = fake_github.add_artifact(REPOSITORY, "fork", b"y", head_branch="main")
    serve_unfiltered(fake_github, frozenset({fork.id}))
    assert names(await repo.list_artifacts(**filters).collect()) == expected
    await repo.mirror(tmp_path, **filters)
    mirrored = [name for name in published_below(tmp_path) if name.endswith(".zip")]
    assert [name.partition("-")[0] for name in mirrored] == sorted(expected)
    report = await repo.prune(keep_latest=0, **filters)
    assert names(list(report.artifacts)) == expected[::-1]


async def test_a_mirror_of_many_repositories_leaves_out_forks(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """`Client.mirror` applies the rule for forks to every repository."""
    fork = fake_github.add_artifact(REPOSITORY, "fork", b"y", head_branch="main")
    serve_unfiltered(fake_github, frozenset({fork.id}))
    async with Client(fake_github.token, base_url=fake_github.url, retry=QUICK) as gh:
        report = await gh.mirror([REPOSITORY], tmp_path, branch="main")
        assert report.downloaded == 0
        report = await gh.mirror([REPOSITORY], tmp_path, branch="main", from_fork=True)
        assert report.downloaded == 1
