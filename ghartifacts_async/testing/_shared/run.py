"""`FakeRun`: a workflow run of a `FakeGitHub`, and the workflow that it belongs to."""

from __future__ import annotations

from datetime import datetime

import attrs

COMPLETED = "completed"


def workflow_name(path: str) -> str:
    """Return the name that the API reports for a workflow: its file's name without the ending."""
    return path.rpartition("/")[2].partition(".")[0]


@attrs.frozen
class Workflow:
    """A workflow of a repository.

    Attributes:
        id: The workflow's id.
        path: The path of its file, such as `.github/workflows/ci.yml`.
        created_at: When the workflow was added.
    """

    id: int
    path: str
    created_at: datetime

    @property
    def file_name(self) -> str:
        """The name of its file, such as `ci.yml`."""
        return self.path.rpartition("/")[2]

    @property
    def name(self) -> str:
        """The name that the API reports."""
        return workflow_name(self.path)


@attrs.frozen
class FakeRun:
    """A workflow run of a `FakeGitHub`, in its latest attempt or in an earlier one.

    Attributes:
        id: The run's id. All attempts share it.
        repository: `"owner/name"`.
        repository_id: The repository's numeric id.
        workflow: The path of the workflow's file, such as `.github/workflows/ci.yml`.
        workflow_id: The workflow's id.
        run_number: The number of the run, counted from 1 in each workflow.
        attempt: The number of the attempt, counted from 1. A re-run raises it.
        event: The event that triggered the run, such as `"push"`.
        status: `"completed"`, `"in_progress"`, `"queued"` or another status of GitHub.
        conclusion: `"success"`, `"failure"` or another conclusion. None until the run is
            completed.
        head_branch: The branch of the run, as the head repository names it.
        head_sha: The commit of the run.
        head_repository: The repository of that commit, `"owner/name"`. It is a fork if it differs
            from `repository`.
        head_repository_id: The numeric id of that repository.
        actor: The login of the user who triggered the run.
        pull_request: The number of the pull request that the run belongs to, or None.
        created_at: When the run was created. Attempts share it.
        started_at: When the attempt was started.
        updated_at: When the run last changed.
    """

    id: int
    repository: str
    repository_id: int
    workflow: str
    workflow_id: int
    run_number: int
    attempt: int
    event: str
    status: str
    conclusion: str | None
    head_branch: str
    head_sha: str
    head_repository: str
    head_repository_id: int
    actor: str
    pull_request: int | None
    created_at: datetime
    started_at: datetime
    updated_at: datetime

    @property
    def workflow_name(self) -> str:
        """The name of the workflow that the API reports."""
        return workflow_name(self.workflow)

    @property
    def check_suite_id(self) -> int:
        """The id of the check suite that GitHub creates with the run."""
        return self.id + 10**10


def next_attempt(run: FakeRun, status: str, conclusion: str | None, started: datetime) -> FakeRun:
    """Return a run in its next attempt."""
    return attrs.evolve(
        run,
        attempt=run.attempt + 1,
        status=status,
        conclusion=conclusion,
        started_at=started,
        updated_at=started,
    )


def completed(run: FakeRun, conclusion: str, time: datetime) -> FakeRun:
    """Return a run after its attempt has been completed."""
    return attrs.evolve(run, status=COMPLETED, conclusion=conclusion, updated_at=time)
