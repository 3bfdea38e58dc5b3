"""Workflow runs: their listings, attempts, jobs and workflows, and changes at a later time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghartifacts_async.testing import FakeGitHub, FakeRun
from tests.testing.support import LIST, REPOSITORY, Clock, Response, Send

RUNS = f"/repos/{REPOSITORY}/actions/runs"
WORKFLOWS = f"/repos/{REPOSITORY}/actions/workflows"


def ids(response: Response) -> list[int]:
    """Return the ids of the runs on a page."""
    return [run["id"] for run in response.json["workflow_runs"]]


async def test_runs_are_listed_newest_first(send: Send, fake: FakeGitHub) -> None:
    """A listing has the runs in the order of their creation, not of their ids."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for run_id, year in [(50, 2024), (30, 2025), (90, 2023)]:
        fake.add_run(REPOSITORY, run_id, created_at=moment.replace(year=year))
    response = await send(RUNS)
    assert (ids(response), response.json["total_count"]) == ([30, 50, 90], 3)
    assert [run.id for run in fake.runs(REPOSITORY)] == [30, 50, 90]


async def test_the_fields_of_a_run(send: Send, fake: FakeGitHub) -> None:
    """A run has its workflow, event, commit, attempt and times."""
    run = fake.add_run(
        REPOSITORY, 7, workflow="nightly.yml", branch="dev", event="schedule", actor="mona"
    )
    document = (await send(f"{RUNS}/7")).json
    assert document["path"] == ".github/workflows/nightly.yml"
    assert (document["name"], document["event"]) == ("nightly", "schedule")
    assert (document["head_branch"], document["head_sha"]) == ("dev", run.head_sha)
    assert (document["run_number"], document["run_attempt"]) == (1, 1)
    assert (document["status"], document["conclusion"]) == ("completed", "success")
    assert document["actor"]["login"] == "mona"
    assert document["url"] == f"{fake.url}{RUNS}/7"
    assert document["repository"]["full_name"] == REPOSITORY
    assert document["head_repository"]["fork"] is False
    assert document["created_at"] == document["run_started_at"] == "2027-01-15T08:00:00Z"


async def test_a_run_without_a_conclusion(send: Send, fake: FakeGitHub) -> None:
    """A run has no conclusion until it is completed."""
    run = fake.add_run(REPOSITORY, status="queued")
    assert (await send(f"{RUNS}/{run.id}")).json["conclusion"] is None
    fake.complete_run(run, "failure")
    document = (await send(f"{RUNS}/{run.id}")).json
    assert (document["status"], document["conclusion"]) == ("completed", "failure")
    assert document["updated_at"] > document["created_at"]


@pytest.mark.parametrize(
    ("query", "matching"),
    [
        ("branch=main", [4, 1]),
        ("event=push", [3, 1]),
        ("status=success", [3, 1]),
        ("status=failure", [4]),
        ("status=completed", [4, 3, 1]),
        ("status=in_progress", [2]),
        ("actor=MONA", [2]),
        ("head_sha=abc", [2]),
        ("branch=main&event=push", [1]),
        ("check_suite_id=10000000003", [3]),
        ("created=2024-01-02", [2]),
        ("created=%3E%3D2024-01-03", [4, 3]),
        ("created=%3E2024-01-03", [4]),
        ("created=%3C2024-01-02", [1]),
        ("created=%3C%3D2024-01-02", [2, 1]),
        ("created=%3E2024-01-03T12:00:00Z", [4]),
        ("created=%3C2024-01-02T12:00:00Z", [1]),
        ("created=2024-01-02..2024-01-03", [3, 2]),
        ("created=*..2024-01-01T12:00:00Z", [1]),
        ("created=2024-01-03T12:00:00%2B00:00..*", [4, 3]),
        ("created=2024-01-03T12:00:01Z..*", [4]),
        ("branch=none", []),
        ("branch=", [4, 3, 2, 1]),
    ],
)
async def test_filters(send: Send, fake: FakeGitHub, query: str, matching: list[int]) -> None:
    """Each filter of GitHub's run listings selects runs, alone and together with others."""
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    runs: list[dict[str, Any]] = [
        {},
        {"branch": "dev", "status": "in_progress", "actor": "mona", "head_sha": "abc"},
        {"branch": "dev"},
        {"conclusion": "failure", "event": "schedule"},
    ]
    runs[1]["event"] = "pull_request"
    for number, options in enumerate(runs):
        created = noon + timedelta(days=number)
        fake.add_run(REPOSITORY, number + 1, created_at=created, **options)
    response = await send(f"{RUNS}?{query}")
    assert (ids(response), response.json["total_count"]) == (matching, len(matching))


