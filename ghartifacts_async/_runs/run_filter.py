"""Filter workflow runs.

GitHub applies most of these filters. All of them are checked again here, because listings of runs
have been seen to ignore a filter or to show an old state.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from attrs import Attribute, field, frozen

from ghartifacts_async._api.filters import Filter
from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Run, WorkflowRun

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


def is_of_workflow(run: Run, workflow: int | str | None) -> bool:
    """Return True if a run belongs to a workflow, as `workflow_key` returned it."""
    return workflow is None or workflow in {run.workflow_id, run.workflow_file}


def origin(run: Run) -> WorkflowRun:
    """Return what an artifact of a run would say about it."""
    head = None if run.head_repository is None else run.head_repository.id
    return WorkflowRun(run.id, run.repository.id, head, run.head_branch, run.head_sha)


def _is_text(_: object, attribute: Attribute[Any], value: Any) -> None:
    optional_text(attribute.name, value)


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
    event: str | None = field(default=None, validator=_is_text)
    status: str | None = field(default=None, validator=_is_text)
    conclusion: str | None = field(default=None, validator=_is_text)
    actor: str | None = field(default=None, validator=_is_text)
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
