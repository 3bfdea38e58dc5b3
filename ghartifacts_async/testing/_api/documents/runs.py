"""The JSON of workflow runs, their jobs and their workflows."""

from __future__ import annotations

from datetime import UTC, timedelta

from ghartifacts_async.testing._api.documents.accounts import account_document, web_url
from ghartifacts_async.testing._api.documents.commits import person_document, tree_sha
from ghartifacts_async.testing._api.documents.pull_requests import base_sha, pull_request_id
from ghartifacts_async.testing._api.documents.repositories import repository_document
from ghartifacts_async.testing._shared.artifact import node_id, timestamp
from ghartifacts_async.testing._shared.repository import DEFAULT_BRANCH, FakeCommit, Repository
from ghartifacts_async.testing._shared.run import COMPLETED, FakeRun, Workflow

_JOBS_PER_RUN = 1000


def workflow_document(
    workflow: Workflow, repository: Repository, api_url: str
) -> dict[str, object]:
    """Return a workflow."""
    html_url = f"{web_url(api_url)}/{repository.full_name}"
    created = workflow.created_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "id": workflow.id,
        "node_id": node_id("Workflow", workflow.id),
        "name": workflow.name,
        "path": workflow.path,
        "state": "active",
        "created_at": created,
        "updated_at": created,
        "url": f"{api_url}/repos/{repository.full_name}/actions/workflows/{workflow.id}",
        "html_url": f"{html_url}/blob/main/{workflow.path}",
        "badge_url": f"{html_url}/workflows/{workflow.name}/badge.svg",
    }


def run_document(
    run: FakeRun,
    repository: Repository,
    head: Repository | None,
    api_url: str,
    *,
    without_pull_requests: bool = False,
) -> dict[str, object]:
    """Return a workflow run.

    Args:
        run: The run, in one of its attempts.
        repository: The repository of the run.
        head: The repository of its commit; None if it has been deleted.
        api_url: The API's base URL.
        without_pull_requests: Whether to leave out the pull requests.
    """
    base = f"{api_url}/repos/{repository.full_name}"
    url = f"{base}/actions/runs/{run.id}"
    commit = repository.commits.get(run.head_sha) or _assumed_commit(run)
    suite, actor = run.check_suite_id, account_document(run.actor, api_url)
    previous = None if run.attempt == 1 else f"{url}/attempts/{run.attempt - 1}"
    return {
        "id": run.id,
        "name": run.workflow_name,
        "node_id": node_id("WorkflowRun", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.workflow,
        "display_title": commit.message.partition("\n")[0],
        "run_number": run.run_number,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.workflow_id,
        "check_suite_id": suite,
        "check_suite_node_id": node_id("CheckSuite", suite),
        "url": url,
        "html_url": f"{web_url(api_url)}/{repository.full_name}/actions/runs/{run.id}",
        "pull_requests": [] if without_pull_requests else _pull_requests(run, repository, base),
        "created_at": timestamp(run.created_at),
        "updated_at": timestamp(run.updated_at),
        "actor": actor,
        "run_attempt": run.attempt,
        "referenced_workflows": [],
        "run_started_at": timestamp(run.started_at),
        "triggering_actor": actor,
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{base}/check-suites/{suite}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": previous,
        "workflow_url": f"{base}/actions/workflows/{run.workflow_id}",
        "head_commit": {
            "id": commit.sha,
            "tree_id": tree_sha(commit.sha),
            "message": commit.message,
            "timestamp": timestamp(commit.committed_at),
            "author": person_document(commit.author),
            "committer": person_document(commit.author),
        },
        "repository": repository_document(repository, api_url),
        "head_repository": head and repository_document(head, api_url),
    }


def attempt_of_job(number: int) -> tuple[int, int]:
    """Return the id of the run of a job, and the number of the attempt."""
    return divmod(number, _JOBS_PER_RUN)


def job_document(run: FakeRun, api_url: str) -> dict[str, object]:
    """Return the only job of an attempt of a run."""
    number = run.id * _JOBS_PER_RUN + run.attempt
    base = f"{api_url}/repos/{run.repository}"
    done = run.status == COMPLETED
    # GitHub has fewer statuses for jobs than for runs.
    status = run.status if run.status in {COMPLETED, "in_progress", "waiting"} else "queued"
    completed = timestamp(run.updated_at) if done else None
    step = {
        "name": "Run the build",
        "status": status,
        "conclusion": run.conclusion,
        "number": 1,
        "started_at": timestamp(run.started_at),
        "completed_at": completed,
    }
    return {
        "id": number,
        "run_id": run.id,
        "workflow_name": run.workflow_name,
        "head_branch": run.head_branch,
        "run_url": f"{base}/actions/runs/{run.id}",
        "run_attempt": run.attempt,
        "node_id": node_id("Job", number),
        "head_sha": run.head_sha,
        "url": f"{base}/actions/jobs/{number}",
        "html_url": f"{web_url(api_url)}/{run.repository}/actions/runs/{run.id}/job/{number}",
        "status": status,
        "conclusion": run.conclusion,
        "created_at": timestamp(run.started_at),
        "started_at": timestamp(run.started_at),
        "completed_at": completed,
        "name": "build",
        "steps": [] if status in {"queued", "waiting"} else [step],
        "check_run_url": f"{base}/check-runs/{number}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
    }


def _assumed_commit(run: FakeRun) -> FakeCommit:
    """Return the commit of a run to which no commit was added."""
    return FakeCommit(
        sha=run.head_sha,
        parents=(),
        message=f"Commit {run.head_sha[:7]}",
        author=run.actor,
        committed_at=run.created_at - timedelta(seconds=1),
    )


def _pull_requests(run: FakeRun, repository: Repository, url: str) -> list[dict[str, object]]:
    """Return the pull requests of a run. GitHub does not report those of forks."""
    if run.pull_request is None or run.head_repository_id != repository.id:
        return []
    short = {"id": repository.id, "url": url, "name": repository.name}
    return [
        {
            "url": f"{url}/pulls/{run.pull_request}",
            "id": pull_request_id(repository, run.pull_request),
            "number": run.pull_request,
            "head": {"ref": run.head_branch, "sha": run.head_sha, "repo": short},
            "base": {"ref": DEFAULT_BRANCH, "sha": base_sha(repository, run), "repo": short},
        }
    ]