@pytest.mark.parametrize(
    "created", ["yesterday", "", "9999-12-31", "%3E9999-12-31", "%3C0001-01-01"]
)
async def test_dates_that_are_invalid(send: Send, fake: FakeGitHub, created: str) -> None:
    """A `created` that is not a date gets 422, and an empty one is ignored."""
    fake.add_run(REPOSITORY)
    response = await send(f"{RUNS}?created={created}")
    assert response.status == (422 if created else 200)


async def test_a_filtered_listing_ends_after_1000_runs(send: Send, fake: FakeGitHub) -> None:
    """A filtered listing ends after 1,000 runs; an unfiltered one has all."""
    for _ in range(1001):
        fake.add_run(REPOSITORY)
    page = await send(f"{RUNS}?branch=main&per_page=100&page=10")
    assert len(ids(page)) == 100
    assert 'rel="next"' not in page.headers["Link"]
    beyond = await send(f"{RUNS}?branch=main&per_page=100&page=11")
    assert (ids(beyond), beyond.json["total_count"]) == ([], 1001)
    assert len(ids(await send(f"{RUNS}?per_page=100&page=11"))) == 1


async def test_links_of_a_filtered_listing(send: Send, fake: FakeGitHub) -> None:
    """Links of a filtered listing keep its filters."""
    for _ in range(2):
        fake.add_run(REPOSITORY)
    response = await send(f"{RUNS}?per_page=1&event=push")
    path = f"{fake.url}/repositories/{fake.add_repository(REPOSITORY)}/actions/runs"
    assert f'<{path}?per_page=1&event=push&page=2>; rel="next"' in response.headers["Link"]


async def test_the_runs_of_a_workflow(send: Send, fake: FakeGitHub) -> None:
    """The runs of a workflow are found by its file name and by its id."""
    run = fake.add_run(REPOSITORY, 1, workflow="release.yml")
    fake.add_run(REPOSITORY, 2)
    fake.add_run(REPOSITORY, 3, workflow="release.yml")
    for key in ("release.yml", run.workflow_id):
        response = await send(f"{WORKFLOWS}/{key}/runs?event=push")
        assert ids(response) == [3, 1]
        assert [one["run_number"] for one in response.json["workflow_runs"]] == [2, 1]
        assert (await send(f"{WORKFLOWS}/{key}")).json["path"].endswith("/release.yml")
    listed = (await send(WORKFLOWS)).json
    assert [one["name"] for one in listed["workflows"]] == ["release", "ci"]
    for missing in ("none.yml/runs", "none.yml", "1/runs"):
        assert (await send(f"{WORKFLOWS}/{missing}")).status == 404


