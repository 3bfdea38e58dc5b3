"""`Repo.latest_artifact` and `Repo.resolve_artifacts` against FakeGitHub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghartifacts_async import Client, InvalidArgument, NotFound, Repo
from ghartifacts_async.testing import FakeGitHub, FakeRun
from tests.support import REPOSITORY

START = datetime(2026, 1, 1, tzinfo=UTC)
FORK = "someone/octo-docs"


def add(fake: FakeGitHub, run: FakeRun, name: str = "dist", **options: object) -> int:
    """Add an artifact to a run, and return its id."""
    return fake.add_artifact(REPOSITORY, name, b"x", run_id=run, **options).id  # type: ignore[arg-type]


async def test_the_newest_of_a_successful_run(
    repo: Repo, gh: Client, fake_github: FakeGitHub
) -> None:
    """Failed, unfinished and foreign runs and expired artifacts are passed over."""
    wanted = add(fake_github, fake_github.add_run(REPOSITORY))
    add(fake_github, fake_github.add_run(REPOSITORY, conclusion="failure"))
    add(fake_github, fake_github.add_run(REPOSITORY, status="in_progress"))
    add(fake_github, fake_github.add_run(REPOSITORY, head_repository=FORK))
    add(fake_github, fake_github.add_run(REPOSITORY, branch="dev"))
    add(fake_github, fake_github.add_run(REPOSITORY), expired=True)
    add(fake_github, fake_github.add_run(REPOSITORY), "other")
    found = await repo.latest_artifact("dist", branch="main")
    assert found.id == wanted
    # One page, and the runs of the wanted artifact, the failed run and the unfinished one.
    assert gh.stats.calls == 4
    resolution = await repo.resolve_artifacts("dist", branch="main")
    assert [rejection.reason for rejection in resolution.rejected] == [
        "expired",
        "of a run on 'dev'",
        "of a run from a fork",
        "of an unfinished run",
        "of a failed run",
    ]
    assert resolution.artifacts == {"dist": found}


async def test_workflow_event_and_conclusion(repo: Repo, fake_github: FakeGitHub) -> None:
    """The run decides about workflow, event, conclusion and forks; patterns match names."""
    ids = {
        key: add(fake_github, fake_github.add_run(REPOSITORY, **options), f"dist-{key}")  # type: ignore[arg-type]
        for key, options in {
            "ci": {},
            "lint": {"workflow": "lint.yml"},
            "nightly": {"event": "schedule"},
            "bad": {"conclusion": "failure"},
            "fork": {"head_repository": FORK, "event": "pull_request"},
        }.items()
    }
    for key, options in {
        "ci": {"workflow": "ci.yml", "event": "push"},
        "lint": {"workflow": "lint.yml"},
        "nightly": {"event": "schedule"},
        "bad": {"conclusion": "failure"},
        "fork": {"from_fork": True},
    }.items():
        assert (await repo.latest_artifact(pattern="dist-*", **options)).id == ids[key]  # type: ignore[arg-type]
    assert (await repo.latest_artifact(conclusion=None)).id == ids["bad"]
    assert (await repo.latest_artifact(conclusion=None, from_fork=None)).id == ids["fork"]


async def test_ids_do_not_follow_time(repo: Repo, fake_github: FakeGitHub) -> None:
    """The newest artifact was created last; its id need not be the largest."""
    run = fake_github.add_run(REPOSITORY, attempt=2, created_at=START)
    for number in range(150):
        add(fake_github, run, id=1000 - number, created_at=START + timedelta(minutes=number))
    assert (await repo.latest_artifact("dist")).id == 851


async def test_max_age(repo: Repo, fake_github: FakeGitHub) -> None:
    """Artifacts that are older than `max_age` are not considered."""
    run = fake_github.add_run(REPOSITORY)
    add(fake_github, run, created_at=datetime.now(UTC) - timedelta(days=2))
    assert await repo.latest_artifact("dist", max_age=timedelta(days=3))
    assert await repo.latest_artifact("dist", max_age=timedelta.max)
    with pytest.raises(NotFound):
        await repo.latest_artifact("dist", max_age=timedelta(days=1))


async def test_a_hundred_thousand_artifacts(
    repo: Repo, gh: Client, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """In a repository of 100,000 artifacts, the newest of a branch takes at most five calls."""
    payload = tmp_path / "payload"  # the artifacts share a file, which takes a third of the time
    payload.touch()
    runs = [
        fake_github.add_run(REPOSITORY, branch="main" if number % 2 else "dev")
        for number in range(100)
    ]
    runs += [fake_github.add_run(REPOSITORY, conclusion="failure")]
    for number in range(100_000):
        run = runs[number % 101]
        fake_github.add_artifact(
            REPOSITORY,
            "dist" if number % 3 else "other",
            payload,
            run_id=run,
            created_at=START + timedelta(seconds=number),
            digest=None,
        )
    found = await repo.latest_artifact("dist", branch="main")
    assert found.created_at is not None
    assert found.created_at >= START + timedelta(seconds=99_990)
    assert gh.stats.calls <= 5


async def test_one_call_if_no_run_matters(repo: Repo, gh: Client, fake_github: FakeGitHub) -> None:
    """Without workflow, event and conclusion, no run is requested."""
    add(fake_github, fake_github.add_run(REPOSITORY))
    await repo.latest_artifact("dist", branch="main", conclusion=None)
    assert gh.stats.calls == 1


async def test_not_found_says_what_was_searched(repo: Repo, fake_github: FakeGitHub) -> None:
    """The error says what was searched for and why the nearest candidates were passed over."""
    fake_github.add_repository(REPOSITORY)
    with pytest.raises(NotFound, match="'dist' with conclusion success: 0 found; check the name"):
        await repo.latest_artifact("dist")
    for _ in range(3):
        add(fake_github, fake_github.add_run(REPOSITORY, conclusion="failure"))
    with pytest.raises(NotFound) as caught:
        await repo.latest_artifact("dist", branch="main")
    assert "'dist' on main" in str(caught.value)
    assert "3 found, all of failed runs" in str(caught.value)
    add(fake_github, fake_github.add_run(REPOSITORY, branch="dev"))
    with pytest.raises(NotFound, match="4 found: 1 of a 'push' run, 3 of runs on 'main'"):
        await repo.latest_artifact("dist", event="schedule", branch="dev")


async def test_a_hopeless_search_ends(repo: Repo, gh: Client, fake_github: FakeGitHub) -> None:
    """A search gives up after 200 runs, and says so."""
    for _ in range(220):
        add(fake_github, fake_github.add_run(REPOSITORY, conclusion="failure"))
    with pytest.raises(NotFound, match="only 200 runs were considered"):
        await repo.latest_artifact("dist")
    assert gh.stats.calls < 210


async def test_all_of_one_run(repo: Repo, gh: Client, fake_github: FakeGitHub) -> None:
    """`resolve_artifacts` passes over runs that lack a name or in which one has expired."""
    complete = fake_github.add_run(REPOSITORY)
    for name in ("dist", "report", "wheel-a", "wheel-b"):
        add(fake_github, complete, name)
    add(fake_github, fake_github.add_run(REPOSITORY))
    stale = fake_github.add_run(REPOSITORY)
    for _ in range(2):  # Two attempts uploaded the same name.
        add(fake_github, stale)
    add(fake_github, stale, "report", expired=True)
    resolution = await repo.resolve_artifacts(
        ["dist", "report", "wheel-*", "extra"], require=["dist", "report"]
    )
    assert resolution.run == await repo.get_run(complete.id)
    assert [*resolution.artifacts] == ["dist", "report", "wheel-a", "wheel-b"]
    assert [rejection.reason for rejection in resolution.rejected] == [
        "of a run whose 'report' has expired",
        "of a run without 'report'",
    ]
    # A page of artifacts, and for each of three runs the run and its artifacts; then get_run.
    assert gh.stats.calls == 8
    assert resolution.attempt == 1
    with pytest.raises(NotFound, match="3 found, all of runs without 'extra'"):
        await repo.resolve_artifacts(["dist", "extra"])
    accepted = await repo.resolve_artifacts(["dist", "report"], include_expired=True)
    assert accepted.run.id == stale.id


@pytest.mark.parametrize("name", ["report [linux]", "report [^a-k]", "[linux]*", "report ?linux]"])
async def test_names_with_brackets(repo: Repo, fake_github: FakeGitHub, name: str) -> None:
    """A name with brackets is found as itself, and as a pattern."""
    run = fake_github.add_run(REPOSITORY)
    wanted = "linux" if name.startswith("[") else "report l" if "^" in name else "report [linux]"
    add(fake_github, run, wanted)
    add(fake_github, fake_github.add_run(REPOSITORY), "other")
    resolution = await repo.resolve_artifacts([name])
    assert [*resolution.artifacts] == [wanted]
    assert resolution.run.id == run.id
    assert not resolution.rejected


@pytest.mark.parametrize(("uploads", "attempt"), [((1,), 1), ((2,), 2), ((1, 3), 3), ((2, 1), 2)])
async def test_the_attempt_is_inferred(
    repo: Repo, fake_github: FakeGitHub, uploads: tuple[int, ...], attempt: int
) -> None:
    """The attempt that uploaded the newest artifact is inferred from the times of the attempts."""
    run = fake_github.add_run(REPOSITORY, conclusion="failure")
    for number in (1, 2, 3):
        if number > 1:
            run = fake_github.rerun(run, status="completed")
        if number in uploads:
            add(fake_github, run, id=100 - number)
    resolution = await repo.resolve_artifacts("dist")
    assert resolution.attempt == attempt
    assert resolution.run.run_attempt == 3
    assert resolution.artifacts["dist"].id == 100 - max(uploads)


@pytest.mark.parametrize(
    "options",
    [
        {"names": []},
        {"names": ["dist"], "require": []},
        {"names": ["dist"], "require": ["other"]},
        {"names": [None]},
        {"names": None},
        {"names": ["dist"], "require": 5},
        {"names": "dist", "base": "main"},
        {"names": "dist", "nearest_ancestor_of": ""},
        {"names": "dist", "max_age": 5},
        {"names": "dist", "max_age": timedelta(0)},
        {"names": "dist", "event": ""},
        {"names": "dist", "workflow": "CI"},
        {"names": "dist", "conclusion": "passed"},
        {"names": "dist", "event": "Push"},
    ],
)
async def test_mistakes(repo: Repo, gh: Client, options: dict[str, object]) -> None:
    """Arguments that cannot be meant are refused before a call."""
    with pytest.raises(InvalidArgument):
        await repo.resolve_artifacts(**options)  # type: ignore[arg-type]
    assert gh.stats.calls == 0


async def test_a_run_with_very_many_attempts(
    repo: Repo, gh: Client, fake_github: FakeGitHub
) -> None:
    """At most 100 earlier attempts of a run are requested; then the attempt is unknown."""
    run = fake_github.add_run(REPOSITORY, attempt=150, created_at=START)
    add(fake_github, run, created_at=START - timedelta(days=1))
    resolution = await repo.resolve_artifacts("dist")
    assert resolution.attempt is None
    # A page of artifacts, the run and the attempts.
    assert gh.stats.calls == 102


async def test_errors_quote_little_of_a_run(repo: Repo, fake_github: FakeGitHub) -> None:
    """An error shortens what the server says about a run, and hides a token that it repeats."""
    token = fake_github.token
    add(fake_github, fake_github.add_run(REPOSITORY, branch=token + "x" * 100_000))
    with pytest.raises(NotFound, match="of a run on") as caught:
        await repo.latest_artifact("dist", branch="main")
    assert token not in repr(caught.value)
    assert len(str(caught.value)) < 1200
