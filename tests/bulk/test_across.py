"""Mirroring several repositories, and sending `Repo` objects to other processes."""

from __future__ import annotations

import asyncio
import json
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import (
    AuthenticationError,
    Client,
    ClientStateError,
    InvalidArgument,
    NotFound,
    Repo,
    TargetBusy,
    from_json,
    to_json,
)
from ghartifacts_async.testing import FakeGitHub
from tests.bulk.support import LARGE, counts
from tests.support import files_below, wait_until

NAMES = ["octo/a", "octo/.github", "other/a"]


def fill(fake: FakeGitHub, count: int = 4) -> None:
    """Add artifacts to each repository."""
    for name in NAMES:
        for number in range(count):
            fake.add_artifact(name, "dist", f"{name} {number}".encode())


async def test_each_repository_has_its_directory(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Each repository is mirrored to `owner/name`, and a second run downloads nothing."""
    fill(fake_github)
    report = await gh.mirror(NAMES, tmp_path)
    assert counts(report) == (12, 0, 0, 0, 0)
    for name in NAMES:
        assert len(files_below(tmp_path / name)) == 5
    assert len(files_below(tmp_path)) == 15
    repos = [gh.repo(name) for name in (*NAMES, "OCTO/a")]
    assert counts(await gh.mirror(repos, tmp_path)) == (0, 0, 12, 0, 0)
    assert counts(await gh.repo(NAMES[0]).mirror(tmp_path / NAMES[0])) == (0, 0, 4, 0, 0)


async def test_a_failing_repository_does_not_stop_the_others(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """If a repository cannot be listed or its mirror is locked, the others are still mirrored."""
    fill(fake_github)
    with fake_github.holding(path="/octo/a/.*/zip$"):
        busy = asyncio.ensure_future(gh.repo(NAMES[0]).mirror(tmp_path / NAMES[0]))
        await wait_until(
            lambda: any(request.path.endswith("/zip") for request in fake_github.requests)
        )
        report = await gh.mirror([*NAMES, "octo/nope"], tmp_path)
    assert counts(report) == (8, 0, 0, 0, 0)
    assert {name: type(error) for name, error in report.unlisted.items()} == {
        NAMES[0]: TargetBusy,
        "octo/nope": NotFound,
    }
    with pytest.raises(ExceptionGroup, match="2 repositories"):
        report.raise_for_errors()
    await busy
    assert not [name for name in files_below(tmp_path) if ".ghartifacts-" in name]
    assert not (tmp_path / "octo/nope").exists()


async def test_a_complete_mirror_is_unlocked(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A repository that is complete is unlocked, although the others are not."""
    fill(fake_github)
    complete, held = NAMES[0], NAMES[2]
    report = None
    with fake_github.holding(path=f"/{held}/.*/zip$"):
        both = asyncio.ensure_future(gh.mirror([complete, held], tmp_path))
        await wait_until(lambda: len(files_below(tmp_path / complete)) == 5)
        async with asyncio.timeout(60):
            while report is None:
                await asyncio.sleep(0.01)
                with suppress(TargetBusy):
                    report = await gh.repo(complete).mirror(tmp_path / complete)
        assert not both.done()
    assert counts(report) == (0, 0, 4, 0, 0)
    assert counts(await both) == (8, 0, 0, 0, 0)


async def test_repositories_are_interleaved(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A small repository does not wait until a large one is complete."""
    for number in range(60):
        fake_github.add_artifact("octo/large", "dist", LARGE + b"%d" % number)
    for number in range(5):
        fake_github.add_artifact("octo/small", "dist", b"%d" % number)
    await gh.mirror(["octo/large", "octo/small"], tmp_path, concurrency=2)
    order = [request.path for request in fake_github.requests if request.path.endswith("/zip")]
    last = max(index for index, path in enumerate(order) if "small" in path)
    assert last < 20


async def test_more_repositories_than_are_open_at_once(
    gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """More than eight repositories are all mirrored, and no lock file remains."""
    names = [f"octo/r{number}" for number in range(30)]
    for name in names:
        fake_github.add_artifact(name, "dist", name.encode())
    assert counts(await gh.mirror(iter(names), tmp_path)) == (30, 0, 0, 0, 0)
    assert len(files_below(tmp_path)) == 60
    assert counts(await gh.mirror([], tmp_path)) == (0, 0, 0, 0, 0)


async def test_a_rejected_token_ends_the_operation(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """A rejected token ends the whole mirror with AuthenticationError and leaves no lock file."""
    fill(fake_github)
    async with Client("wrong", base_url=fake_github.url) as gh:
        with pytest.raises(AuthenticationError):
            await gh.mirror(NAMES, tmp_path)
    assert not [name for name in files_below(tmp_path) if ".ghartifacts-" in name]


@pytest.mark.parametrize("repositories", ["octo/a", ["octo"], [7]], ids=str)
async def test_invalid_repositories(gh: Client, tmp_path: Path, repositories: Any) -> None:
    """A single string, and a list with an invalid name, are rejected, and no file is created."""
    with pytest.raises(InvalidArgument):
        await gh.mirror(repositories, tmp_path)
    assert files_below(tmp_path) == []


async def test_repositories_can_be_serialized(gh: Client, fake_github: FakeGitHub) -> None:
    """A `Repo` is serialized without its client, and `Client.repo` gives it a client again."""
    fill(fake_github)
    repo = gh.repo(NAMES[1])
    for restored in (pickle.loads(pickle.dumps(repo)), from_json(to_json(repo), Repo)):
        assert restored == repo
        assert hash(restored) == hash(repo)
        with pytest.raises(ClientStateError, match="not bound to a client"):
            await restored.get_artifact(1)
        assert await gh.repo(restored).list_artifacts().total_count() == 4
    assert json.loads(to_json(repo)) == {"name": NAMES[1], "base_url": fake_github.url}
    assert fake_github.token.encode() not in pickle.dumps(repo)


async def test_a_repository_of_another_server_is_rejected(
    gh: Client, fake_github: FakeGitHub
) -> None:
    """A repository of another server, or with an invalid name, is rejected."""
    async with Client(fake_github.token, base_url=fake_github.ghes_url) as ghes:
        with pytest.raises(InvalidArgument, match="belongs to"):
            ghes.repo(gh.repo(NAMES[0]))
        assert ghes.repo(NAMES[0]) != gh.repo(NAMES[0])
    hostile = from_json(json.dumps({"name": "../x", "base_url": fake_github.url}), Repo)
    with pytest.raises(InvalidArgument):
        gh.repo(hostile)