async def test_a_rerun_raises_the_attempt(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """A re-run keeps the id, the creation time and the artifacts, and raises the attempt."""
    run = fake.add_run(REPOSITORY, 7, conclusion="failure")
    first = fake.add_artifact(REPOSITORY, "dist", b"1", run_id=run)
    clock.time += 60
    fake.rerun(run)
    second = fake.add_artifact(REPOSITORY, "dist", b"2", run_id=run)
    document = (await send(f"{RUNS}/7")).json
    assert (document["run_attempt"], document["status"]) == (2, "in_progress")
    assert (document["conclusion"], document["created_at"]) == (None, "2027-01-15T08:00:00Z")
    assert document["run_started_at"] == "2027-01-15T08:01:00Z"
    assert document["previous_attempt_url"] == f"{fake.url}{RUNS}/7/attempts/1"
    before = (await send(f"{RUNS}/7/attempts/1")).json
    assert (before["run_attempt"], before["conclusion"]) == (1, "failure")
    assert before["previous_attempt_url"] is None
    assert (await send(f"{RUNS}/7/attempts/3")).status == 404
    artifacts = (await send(f"{RUNS}/7/artifacts")).json["artifacts"]
    assert [artifact["id"] for artifact in artifacts] == [second.id, first.id]


async def test_a_run_in_a_later_attempt(send: Send, fake: FakeGitHub) -> None:
    """A run that is added in its third attempt has two failed attempts before it."""
    assert fake.add_run(REPOSITORY, 7, attempt=3).attempt == 3
    conclusions = [
        (await send(f"{RUNS}/7/attempts/{number}")).json["conclusion"] for number in (1, 2, 3)
    ]
    assert conclusions == ["failure", "failure", "success"]
    assert ids(await send(RUNS)) == [7]


async def test_the_jobs_of_a_run(send: Send, fake: FakeGitHub) -> None:
    """A run lists the jobs of its latest attempt; `filter=all` and an attempt list others."""
    fake.add_run(REPOSITORY, 7, attempt=2, status="queued")
    latest = (await send(f"{RUNS}/7/jobs")).json
    assert [(job["run_attempt"], job["status"]) for job in latest["jobs"]] == [(2, "queued")]
    every = (await send(f"{RUNS}/7/jobs?filter=all")).json["jobs"]
    assert [job["conclusion"] for job in every] == ["failure", None]
    first = (await send(f"{RUNS}/7/attempts/1/jobs")).json["jobs"]
    assert [job["run_id"] for job in first] == [7]


@pytest.mark.parametrize(
    ("status", "of_the_job"),
    [
        ("in_progress", "in_progress"),
        ("waiting", "waiting"),
        ("requested", "queued"),
        ("pending", "queued"),
        ("completed", "completed"),
    ],
)
async def test_the_status_of_a_job(
    send: Send, fake: FakeGitHub, status: str, of_the_job: str
) -> None:
    """The status of a job is that of its run, or `queued` if jobs have no such status."""
    fake.add_run(REPOSITORY, 7, status=status)
    (job,) = (await send(f"{RUNS}/7/jobs")).json["jobs"]
    assert job["status"] == of_the_job
    assert (job["completed_at"] is None) == (status != "completed")


async def test_a_run_of_a_fork(send: Send, fake: FakeGitHub) -> None:
    """A fork's run has a branch of the fork, and names the fork as its head repository."""
    run = fake.add_run(REPOSITORY, head_repository="mallory/octo-docs", event="pull_request")
    artifact = fake.add_artifact(REPOSITORY, "dist", b"", run_id=run)
    document = (await send(f"{RUNS}/{run.id}")).json
    assert document["head_branch"] == "main"
    assert document["head_repository"]["full_name"] == "mallory/octo-docs"
    assert document["head_repository"]["fork"] is True
    assert document["actor"]["login"] == "mallory"
    listed = (await send(f"{LIST}/{artifact.id}")).json["workflow_run"]
    assert listed["head_repository_id"] == fake.add_repository("mallory/octo-docs")
    assert listed["repository_id"] == fake.add_repository(REPOSITORY)
    short = fake.add_artifact(REPOSITORY, "dist", b"", head_repository="mallory/octo-docs")
    assert short.head_repository_id != short.repository_id


async def test_pull_requests(send: Send, fake: FakeGitHub) -> None:
    """A run has its pull request unless the listing excludes them or the run is a fork's."""
    options: dict[str, Any] = {"event": "pull_request", "pull_request": 12}
    fake.add_run(REPOSITORY, 1, **options)
    fake.add_run(REPOSITORY, 2, head_repository="mallory/octo-docs", **options)
    shown = (await send(RUNS)).json["workflow_runs"]
    assert [[pull["number"] for pull in run["pull_requests"]] for run in shown] == [[], [12]]
    excluded = (await send(f"{RUNS}?exclude_pull_requests=true")).json["workflow_runs"]
    assert [run["pull_requests"] for run in excluded] == [[], []]


async def test_deleting_a_run(send: Send, fake: FakeGitHub) -> None:
    """Deleting a run also deletes its artifacts."""
    run = fake.add_run(REPOSITORY)
    fake.add_artifact(REPOSITORY, "dist", b"", run_id=run)
    assert (await send(f"{RUNS}/{run.id}", "DELETE")).status == 204
    assert not fake.artifacts(REPOSITORY)
    assert not fake.runs(REPOSITORY)
    for target in (f"{RUNS}/{run.id}", f"{RUNS}/{run.id}/artifacts"):
        assert (await send(target)).status == 404
    with pytest.raises(KeyError):
        fake.delete_run(run)


async def test_artifacts_belong_to_runs(fake: FakeGitHub) -> None:
    """An artifact has the branch and commit of its run, and creates the run if there is none."""
    run = fake.add_run(REPOSITORY, branch="dev", head_sha="abc")
    artifact = fake.add_artifact(REPOSITORY, "dist", b"", run_id=run)
    assert (artifact.run_id, artifact.head_branch, artifact.head_sha) == (run.id, "dev", "abc")
    new = fake.add_artifact(REPOSITORY, "dist", b"", run_id=99, head_branch="next")
    assert fake.run(99).head_branch == new.head_branch == "next"
    with pytest.raises(ValueError, match=f"run 99 belongs to {REPOSITORY}"):
        fake.add_artifact("octo-org/other", "dist", b"", run_id=99)


async def test_a_renamed_repository(send: Send, fake: FakeGitHub) -> None:
    """The runs of a renamed repository have its new name in every attempt."""
    run = fake.add_run(REPOSITORY, attempt=2)
    fake.rename_repository(REPOSITORY, "octo-org/new")
    assert fake.run(run).repository == "octo-org/new"
    redirected = await send(f"{RUNS}/{run.id}")
    assert redirected.status == 301
    followed = await send(redirected.headers["Location"].removeprefix(fake.url))
    assert followed.json["repository"]["full_name"] == "octo-org/new"


def test_wrong_arguments(fake: FakeGitHub) -> None:
    """Wrong arguments raise an error at once."""
    run = fake.add_run(REPOSITORY, 7)
    assert isinstance(run, FakeRun)
    with pytest.raises(ValueError, match="run 7 already exists"):
        fake.add_run(REPOSITORY, 7)
    with pytest.raises(ValueError, match="from 1 to 1000"):
        fake.add_run(REPOSITORY, attempt=0)
    with pytest.raises(ValueError, match="time zone"):
        fake.add_run(REPOSITORY, created_at=datetime(2020, 1, 1))  # noqa: DTZ001
    for wrong in (fake.run, fake.rerun, fake.complete_run):
        with pytest.raises(KeyError):
            wrong(8)
    with pytest.raises(KeyError):
        fake.runs("octo-org/none")


async def test_cancelling_and_repeating_a_run(send: Send, fake: FakeGitHub) -> None:
    """A run in progress can be cancelled, and a completed one gets another attempt."""
    run = fake.add_run(REPOSITORY, status="in_progress")
    target = f"/repos/{REPOSITORY}/actions/runs/{run.id}"
    assert (await send(f"{target}/rerun", "POST")).status == 403
    cancelled = await send(f"{target}/cancel", "POST")
    assert (cancelled.status, cancelled.json) == (202, {})
    assert fake.run(run).conclusion == "cancelled"
    assert (await send(f"{target}/cancel", "POST")).status == 409
    for number, action in ((2, "rerun"), (3, "rerun-failed-jobs")):
        assert (await send(f"{target}/{action}", "POST")).status == 201
        latest = fake.run(run)
        assert (latest.attempt, latest.status, latest.conclusion) == (number, "queued", None)
        fake.complete_run(run)
    reader = fake.add_token(permissions={"actions": "read"})
    refused = await send(f"{target}/rerun", "POST", Authorization=f"Bearer {reader}")
    assert refused.status == 403
    assert (await send(f"/repos/{REPOSITORY}/actions/runs/99/cancel", "POST")).status == 404


async def test_annotations(send: Send, fake: FakeGitHub) -> None:
    """A job has no annotations, which `gh run view` reads."""
    run = fake.add_run(REPOSITORY)
    job = (await send(f"/repos/{REPOSITORY}/actions/runs/{run.id}/jobs")).json["jobs"][0]
    annotations = job["check_run_url"].removeprefix(fake.url) + "/annotations"
    assert (await send(annotations)).json == []
    assert (await send(annotations.replace(str(job["id"]), "5"))).status == 404
