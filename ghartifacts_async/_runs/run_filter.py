"""Filter workflow runs.

GitHub applies most of these filters. All of them are checked again here, because listings of runs
have been seen to ignore a filter or to show an old state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

from attrs import field, frozen

from ghartifacts_async._api.filters import Filter
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Run, WorkflowRun

_STATUSES = ("queued", "in_progress", "completed", "requested", "waiting", "pending")
_CONCLUSIONS = (
    "success",
    "failure",
    "cancelled",
    "skipped",
    "timed_out",
    "action_required",
    "neutral",
    "stale",
    "startup_failure",
)
_EVENT = re.compile(r"[a-z][a-z0-9_]*")
_NOT_IN_LOGINS = re.compile(r"[\s/@]")
_FILE = re.compile(r"[^/@\x00-\x1f]+\.ya?ml")
_FOLDER = ".github/workflows/"


def workflow_key(workflow: int | str | None) -> int | str | None:
    """Validate a workflow, and return its id or the name of its file."""
    if workflow is None or (type(workflow) is int and workflow > 0):
        return workflow
    if isinstance(workflow, str):
        name = workflow.removeprefix(_FOLDER)
        if name.isascii() and name.isdigit() and int(name) > 0:
            return int(name)
        if _FILE.fullmatch(name):
            return name
    raise InvalidArgument(
        f"workflow must be the name of a workflow's file, such as 'ci.yml', or its id, "
        f"not {workflow!r}"
    )


def optional_text(name: str, value: str | None) -> str | None:
    """Validate a filter that is compared with a text of GitHub's; None matches everything."""
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidArgument(f"{name} must be a non-empty str or None, not {value!r}")
    return value


def run_status(status: str | None) -> str | None:
    """Validate the status to filter by. As in GitHub's API, it may be a conclusion, too."""
    return _one_of("status", status, _STATUSES + _CONCLUSIONS)


def run_conclusion(conclusion: str | None) -> str | None:
    """Validate the conclusion to filter by."""
    if conclusion in _STATUSES:
        raise InvalidArgument(
            f"conclusion {conclusion!r} never matches: it is the status of a run, not a conclusion"
        )
    return _one_of("conclusion", conclusion, _CONCLUSIONS)


def event_name(event: str | None) -> str | None:
    """Validate the event to filter by. GitHub adds events, so any well-formed name is accepted."""
    if optional_text("event", event) is None or _EVENT.fullmatch(str(event)):
        return event
    name = re.sub(r"[\s-]+", "_", str(event).strip().lower())
    hint = f"; did you mean {name!r}?" if _EVENT.fullmatch(name) else ""
    raise InvalidArgument(
        f"event {event!r} never matches: the names of events are like 'pull_request'{hint}"
    )


def _login_of(actor: str | None) -> str | None:
    """Validate the login to filter by."""
    if optional_text("actor", actor) is not None and _NOT_IN_LOGINS.search(str(actor)):
        raise InvalidArgument(
            f"actor {actor!r} never matches: it must be a login, such as 'octocat' or "
            "'dependabot[bot]'"
        )
    return actor


def _one_of(name: str, value: str | None, known: Sequence[str]) -> str | None:
    if optional_text(name, value) is None or value in known:
        return value
    close = get_close_matches(str(value).lower(), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InvalidArgument(f"{name} {value!r} never matches: GitHub knows {', '.join(known)}{hint}")


def is_of_workflow(run: Run, workflow: int | str | None) -> bool:
    """Return True if a run belongs to a workflow, as `workflow_key` returned it."""
    return workflow is None or workflow in {run.workflow_id, run.workflow_file}


def origin(run: Run) -> WorkflowRun:
    """Return what an artifact of a run would say about it."""
    head = None if run.head_repository is None else run.head_repository.id
    return WorkflowRun(run.id, run.repository.id, head, run.head_branch, run.head_sha)


@frozen(kw_only=True)
class RunFilter:
    """The filters of `Repo.list_runs`. A filter that is None matches everything.

    Attributes:
        common: The filters that listings of artifacts have, too.

    Raises:
        InvalidArgument: A filter has the wrong type, or no run can match.
    """

    common: Filter
    workflow: int | str | None = field(default=None, converter=workflow_key)
    event: str | None = field(default=None, converter=event_name)
    status: str | None = field(default=None, converter=run_status)
    conclusion: str | None = field(default=None, converter=run_conclusion)
    actor: str | None = field(default=None, converter=_login_of)
    exclude_pull_requests: bool = False

    def __attrs_post_init__(self) -> None:
        if self.conclusion is not None and self.status not in {None, "completed", self.conclusion}:
            raise InvalidArgument(
                f"no run has the status {self.status!r} and the conclusion {self.conclusion!r}: "
                "only completed runs have a conclusion"
            )

    @property
    def created_after(self) -> datetime | None:
        """The earliest time of creation that matches."""
        return self.common.created_after

    @property
    def created_before(self) -> datetime | None:
        """The time before which a run must have been created to match."""
        return self.common.created_before

    def query(self) -> dict[str, str]:
        """Return the filters that GitHub applies, without those of time."""
        chosen = {
            "actor": self.actor,
            "branch": self.common.branch,
            "event": self.event,
            "head_sha": self.common.head_sha,
            # GitHub's parameter takes a status or a conclusion.
            "status": self.conclusion or self.status,
            "exclude_pull_requests": "true" if self.exclude_pull_requests else None,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def matches(self, run: Run, /) -> bool:
        """Return True if a run matches all filters."""
        created = self.common
        return (
            created.matches_run(origin(run))
            and (created.created_after is None or run.created_at >= created.created_after)
            and (created.created_before is None or run.created_at < created.created_before)
            and is_of_workflow(run, self.workflow)
            and (self.event is None or run.event == self.event)
            and (self.status is None or self.status in {run.status, run.conclusion})
            and (self.conclusion is None or run.conclusion == self.conclusion)
            and (self.actor is None or _login(run) == self.actor.lower())
        )


def _login(run: Run) -> str | None:
    return None if run.actor is None else run.actor.login.lower()
