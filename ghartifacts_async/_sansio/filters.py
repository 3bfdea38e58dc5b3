"""Which artifacts of a listing are wanted, beyond what the server can filter."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from ghartifacts_async.errors import InvalidArgument
from ghartifacts_async.models import Artifact, ArtifactFilters, WorkflowRun

_NO_RUN = WorkflowRun()

_TESTS: dict[str, Callable[[Artifact, Any], bool]] = {
    "pattern": lambda one, pattern: fnmatchcase(one.name, pattern),
    "branch": lambda one, branch: (one.workflow_run or _NO_RUN).head_branch == branch,
    "head_sha": lambda one, sha: (one.workflow_run or _NO_RUN).head_sha == sha,
    "created_after": lambda one, time: one.created_at is not None and one.created_at > time,
    "created_before": lambda one, time: one.created_at is not None and one.created_at < time,
    "expired": lambda one, expired: one.expired is expired,
    "min_size": lambda one, size: one.size_in_bytes >= size,
    "max_size": lambda one, size: one.size_in_bytes <= size,
}


def check(filters: ArtifactFilters) -> ArtifactFilters:
    """Filters that are known."""
    for name in filters:
        if name not in _TESTS:
            raise InvalidArgument(f"there is no filter {name!r}; there are {', '.join(_TESTS)}")
    return filters


def matches(artifact: Artifact, filters: ArtifactFilters) -> bool:
    """Whether an artifact passes all of them; one that is ``None`` lets everything pass."""
    wanted = ((name, value) for name, value in filters.items() if value is not None)
    return all(_TESTS[name](artifact, value) for name, value in wanted)
