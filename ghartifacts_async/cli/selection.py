"""The artifacts and runs that the arguments and filters of a command select."""

from __future__ import annotations

import glob
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from ghartifacts_async.cli.common import refuse_options, refuse_wildcards
from ghartifacts_async.cli.options import (
    Conditions,
    Filters,
    NewestFilters,
    RunFilters,
    SourceFilters,
)
from ghartifacts_async.cli.references import number_in
from ghartifacts_async.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, ArtifactFilters, Repo, Run, RunListing

_FiltersT = TypeVar("_FiltersT", Filters, SourceFilters)

WITH_ID = "with the id or URL of an artifact; if it is the id of a run, pass it as --run"
WITH_RUN = "with --run"

_RERUN_LIMIT = timedelta(days=31)
"""GitHub allows re-runs for 30 days, so the run of a new artifact may be that much older."""

_FIRST_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before the first run on GitHub."""


async def select_artifacts(repo: Repo, filters: Filters) -> AsyncGenerator[Artifact, None]:
    """Yield the artifacts that match the filters and one of the names or patterns, each once.

    The artifacts of all names and patterns together are ordered by time of creation, newest first.

    Raises:
        InvalidArgument: ``--workflow`` is given with ``--run``, or a name has wildcards.
    """
    refuse_wildcards(filters.name)
    queries: list[tuple[str | None, str | None]] = [(name, None) for name in filters.name]
    queries += [(None, pattern) for pattern in filters.pattern]
    seen: set[int] = set()
    next_of: dict[AsyncGenerator[Artifact, None], Artifact | None] = {}
    async with AsyncExitStack() as stack:
        for name, pattern in queries or [(None, None)]:
            listing = _artifacts_named(repo, filters, name, pattern)
            await stack.enter_async_context(aclosing(listing))
            next_of[listing] = await anext(listing, None)
        while found := {key: each for key, each in next_of.items() if each is not None}:
            newest = max(found, key=lambda key: _age_key(found[key]))
            if found[newest].id not in seen:
                seen.add(found[newest].id)
                yield found[newest]
            next_of[newest] = await anext(newest, None)


def _age_key(artifact: Artifact) -> tuple[float, int]:
    created = artifact.created_at
    return (created.timestamp() if created is not None else 0.0, artifact.id)


async def _artifacts_named(
    repo: Repo, filters: Filters, name: str | None, pattern: str | None
) -> AsyncGenerator[Artifact, None]:
    keywords: ArtifactFilters = {**filters.conditions.keywords(), "pattern": pattern}
    if filters.run is not None:
        refuse_options({"--workflow": filters.workflow}, WITH_RUN)
        async for artifact in repo.list_run_artifacts(run_id(filters.run), name=name, **keywords):
            yield artifact
    elif filters.workflow is not None:
        async for run in _runs_of_workflow(repo, filters):
            async for artifact in repo.list_run_artifacts(run, name=name, **keywords):
                yield artifact
    else:
        async for artifact in repo.list_artifacts(name, **keywords):
            yield artifact


def _runs_of_workflow(repo: Repo, filters: Filters) -> RunListing:
    conditions = filters.conditions
    return repo.list_runs(
        workflow=filters.workflow,
        branch=conditions.branch,
        head_sha=conditions.commit,
        from_fork=conditions.from_fork,
        created_after=conditions.since and max(conditions.since, _FIRST_TIME) - _RERUN_LIMIT,
        created_before=conditions.until,
    )


def select_runs(repo: Repo, filters: RunFilters) -> RunListing:
    """List the runs that match the filters."""
    return repo.list_runs(
        workflow=filters.workflow,
        branch=filters.branch,
        event=filters.event,
        status=filters.status,
        conclusion=filters.conclusion,
        actor=filters.user,
        head_sha=filters.commit,
        from_fork=filters.from_fork,
        created_after=filters.since,
        created_before=filters.until,
    )


async def newest_artifacts(
    repo: Repo, names: Sequence[str], patterns: Sequence[str], filters: NewestFilters
) -> tuple[Run | None, list[Artifact]]:
    """Return the newest artifact of a name, or the newest artifacts of several names in one run.

    Args:
        repo: The repository.
        names: Exact names.
        patterns: Patterns, each of which stands for the artifacts whose names match.
        filters: Conditions of the run.

    Raises:
        NotFound: No artifact, or no run with all of these artifacts, matches.
    """
    refuse_wildcards(names)
    if not names and not patterns:
        raise InvalidArgument("name the artifacts: --name NAME, or --pattern PATTERN")
    keywords: dict[str, Any] = {
        "branch": filters.branch,
        "workflow": filters.workflow,
        "event": filters.event,
        "conclusion": None if filters.conclusion == "any" else filters.conclusion,
        "from_fork": filters.from_fork,
        "max_age": filters.max_age,
    }
    if len(names) == 1 and not patterns:
        return None, [await repo.latest_artifact(names[0], **keywords)]
    found = await repo.resolve_artifacts([*map(glob.escape, names), *patterns], **keywords)
    return found.run, list(found.artifacts.values())


async def newest_of_filters(repo: Repo, filters: Filters) -> list[Artifact]:
    """Return the newest artifacts of the names and patterns of filters, from one successful run.

    Raises:
        InvalidArgument: There is no name, or a filter that the newest artifact cannot have.
        NotFound: No run has these artifacts.
    """
    conditions = filters.conditions
    newest = NewestFilters(
        branch=conditions.branch,
        workflow=filters.workflow,
        from_fork=conditions.from_fork or False,
    )
    others = evolve(conditions, branch=None, from_fork=None)
    if filters.run is not None or others != Conditions():
        raise InvalidArgument(
            "--latest takes only --name, --pattern, --branch, --workflow and --from-fork"
        )
    return (await newest_artifacts(repo, filters.name, filters.pattern, newest))[1]


async def find_artifact(repo: Repo, text: str, filters: SourceFilters) -> Artifact:
    """Return the artifact that an argument means: an id, a URL, or the name of the newest one.

    The newest artifact of a name may be of a run that failed or has not ended, but not of a fork.
    Digits are a name if no artifact has this id.

    Raises:
        InvalidArgument: There are filters for an artifact that is given by its id or URL.
        NotFound: There is no such artifact.
    """
    number = number_in(text, "artifact")
    if number is not None:
        refuse_options({"a filter": filters != SourceFilters()}, WITH_ID)
        try:
            return (await get_artifacts(repo, [number]))[0]
        except NotFound:
            named = (
                None if "://" in text else await repo.list_artifacts(text, expired=False).first()
            )
            if named is None:
                raise
            return named
    refuse_wildcards([text])
    if filters.run is not None:
        _refuse_conditions_of_run(filters)
        listing = repo.list_run_artifacts(run_id(filters.run), name=text, expired=False)
        artifact = await listing.first()
        if artifact is not None:
            return artifact
        raise not_found(f"run {filters.run} of {repo.name} has no available artifact {text!r}")
    return await repo.latest_artifact(
        text, branch=filters.branch, workflow=filters.workflow, conclusion=None
    )


async def find_artifacts(
    repo: Repo, arguments: Sequence[str], filters: SourceFilters
) -> list[Artifact]:
    """Return the artifacts that arguments mean, or without arguments all of a run.

    Raises:
        InvalidArgument: There are neither arguments nor a run, or there are filters for an artifact
            that is given by its id or URL.
        NotFound: There is no such artifact.
    """
    if arguments:
        return [await find_artifact(repo, text, filters) for text in arguments]
    if filters.run is None:
        raise InvalidArgument("pass artifacts (ids, URLs or names), or --run for all of a run")
    _refuse_conditions_of_run(filters)
    found = await repo.list_run_artifacts(run_id(filters.run), expired=False).collect()
    if not found:
        raise not_found(f"run {filters.run} of {repo.name} has no available artifact")
    return found


def _refuse_conditions_of_run(filters: SourceFilters) -> None:
    """Refuse conditions of a run that is given by its id or URL."""
    refuse_options({"--branch": filters.branch, "--workflow": filters.workflow}, WITH_RUN)


def run_id(text: str) -> int:
    """Return the id of a run that is given as digits or as a URL.

    Raises:
        InvalidArgument: It is neither.
    """
    number = number_in(text, "run")
    if number is None:
        raise InvalidArgument(f"--run {text!r} is neither the id nor the URL of a workflow run")
    return number


def artifact_ids(arguments: Sequence[str]) -> list[int]:
    """Return the ids of artifacts that are given as digits or as URLs, each once.

    Raises:
        InvalidArgument: An argument is neither.
    """
    ids = []
    for text in arguments:
        number = number_in(text, "artifact")
        if number is None:
            raise InvalidArgument(
                f"{text!r} is neither the id nor the URL of an artifact; use --name for a name"
            )
        ids.append(number)
    return list(dict.fromkeys(ids))


async def get_artifacts(repo: Repo, ids: Sequence[int]) -> list[Artifact]:
    """Return the artifacts with these ids, the newest first, as listings return them.

    Raises:
        NotFound: An id is not that of an artifact. It may be a run's id, as the GitHub CLI expects.
    """
    artifacts = []
    for number in ids:
        try:
            artifacts.append(await repo.get_artifact(number))
        except NotFound as error:
            error.summary += f"; if {number} is the id of a run, use --run {number}"
            raise
    return sorted(artifacts, key=_age_key, reverse=True)


def with_run_url(filters: _FiltersT, arguments: Sequence[str]) -> tuple[_FiltersT, list[str]]:
    """Move the URL of a run from the arguments to the filters.

    Returns:
        The filters, and the other arguments.

    Raises:
        InvalidArgument: The arguments and the filters name different runs.
    """
    urls = [text for text in arguments if "://" in text and number_in(text, "artifact") is None]
    for text in urls:
        if filters.run is not None and run_id(filters.run) != run_id(text):
            raise InvalidArgument(
                f"two runs are given, {filters.run} and {text}; run one command for each run"
            )
        filters = evolve(filters, run=text)
    return filters, [text for text in arguments if text not in urls]


def only_name(names: Sequence[str]) -> str:
    """Return the name of the artifact, if exactly one is given.

    Raises:
        InvalidArgument: There is none, or there are several.
    """
    if len(names) != 1:
        raise InvalidArgument("name one artifact: --name NAME")
    refuse_wildcards(names)
    return names[0]


def not_found(summary: str) -> NotFound:
    """Return the error for something that the filters did not find."""
    return NotFound(summary, status=404)
