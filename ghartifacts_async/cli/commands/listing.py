"""The commands that list and find: ``list``, ``runs``, ``latest`` and ``wait``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated, Any

from cyclopts import Parameter

from ghartifacts_async.cli.commands.writing import Unpacking, wanted_files, write_all
from ghartifacts_async.cli.common import (
    PERIOD,
    RepositoryCommon,
    refuse_arguments,
    refuse_urls,
)
from ghartifacts_async.cli.connection import choose_repository, open_repository
from ghartifacts_async.cli.exit_status import NOTHING_FOUND
from ghartifacts_async.cli.options import (
    Arguments,
    ArtifactArguments,
    Commit,
    Filters,
    Format,
    Limit,
    Name,
    Names,
    NewestFilters,
    Patterns,
    RunFilters,
    RunId,
    ToDirectory,
    Workflow,
)
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.views import ARTIFACT, RUN, View
from ghartifacts_async.cli.selection import (
    newest_artifacts,
    only_name,
    run_id,
    select_artifacts,
    select_runs,
    with_run_url,
)
from ghartifacts_async.cli.values import format_seconds
from ghartifacts_async.errors import InvalidArgument


async def list_artifacts(
    *arguments: Arguments,
    filters: Filters = Filters(),
    limit: Limit = 30,
    format: Format = None,  # noqa: A002 - the name of the option
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """List artifacts, newest first, as they come."""
    out = Output(common)
    common.refuse_format(format)
    repository, rest = choose_repository(common, arguments, filters.run)
    filters, rest = with_run_url(filters, rest)
    refuse_arguments(rest, "--name for a name, --run for a run, and --format for fields")
    async with open_repository(common, repository, out, anonymous=True) as repo:
        artifacts = select_artifacts(repo, filters)
        async with aclosing(artifacts):
            return await print_all(out, artifacts, limit, format, ARTIFACT)


async def runs(
    *arguments: Arguments,
    filters: RunFilters = RunFilters(),
    limit: Limit = 30,
    format: Format = None,  # noqa: A002 - the name of the option
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """List workflow runs, newest first."""
    out = Output(common)
    common.refuse_format(format)
    repository, rest = choose_repository(common, arguments)
    refuse_arguments(rest, "--workflow for a workflow, and --format for fields")
    async with open_repository(common, repository, out, anonymous=True) as repo:
        listing = aiter(select_runs(repo, filters))
        return await print_all(out, listing, limit, format, RUN)


async def latest(
    *arguments: ArtifactArguments,
    name: Names = (),
    pattern: Patterns = (),
    filters: NewestFilters = NewestFilters(),
    directory: ToDirectory = None,
    unpacking: Unpacking = Unpacking(),
    format: Format = None,  # noqa: A002 - the name of the option
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Print the newest artifact of a successful run, or download it."""
    writing = wanted_files(directory, unpacking, format, common)
    out = Output(common)
    repository, rest = choose_repository(common, arguments)
    refuse_urls(rest)
    needs_token = writing is not None
    async with open_repository(common, repository, out, anonymous=not needs_token) as repo:
        _, artifacts = await newest_artifacts(repo, [*name, *rest], pattern, filters)
        if writing is not None:
            return await write_all(repo, artifacts, writing, out)
    for number, artifact in enumerate(artifacts):
        ARTIFACT.show(out, artifact, format, first=number == 0)
    return 0


async def wait(
    *arguments: ArtifactArguments,
    name: Name = None,
    run: RunId = None,
    commit: Commit = None,
    workflow: Workflow = None,
    any_conclusion: Annotated[
        bool, Parameter(help="Accept the artifact even if the run fails or is cancelled.")
    ] = False,
    within: Annotated[
        timedelta, PERIOD, Parameter(help="Longest wait, such as 30m. [default: 10m]")
    ] = timedelta(minutes=10),
    directory: ToDirectory = None,
    unpacking: Unpacking = Unpacking(),
    format: Format = None,  # noqa: A002 - the name of the option
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Wait until a run has uploaded an artifact, then print or download it."""
    writing = wanted_files(directory, unpacking, format, common)
    out = Output(common)
    repository, rest = choose_repository(common, arguments, run)
    urls, rest = with_run_url(Filters(run=run), rest)
    name = only_name([*([name] if name else []), *rest])
    if (urls.run is None) == (commit is None):
        raise InvalidArgument("pass exactly one of --run and --commit")
    async with open_repository(common, repository, out) as repo:
        limit = format_seconds(within.total_seconds())
        out.note(f"waiting for {name!r} in {repository}, at most {limit}")
        artifact = await repo.wait_for_artifact(
            name,
            run_id=None if urls.run is None else run_id(urls.run),
            head_sha=commit,
            workflow=workflow,
            any_conclusion=any_conclusion,
            timeout=within.total_seconds(),
        )
        if writing is not None:
            return await write_all(repo, [artifact], writing, out)
    ARTIFACT.show(out, artifact, format, first=True)
    return 0


async def print_all(
    out: Output, items: AsyncIterator[Any], limit: int, template: str | None, view: View
) -> int:
    """Print items until the limit, and say if there are more. Return the exit status."""
    count = 0
    async for item in items:
        if count == limit > 0:
            out.note(f"these are the newest {limit}; -L 0 lists all")
            break
        view.show(out, item, template, first=count == 0)
        count += 1
    if not count:
        out.note(f"no {view.kind} matches")
    return 0 if count else NOTHING_FOUND
