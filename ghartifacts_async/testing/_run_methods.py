"""`RunMethods`: the methods of `FakeGitHub` for workflow runs and for later changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ghartifacts_async.testing._api.auth.tokens import DEFAULT_LOGIN
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.run import COMPLETED, FakeRun, completed, next_attempt

_MAX_ATTEMPTS = 1000


class RunMethods:
    """Methods for workflow runs.

    They can be called before the server is started and while it runs.
    """

    _database: Database
    _now: Clock

    def add_run(
        self,
        repository: str,
        run_id: int | None = None,
        *,
        workflow: str = "ci.yml",
        branch: str = "main",
        event: str = "push",
        status: str = COMPLETED,
        conclusion: str | None = "success",
        head_repository: str | None = None,
        head_sha: str | None = None,
        attempt: int = 1,
        actor: str | None = None,
        pull_request: int | None = None,
        created_at: datetime | None = None,
    ) -> FakeRun:
        """Add a workflow run.

        Adding an artifact also creates a run. Pass the run to `add_artifact` to add artifacts to
        it.

        Args:
            repository: `"owner/name"`; created if it does not exist.
            run_id: The id of the run. None takes the next free id.
            workflow: The name or path of the workflow's file; created if it does not exist.
            branch: The branch of the run, as the head repository names it.
            event: The event that triggered the run, such as `"push"` or `"pull_request"`.
            status: `"completed"`, `"in_progress"`, `"queued"` or another status of GitHub.
            conclusion: The conclusion. It has no effect unless the status is `"completed"`.
            head_repository: The repository of the commit, `"owner/name"`; created as a fork if
                it does not exist. None means the same repository.
            head_sha: The commit. None chooses the newest commit of the branch, or derives one
                from the run's id if the branch has no commits.
            attempt: The number of the attempt, from 1 to 1,000. All earlier attempts failed.
            actor: The login of the user who triggered the run. None chooses the owner of the
                head repository, or `octocat` if that is an organization.
            pull_request: The number of the pull request that the run belongs to. The API shows it
                as open, and its head is the commit of its newest run.
            created_at: When the run was created. None chooses the current time in whole seconds,
                but at least one second after the last time that was chosen.

        Returns:
            The run.

        Raises:
            ValueError: A repository's name is not `owner/name`, another run has the id, the
                attempt is not from 1 to 1,000, or `created_at` has no time zone.
        """
        if not 1 <= attempt <= _MAX_ATTEMPTS:
            raise ValueError(f"attempt must be from 1 to {_MAX_ATTEMPTS}, not {attempt}")
        if created_at is not None and created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        database = self._database
        parent = database.add_repository(repository)
        run_id = database.allocate_run_id(run_id)
        head = database.add_fork(head_repository, parent) if head_repository else parent
        created = created_at or database.next_timestamp()
        made = database.add_workflow(parent, workflow)
        run = FakeRun(
            id=run_id,
            repository=parent.full_name,
            repository_id=parent.id,
            workflow=made.path,
            workflow_id=made.id,
            run_number=database.next_run_number(made),
            attempt=1,
            event=event,
            status=COMPLETED if attempt > 1 else status,
            conclusion="failure" if attempt > 1 else _conclusion(status, conclusion),
            head_branch=branch,
            head_sha=head_sha or head.branches.get(branch) or _derived_sha(parent.id, run_id),
            head_repository=head.full_name,
            head_repository_id=head.id,
            actor=actor or (DEFAULT_LOGIN if head.owned_by_organization else head.owner),
            pull_request=pull_request,
            created_at=created,
            started_at=created,
            updated_at=created,
        )
        database.save_run(run)
        for number in range(2, attempt + 1):
            failed = number < attempt
            run = self.rerun(
                run,
                status=COMPLETED if failed else status,
                conclusion="failure" if failed else conclusion,
            )
        return run

    def rerun(
        self,
        run: FakeRun | int,
        *,
        status: str = "in_progress",
        conclusion: str | None = "success",
    ) -> FakeRun:
        """Start another attempt of a run, and return the run in this attempt.

        The artifacts of earlier attempts stay, as on GitHub.

        Args:
            run: The run or its id.
            status: The status of the new attempt.
            conclusion: The conclusion. It has no effect unless the status is `"completed"`.

        Raises:
            KeyError: The run does not exist.
        """
        started = self._database.next_timestamp()
        latest = self.run(run)
        return self._save(next_attempt(latest, status, _conclusion(status, conclusion), started))

    def complete_run(self, run: FakeRun | int, conclusion: str = "success") -> FakeRun:
        """Complete the latest attempt of a run, and return the changed run.

        Args:
            run: The run or its id.
            conclusion: `"success"`, `"failure"`, `"cancelled"` or another conclusion of GitHub.

        Raises:
            KeyError: The run does not exist.
        """
        return self._save(completed(self.run(run), conclusion, self._database.next_timestamp()))

    def run(self, run: FakeRun | int) -> FakeRun:
        """Return a run in its latest attempt.

        Args:
            run: The run or its id.

        Raises:
            KeyError: The run does not exist.
        """
        self._now.execute_due()
        run_id = run if isinstance(run, int) else run.id
        attempts = self._database.attempts(run_id)
        if not attempts:
            raise KeyError(run_id)
        return attempts[-1]

    def runs(self, repository: str) -> list[FakeRun]:
        """Return the runs of a repository in their latest attempts, newest first.

        Raises:
            KeyError: The repository does not exist.
        """
        self._now.execute_due()
        found = self._database.repository(repository)
        if found is None:
            raise KeyError(repository)
        return found.runs[::-1]

    def delete_run(self, run: FakeRun | int) -> None:
        """Delete a run and its artifacts, as another client would.

        Args:
            run: The run or its id.

        Raises:
            KeyError: The run does not exist.
        """
        self._database.delete_run(self.run(run).id)

    def after(
        self, seconds: float, action: Callable[..., object], *arguments: Any, **options: Any
    ) -> None:
        """Call a function later, as the server's clock measures it.

        The function may add, change and delete data: `fake.after(30, fake.complete_run, run)`. It
        is called when the first request arrives, or a test reads data, after its time has come.
        The server's time during the call is the time at which the call was due.

        Args:
            seconds: The seconds until the call.
            action: The function.
            *arguments: Its positional arguments.
            **options: Its keyword arguments.

        Raises:
            ValueError: The number of seconds is negative.
        """
        self._now.schedule(seconds, lambda: action(*arguments, **options))

    def _save(self, run: FakeRun) -> FakeRun:
        self._database.save_run(run)
        return run


def _derived_sha(repository_id: int, run_id: int) -> str:
    return hashlib.sha256(f"{repository_id}/{run_id}".encode()).hexdigest()[:40]


def _conclusion(status: str, conclusion: str | None) -> str | None:
    return conclusion if status == COMPLETED else None
