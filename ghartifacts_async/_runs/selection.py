"""Decide whether an artifact matches what the caller wants, and why not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from attrs import frozen

from ghartifacts_async._api.filters import Filter
from ghartifacts_async._runs.run_filter import is_of_workflow, origin
from ghartifacts_async.models import Artifact, Run, WorkflowRun

_RUN = re.compile(r"\Aof an? (.*?)\brun\b")
_WILDCARD = re.compile(r"[*?\[]")

DELETED = "of a deleted run"


@frozen
class Rejection:
    """An artifact that `Repo.latest_artifact` or `Repo.resolve_artifacts` passed over.

    Attributes:
        artifact: The artifact.
        reason: Why it was passed over, such as ``"expired"`` or ``"of a failed run"``.
        run: The run of the artifact, if it was requested.
    """

    artifact: Artifact
    reason: str
    run: Run | None = None


@frozen
class Resolution:
    """Artifacts that come from one workflow run: the result of `Repo.resolve_artifacts`.

    Attributes:
        run: The run, as it was when the artifacts were selected.
        artifacts: The artifacts by name, in the order in which their names were requested.
        attempt: The attempt of the run that uploaded the newest of the artifacts. GitHub does not
            record it, so it is inferred from the times at which the attempts started. None if these
            times are unknown, or if the run has more than 100 earlier attempts.
        rejected: The artifacts that were passed over, newest first, with the reasons.
    """

    run: Run
    artifacts: Mapping[str, Artifact]
    attempt: int | None
    rejected: tuple[Rejection, ...] = ()


@frozen(kw_only=True)
class Wanted:
    """What `Repo.latest_artifact` and `Repo.resolve_artifacts` require of an artifact.

    Attributes:
        filter: The filters by branch and origin of the run.
        workflow: Id or file name of the workflow, or None for any.
        event: Event that triggered the run, or None for any.
        conclusion: Conclusion of the run, or None for any run, even an unfinished one.
        include_expired: Whether the artifact may have expired.
    """

    filter: Filter
    workflow: int | str | None = None
    event: str | None = None
    conclusion: str | None = None
    include_expired: bool = False

    @property
    def needs_run(self) -> bool:
        """Whether the run must be requested, because the artifact alone does not say enough."""
        return (self.workflow, self.event, self.conclusion) != (None, None, None)

    def rejects_artifact(self, artifact: Artifact) -> str | None:
        """Return why an artifact is not wanted, judging by its own fields, or None."""
        run = artifact.workflow_run or WorkflowRun()
        if run.id is None:
            return "of an unknown run"
        # An unknown origin is no reason yet: the run itself names it.
        if None not in (run.repository_id, run.head_repository_id):
            reason = self._rejects_origin(run)
            if reason is not None:
                return reason
        if artifact.expired and not self.include_expired:
            return "expired"
        return None if artifact.archive_download_url else "without a URL"

    def knows_origin(self, artifact: Artifact) -> bool:
        """Return True if the artifact names the repositories of its run, or they do not matter."""
        run = artifact.workflow_run or WorkflowRun()
        return self.filter == Filter() or None not in (run.repository_id, run.head_repository_id)

    def rejects_run(self, run: Run) -> str | None:
        """Return why no artifact of a run is wanted, or None."""
        reason = self._rejects_origin(origin(run))
        if reason is not None:
            return reason
        if not is_of_workflow(run, self.workflow):
            return f"of a run of {run.workflow_file or run.workflow_id!r}"
        if self.event is not None and run.event != self.event:
            return f"of a {run.event!r} run"
        if self.conclusion is None or run.conclusion == self.conclusion:
            return None
        if run.conclusion is None:
            return "of an unfinished run"
        return f"of a {_CONCLUSIONS.get(run.conclusion, repr(run.conclusion))} run"

    def _rejects_origin(self, run: WorkflowRun) -> str | None:
        if self.filter.matches_run(run):
            return None
        if self.filter.branch not in {None, run.head_branch}:
            return f"of a run on {run.head_branch!r}"
        if self.filter.head_sha not in {None, run.head_sha}:
            return "of a run of another commit"
        if self.filter.from_fork is True:
            return "of a run not from a fork"
        return "of a run from a fork"


_CONCLUSIONS = {
    "success": "successful", "failure": "failed", "cancelled": "cancelled", "skipped": "skipped",
}  # fmt: skip


def is_pattern(name: str) -> bool:
    """Return True if a name has wildcards, so that GitHub cannot filter by it."""
    return _WILDCARD.search(name) is not None


def matches_name(wanted: str, name: str) -> bool:
    """Return True if a name is the wanted one, or matches it as a pattern."""
    return wanted == name or fnmatchcase(name, wanted.replace("[^", "[!"))


def age_key(artifact: Artifact) -> tuple[float, int]:
    """Return a key that sorts artifacts from the newest to the oldest.

    Ids do not follow the order of creation, so they only decide between artifacts of one second.
    """
    created = artifact.created_at
    return (float("inf") if created is None else -created.timestamp(), -artifact.id)


def newest_by_name(artifacts: Iterable[Artifact]) -> dict[str, Artifact]:
    """Return the newest artifact of each name, because each attempt of a run may upload one."""
    newest: dict[str, Artifact] = {}
    for artifact in sorted(artifacts, key=age_key):
        newest.setdefault(artifact.name, artifact)
    return newest


def select_names(
    wanted: Iterable[str], required: Iterable[str], newest: dict[str, Artifact], *, expired: bool
) -> tuple[dict[str, Artifact], str | None]:
    """Select artifacts of one run by names and patterns.

    Args:
        wanted: Names and patterns.
        required: Those of `wanted` that must match at least one artifact.
        newest: The newest artifact of each name in the run.
        expired: Whether expired artifacts may be selected.

    Returns:
        The selected artifacts by name, in the order of `wanted`; and why the run is not usable, or
        None if it is.
    """
    must, selected = set(required), dict[str, Artifact]()
    for one in wanted:
        matching = sorted(name for name in newest if matches_name(one, name))
        current = [name for name in matching if expired or not newest[name].expired]
        usable = [name for name in current if newest[name].archive_download_url]
        if one in must and not matching:
            return {}, f"of a run without {one!r}"
        if one in must and len(usable) < len(matching):
            missing = next(name for name in matching if name not in usable)
            problem = "has no URL" if missing in current else "has expired"
            return {}, f"of a run whose {missing!r} {problem}"
        selected |= {name: newest[name] for name in usable}
    return selected, None


def attempt_of(run: Run, artifact: Artifact) -> int | None:
    """Return the attempt that uploaded an artifact if the run alone shows it, or None.

    An artifact that was created after the latest attempt started was uploaded by that attempt.
    """
    if run.run_attempt == 1:
        return 1
    started, created = run.run_started_at, artifact.created_at
    if started is not None and created is not None and created >= started:
        return run.run_attempt
    return None


def nearest_miss(rejected: Iterable[Rejection]) -> str:
    """Summarize why all candidates were passed over, the candidates that came closest first."""
    reasons = Counter(rejection.reason for rejection in rejected)
    if not reasons:
        return "0 found; check the name"
    total = reasons.total()
    parts = [
        (_plural(reason) if count > 1 else reason, count)
        for reason, count in sorted(
            reasons.items(), key=lambda item: (_distance(item[0]), -item[1])
        )
    ]
    found = f"{total} found" if total > 1 else "1 found"
    if len(parts) == 1:
        return f"{found}, {'all ' if total > 1 else ''}{parts[0][0]}"
    return f"{found}: " + ", ".join(f"{count} {text}" for text, count in parts[:5])


def _distance(reason: str) -> int:
    """Return how far a candidate was from being accepted; reasons are checked in this order."""
    return 1 if re.search("run (on|from|not from|of another)", reason) else 0


def _plural(reason: str) -> str:
    return _RUN.sub(lambda found: f"of {found[1]}runs", reason)
