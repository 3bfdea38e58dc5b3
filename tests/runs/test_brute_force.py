"""`latest_artifact` and `resolve_artifacts` find what a search of the server's data finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Client, NotFound
from ghartifacts_async.testing import FakeArtifact, FakeGitHub, FakeRun
from tests.support import REPOSITORY
from tests.values import examples

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ["dist", "report", "wheel"]


@frozen
class Upload:
    """An artifact of a run to add, at a time in minutes, so that ids may be out of order."""

    name: str
    minute: int
    expired: bool


RUNS = st.fixed_dictionaries(
    {
        "branch": st.sampled_from(["main", "main", "dev"]),
        "event": st.sampled_from(["push", "push", "pull_request"]),
        "workflow": st.sampled_from(["ci.yml", "ci.yml", "lint.yml"]),
        "conclusion": st.sampled_from(["success", "success", "failure", "cancelled"]),
        "status": st.sampled_from(["completed", "completed", "in_progress"]),
        "head_repository": st.sampled_from([None, None, "someone/octo-docs"]),
        "attempt": st.integers(1, 3),
    }
)
UPLOADS = st.lists(
    st.builds(
        Upload,
        name=st.sampled_from(NAMES),
        minute=st.integers(0, 60) | st.integers(0, 3),
        expired=st.sampled_from([False, False, False, True]),
    ),
    max_size=6,
)
WORLDS = st.lists(st.tuples(RUNS, UPLOADS), min_size=1, max_size=8)
FILTERS = st.fixed_dictionaries(
    {
        "branch": st.sampled_from([None, "main", "dev"]),
        "event": st.sampled_from([None, "push"]),
        "workflow": st.sampled_from([None, "ci.yml"]),
        "conclusion": st.sampled_from(["success", "failure", None]),
        "from_fork": st.sampled_from([False, False, True, None]),
        "include_expired": st.booleans(),
    }
)
DISTORTIONS = st.sampled_from(
    [{}, {"shuffle": True}, {"drop": 0.7}, {"freeze": True}, {"drop": 1.0}]
)


def is_wanted_run(run: FakeRun, filters: dict[str, Any]) -> bool:
    """Return True if a run matches the filters, in the simplest words."""
    fork = run.head_repository_id != run.repository_id
    if filters["from_fork"] is not None and fork is not filters["from_fork"]:
        return False
    if filters["branch"] is not None and filters["from_fork"] is None and fork:
        return False
    return (
        filters["branch"] in (None, run.head_branch)
        and filters["event"] in (None, run.event)
        and (filters["workflow"] is None or run.workflow.endswith(f"/{filters['workflow']}"))
        and filters["conclusion"] in (None, run.conclusion)
    )


def age(artifact: FakeArtifact) -> tuple[datetime, int]:
    """Return the order of creation."""
    return artifact.created_at, artifact.id


def build(fake: FakeGitHub, world: list[tuple[dict[str, Any], list[Upload]]]) -> None:
    """Add the runs and artifacts of a world."""
    fake.add_repository(REPOSITORY)
    for options, uploads in world:
        run = fake.add_run(REPOSITORY, created_at=START, **options)
        for upload in uploads:
            fake.add_artifact(
                REPOSITORY,
                upload.name,
                b"",
                run_id=run,
                expired=upload.expired,
                created_at=START + timedelta(minutes=upload.minute),
            )


def wanted(fake: FakeGitHub, filters: dict[str, Any]) -> list[FakeArtifact]:
    """Return the artifacts of matching runs that may be returned, newest first."""
    found = [
        artifact
        for artifact in fake.artifacts(REPOSITORY)
        if is_wanted_run(fake.run(artifact.run_id), filters)
        and (filters["include_expired"] or not artifact.expired)
    ]
    return sorted(found, key=age, reverse=True)


def best_run(fake: FakeGitHub, names: list[str], filters: dict[str, Any]) -> dict[str, int] | None:
    """Return the ids of the artifacts of the first run that has all of them."""
    everything = sorted(fake.artifacts(REPOSITORY), key=age, reverse=True)
    for first in everything:
        if first.name != names[0] or not is_wanted_run(fake.run(first.run_id), filters):
            continue
        newest: dict[str, FakeArtifact] = {}
        for artifact in everything:
            if artifact.run_id == first.run_id:
                newest.setdefault(artifact.name, artifact)
        chosen = [newest[name] for name in names if name in newest]
        if len(chosen) == len(names) and (
            filters["include_expired"] or not any(artifact.expired for artifact in chosen)
        ):
            return {artifact.name: artifact.id for artifact in chosen}
    return None


def check(
    world: list[tuple[dict[str, Any], list[Upload]]],
    distortion: dict[str, Any],
    test: Callable[[FakeGitHub, Client], Any],
) -> None:
    """Build a world whose listings of runs are distorted, and run a test in it."""

    async def run() -> None:
        async with FakeGitHub() as fake:
            fake.distort_run_lists(**distortion)
            build(fake, world)
            async with Client(fake.token, base_url=fake.url) as gh:
                await test(fake, gh)
                assert not [each for each in fake.requests if each.path.endswith("/runs")]

    asyncio.run(run())


@given(
    world=WORLDS,
    filters=FILTERS,
    distortion=DISTORTIONS,
    names=st.sampled_from(
        [*((name, None) for name in (None, *NAMES)), (None, "*t"), (None, "[!d]*")]
    ),
    after=st.sampled_from([None, None, 1.5, 30.5]),
)
@examples(80)
def test_the_latest_artifact(
    world: list[tuple[dict[str, Any], list[Upload]]],
    filters: dict[str, Any],
    distortion: dict[str, Any],
    names: tuple[str | None, str | None],
    after: float | None,
) -> None:
    """The latest artifact is the newest of those that a search of all data finds, or NotFound."""
    name, pattern = names

    async def test(fake: FakeGitHub, gh: Client) -> None:
        earliest = None if after is None else START + timedelta(minutes=after)
        expected = [
            one.id
            for one in wanted(fake, filters)
            if name in (None, one.name)
            and (pattern is None or fnmatchcase(one.name, pattern))
            and (earliest is None or one.created_at >= earliest)
        ]
        max_age = None if earliest is None else datetime.now(UTC) - earliest
        options = {**filters, "pattern": pattern, "max_age": max_age}
        try:
            found = (await gh.repo(REPOSITORY).latest_artifact(name, **options)).id
        except NotFound:
            assert expected == []
        else:
            assert found == expected[0]

    check(world, distortion, test)


@given(
    world=WORLDS,
    filters=FILTERS,
    distortion=DISTORTIONS,
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
)
@examples(80)
def test_several_of_one_run(
    world: list[tuple[dict[str, Any], list[Upload]]],
    filters: dict[str, Any],
    distortion: dict[str, Any],
    names: list[str],
) -> None:
    """The artifacts come from the first complete run that a search of all data finds."""

    async def test(fake: FakeGitHub, gh: Client) -> None:
        expected = best_run(fake, names, filters)
        try:
            resolution = await gh.repo(REPOSITORY).resolve_artifacts(names, **filters)
        except NotFound:
            assert expected is None
        else:
            assert {name: one.id for name, one in resolution.artifacts.items()} == expected

    check(world, distortion, test)


HISTORIES = st.lists(st.sets(st.integers(1, 3), max_size=2), min_size=1, max_size=8)
"""The parents of each commit but the first, as the number of commits by which they are older."""


def add_commits(fake: FakeGitHub, history: list[set[int]]) -> list[set[int]]:
    """Add commits, one every two days, and return the numbers of the ancestors of each."""
    ancestors: list[set[int]] = []
    for number, distances in enumerate([set(), *history]):
        parents = sorted({max(0, number - distance) for distance in distances})
        fake.add_commit(
            REPOSITORY,
            f"{number:040x}",
            parents=[f"{parent:040x}" for parent in parents],
            committed_at=START + timedelta(days=2 * number),
        )
        ancestors.append({number}.union(*(ancestors[parent] for parent in parents)))
    return ancestors


@given(
    history=HISTORIES,
    runs=st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 20), st.sampled_from(["success", "failure"])),
        max_size=10,
    ),
    data=st.data(),
)
@examples(60)
def test_the_nearest_ancestor(
    history: list[set[int]], runs: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    """The artifact is that of the newest ancestor with a successful run, or NotFound is raised."""
    start = data.draw(st.integers(0, len(history)))

    async def test(fake: FakeGitHub, gh: Client) -> None:
        ancestors = add_commits(fake, history)[start]
        candidates = []
        for commit, days, conclusion in runs:
            if commit <= len(history):
                sha = f"{commit:040x}"
                run = fake.add_run(REPOSITORY, head_sha=sha, conclusion=conclusion)
                created = START + timedelta(days=2 * commit + days)
                artifact = fake.add_artifact(
                    REPOSITORY, "dist", b"", run_id=run, created_at=created
                )
                if commit in ancestors and conclusion == "success":
                    candidates.append((commit, created, artifact.id))
        try:
            resolution = await gh.repo(REPOSITORY).resolve_artifacts(
                ["dist"], nearest_ancestor_of=f"{start:040x}"
            )
        except NotFound:
            assert candidates == []
        else:
            assert resolution.artifacts["dist"].id == max(candidates)[2]

    check([], {}, test)
