"""The endpoints of workflow runs, their jobs and their workflows."""

from __future__ import annotations

from collections.abc import Sequence

from ghartifacts_async.testing._api.documents.runs import (
    attempt_of_job,
    job_document,
    run_document,
    workflow_document,
)
from ghartifacts_async.testing._api.endpoints.call import EndpointCall
from ghartifacts_async.testing._api.endpoints.run_filters import MAX_RESULTS, run_filter
from ghartifacts_async.testing._api.errors import ApiError, json_response
from ghartifacts_async.testing._api.run_lists import RunLists
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.messages import Response
from ghartifacts_async.testing._shared.run import (
    COMPLETED,
    FakeRun,
    Workflow,
    completed,
    next_attempt,
)


class RunEndpoints:
    """The handlers of the endpoints for workflow runs.

    Args:
        database: The server's data.
        run_lists: The faults of listings of runs.
    """

    def __init__(self, database: Database, run_lists: RunLists) -> None:
        self._database = database
        self._run_lists = run_lists

    def list_runs(self, call: EndpointCall) -> Response:
        """List the runs of a repository or of a workflow, newest first."""
        query = call.request.query
        runs = self._run_lists.runs_of(call.repository)
        if "workflow_id" in call.route.values:
            workflow_id = self._workflow(call).id
            runs = [run for run in runs if run.workflow_id == workflow_id]
        matches = run_filter(query)
        if matches is not None:
            runs = [run for run in runs if matches(run)]
        without_pull_requests = query.get("exclude_pull_requests", "").lower() in {"1", "true"}
        return call.listing(
            "workflow_runs",
            self._run_lists.distort(runs),
            lambda run: self._document(call, run, without_pull_requests=without_pull_requests),
            results=None if matches is None else MAX_RESULTS,
        )

    def get(self, call: EndpointCall) -> Response:
        """Return a run in its latest attempt."""
        return call.document(self._document(call, self._requested_attempts(call)[-1]))

    def get_attempt(self, call: EndpointCall) -> Response:
        """Return a run in one of its attempts."""
        return call.document(self._document(call, self._requested_attempt(call)))

    def delete(self, call: EndpointCall) -> Response:
        """Delete a run with its artifacts."""
        self._database.delete_run(self._requested_attempts(call)[-1].id)
        return Response(204)

    def cancel(self, call: EndpointCall) -> Response:
        """Cancel a run, which takes effect at once."""
        run = self._requested_attempts(call)[-1]
        if run.status == COMPLETED:
            message = "Cannot cancel a workflow run that is completed."
            raise ApiError(409, message, call.route.endpoint.documentation_url)
        self._database.save_run(completed(run, "cancelled", self._database.next_timestamp()))
        return json_response(202, {})

    def rerun(self, call: EndpointCall) -> Response:
        """Start another attempt of a run, which stays queued until a test changes it."""
        run = self._requested_attempts(call)[-1]
        if run.status != COMPLETED:
            message = "This workflow is already running"
            raise ApiError(403, message, call.route.endpoint.documentation_url)
        started = self._database.next_timestamp()
        self._database.save_run(next_attempt(run, "queued", None, started))
        return json_response(201, {})

    def list_jobs(self, call: EndpointCall) -> Response:
        """List the jobs of a run in its latest attempt, or with `filter=all` in every attempt."""
        attempts = self._requested_attempts(call)
        shown = attempts if call.request.query.get("filter") == "all" else attempts[-1:]
        return self._jobs(call, shown)

    def list_attempt_jobs(self, call: EndpointCall) -> Response:
        """List the jobs of one attempt of a run."""
        return self._jobs(call, [self._requested_attempt(call)])

    def get_job(self, call: EndpointCall) -> Response:
        """Return a job."""
        run_id, number = attempt_of_job(call.route.number("job_id"))
        return call.document(job_document(self._attempt(call, run_id, number), call.api_url))

    def list_annotations(self, call: EndpointCall) -> Response:
        """List the annotations of a job, which has none."""
        run_id, number = attempt_of_job(call.route.number("check_run_id"))
        self._attempt(call, run_id, number)
        return call.document([])

    def list_workflows(self, call: EndpointCall) -> Response:
        """List the workflows of a repository."""
        workflows = list(call.repository.workflows.values())
        return call.listing(
            "workflows",
            workflows,
            lambda workflow: workflow_document(workflow, call.repository, call.api_url),
        )

    def get_workflow(self, call: EndpointCall) -> Response:
        """Return a workflow."""
        workflow = self._workflow(call)
        return call.document(workflow_document(workflow, call.repository, call.api_url))

    def _requested_attempts(self, call: EndpointCall) -> list[FakeRun]:
        return self._attempts(call, call.route.number("run_id"))

    def _requested_attempt(self, call: EndpointCall) -> FakeRun:
        number = call.route.number("attempt_number")
        return self._attempt(call, call.route.number("run_id"), number)

    def _attempts(self, call: EndpointCall, run_id: int) -> list[FakeRun]:
        attempts = self._database.attempts(run_id)
        if not attempts or attempts[-1].repository_id != call.repository.id:
            raise call.not_found()
        return attempts

    def _attempt(self, call: EndpointCall, run_id: int, number: int) -> FakeRun:
        for attempt in self._attempts(call, run_id):
            if attempt.attempt == number:
                return attempt
        raise call.not_found()

    def _workflow(self, call: EndpointCall) -> Workflow:
        workflow = call.repository.workflow(call.route.values["workflow_id"])
        if workflow is None:
            raise call.not_found()
        return workflow

    def _jobs(self, call: EndpointCall, attempts: Sequence[FakeRun]) -> Response:
        return call.listing("jobs", attempts, lambda attempt: job_document(attempt, call.api_url))

    def _document(
        self, call: EndpointCall, run: FakeRun, *, without_pull_requests: bool = False
    ) -> dict[str, object]:
        return run_document(
            run,
            call.repository,
            self._database.repository(run.head_repository_id),
            call.api_url,
            without_pull_requests=without_pull_requests,
        )
