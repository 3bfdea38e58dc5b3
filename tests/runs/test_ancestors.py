"""`Repo.resolve_artifacts` with `nearest_ancestor_of`: artifacts of a commit's history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghartifacts_async import Client, NotFound, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.support import REPOSITORY

START = datetime(2026, 1, 1, tzinfo=UTC)


def sha(number: int) -> str:
    """Return the SHA of a commit by its number; the commits form one line of history."""
    return f"{number:040x}"


def add_history(fake: FakeGitHub, count: int) -> None:
    """Add commits to the branch ``main``, one a day, and a branch that parts before the last five.

    The commits have the numbers from 0 to `count`.
    """
    for number in range(count + 1):
        moment = START + timedelta(days=number)
        fake.add_commit(REPOSITORY, sha(number), committed_at=moment)
        if number == count - 5:
            fake.add_commit(REPOSITORY, branch="release/1.x", committed_at=moment)


def add(fake: FakeGitHub, commit: int, *names: str, **options: object) -> int:
    """Add a run of a commit, one hour after the commit, and its artifacts; return its id."""
    created = START + timedelta(days=commit, hours=1)
    run = fake.add_run(REPOSITORY, head_sha=sha(commit), created_at=created, **options)  # type: ignore[arg-type]
    for name in names:
        fake.add_artifact(REPOSITORY, name, b"x", run_id=run, created_at=created)
    return run.id


async def test_the_nearest_ancestor(repo: Repo, gh: Client, fake_github: FakeGitHub) -> None:
    """The nearest commit with a complete successful run counts, not the newest artifact."""
    add_history(fake_github, 20)
    add(fake_github, 5, "coverage", "dist")
    near = add(fake_github, 12, "coverage", "dist")
    add(fake_github, 14, "coverage")
    add(fake_github, 15, "coverage", "dist", conclusion="failure")
    add(fake_github, 19, "coverage", "dist")
    add(fake_github, 16, "coverage", "dist", head_repository="someone/octo-docs")
    resolution = await repo.resolve_artifacts(["coverage", "dist"], nearest_ancestor_of=sha(16))
    assert resolution.run.id == near
    assert [one.reason for one in resolution.rejected] == [
        "of a run from a fork",
        "of a failed run",
        "of a run without 'dist'",
    ]
    # Commits, artifacts, three runs, and the artifacts of two of them.
    assert gh.stats.calls == 7


async def test_the_commit_itself(repo: Repo, fake_github: FakeGitHub) -> None:
    """The commit itself is the nearest; of its runs, the one with the newest artifact."""
    add_history(fake_github, 20)
    add(fake_github, 16, "coverage")
    newest = add(fake_github, 16, "coverage")
    resolution = await repo.resolve_artifacts("coverage", nearest_ancestor_of=sha(16))
    assert resolution.run.id == newest


async def test_the_merge_base(repo: Repo, fake_github: FakeGitHub) -> None:
    """With `base`, only commits before the branches parted count."""
    add_history(fake_github, 20)
    wanted = add(fake_github, 14, "coverage")
    add(fake_github, 17, "coverage")
    resolution = await repo.resolve_artifacts(
        "coverage", nearest_ancestor_of=sha(20), base="release/1.x"
    )
    assert resolution.run.id == wanted


async def test_a_long_history(repo: Repo, gh: Client, fake_github: FakeGitHub) -> None:
    """An artifact of a commit far back is found; artifacts of other commits are passed over."""
    add_history(fake_github, 400)
    wanted = add(fake_github, 120, "coverage")
    add(fake_github, 390, "coverage")
    resolution = await repo.resolve_artifacts("coverage", nearest_ancestor_of=sha(350))
    assert resolution.run.id == wanted
    assert gh.stats.calls == 5
    with pytest.raises(NotFound, match="2 found, all of runs of another commit"):
        await repo.resolve_artifacts("coverage", nearest_ancestor_of=sha(50))


async def test_the_end_of_a_very_long_history(repo: Repo, fake_github: FakeGitHub) -> None:
    """The newest 2,000 commits are searched; an artifact of an older commit is not found."""
    add_history(fake_github, 2010)
    oldest = add(fake_github, 11, "coverage")
    add(fake_github, 10, "dist")
    resolution = await repo.resolve_artifacts("coverage", nearest_ancestor_of=sha(2010))
    assert resolution.run.id == oldest
    with pytest.raises(NotFound, match="of another commit"):
        await repo.resolve_artifacts("dist", nearest_ancestor_of=sha(2010))
