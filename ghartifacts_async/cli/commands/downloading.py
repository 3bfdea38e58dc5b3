"""The commands that write files: ``download``, ``extract`` and ``mirror``."""

from __future__ import annotations

from typing import Annotated

from attrs import evolve, frozen
from cyclopts import Parameter

from ghartifacts_async.cli.commands.writing import Writing, write_all
from ghartifacts_async.cli.common import RepositoryCommon, refuse_options
from ghartifacts_async.cli.connection import (
    choose_repository,
    mirrored_repositories,
    open_client,
    open_repository,
)
from ghartifacts_async.cli.exit_status import status_of_failures
from ghartifacts_async.cli.options import (
    Arguments,
    Concurrency,
    Filters,
    NameFilters,
    Template,
)
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.progress import display
from ghartifacts_async.cli.printing.results import print_mirror_report
from ghartifacts_async.cli.selection import (
    WITH_ID,
    artifact_ids,
    get_artifacts,
    newest_of_filters,
    select_artifacts,
    with_run_url,
)
from ghartifacts_async.errors import InvalidArgument


@Parameter(name="*")
@frozen(kw_only=True)
class Selection:
    """Which artifacts are written, in addition to the filters."""

    latest: Annotated[
        bool,
        Parameter(help="Only the newest artifacts, all of one successful run."),
    ] = False
    everything: Annotated[
        bool, Parameter(name="--all", help="All artifacts of the repository.")
    ] = False


async def download(
    *arguments: Arguments,
    filters: Filters = Filters(),
    selection: Selection = Selection(),
    writing: Writing = Writing(),
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Download artifacts and verify them."""
    out = Output(common)
    writing.refuse_unused()
    repository, rest = choose_repository(common, arguments, filters.run)
    filters, rest = with_run_url(filters, rest)
    ids = artifact_ids(rest)
    if not (ids or selection.everything or selection.latest) and filters == Filters():
        raise InvalidArgument(
            "say which artifacts: ids or URLs, --name, --pattern, --run, another filter, or --all"
        )
    if ids:
        refuse_options({"a filter": filters != Filters(), "--latest": selection.latest}, WITH_ID)
        refuse_options({"--all": selection.everything}, WITH_ID)
    if selection.latest:
        refuse_options({"--all": selection.everything}, "with --latest")
    async with open_repository(common, repository, out) as repo:
        if selection.latest:
            artifacts = await newest_of_filters(repo, filters)
        elif ids:
            artifacts = await get_artifacts(repo, ids)
        else:
            artifacts = [each async for each in select_artifacts(repo, filters)]
        return await write_all(repo, artifacts, writing, out)


async def extract(
    *arguments: Arguments,
    filters: Filters = Filters(),
    selection: Selection = Selection(),
    writing: Writing = Writing(),
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Download artifacts and extract them."""
    writing = evolve(writing, unpacking=evolve(writing.unpacking, extract=True))
    return await download(
        *arguments, filters=filters, selection=selection, writing=writing, common=common
    )


async def mirror(
    *arguments: Arguments,
    filters: NameFilters = NameFilters(),
    template: Template = "{name}-{id}",
    durable: Annotated[
        bool, Parameter(help="Sync files to disk, so that they survive a power loss.")
    ] = False,
    concurrency: Concurrency = 8,
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Update a local copy of all artifacts of repositories."""
    out = Output(common)
    repositories, directory = mirrored_repositories(common, arguments)
    async with open_client(common, out) as client:
        with display(out) as progress:
            report = await client.mirror(
                repositories,
                directory,
                name=filters.name,
                template=template,
                durable=durable,
                concurrency=concurrency,
                on_progress=progress.update_total,
                **filters.keywords(),
            )
    print_mirror_report(out, report)
    failures = [each.error for each in report.failures if each.error is not None]
    return status_of_failures([*failures, *report.unlisted.values()])
