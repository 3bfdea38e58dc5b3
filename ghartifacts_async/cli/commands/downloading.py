"""The commands that write files: ``download``, ``extract`` and ``mirror``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from attrs import evolve, field, frozen
from cyclopts import Parameter

from ghartifacts_async.cli.common import POSITIVE, Common, refuse_options
from ghartifacts_async.cli.connection import (
    choose_repository,
    mirrored_repositories,
    open_client,
    open_repository,
)
from ghartifacts_async.cli.exit_status import NOTHING_FOUND, SUCCESS, status_of_failures
from ghartifacts_async.cli.options import (
    Arguments,
    Concurrency,
    Directory,
    Extract,
    Filters,
    NameFilters,
    Template,
)
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.progress import Display, display
from ghartifacts_async.cli.printing.results import (
    describe_selection,
    print_mirror_report,
    print_result,
)
from ghartifacts_async.cli.selection import (
    WITH_ID,
    artifact_ids,
    get_artifacts,
    newest_of_filters,
    select_artifacts,
    with_run_url,
)
from ghartifacts_async.cli.values import counted
from ghartifacts_async.errors import ArtifactExpired, ArtifactsError, InvalidArgument

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, Extraction, Outcome, Repo

IfExists: TypeAlias = Literal["verify", "replace", "error"]


@Parameter(name="*")
@frozen(kw_only=True)
class Writing:
    """How artifacts are written."""

    directory: Directory = field(factory=Path)
    extract: Extract = False
    flat: Annotated[
        bool,
        Parameter(help="With --extract, extract everything to DIR itself."),
    ] = False
    template: Template = "{name}"
    if_exists: Annotated[
        IfExists,
        Parameter(
            help="What to do if the file exists: keep it if its content is right (verify), replace "
            "it, or fail (error)."
        ),
    ] = "verify"
    concurrency: Concurrency = 8
    connections: Annotated[
        int | None,
        POSITIVE,
        Parameter(help="Number of connections for each artifact. By default chosen by size."),
    ] = None

    def start(
        self, repo: Repo, artifacts: Sequence[Artifact], progress: Display
    ) -> AsyncGenerator[Outcome | Extraction, None]:
        """Begin to download or extract artifacts, and yield the results."""
        if not self.extract:
            return repo.download_artifacts(
                artifacts,
                self.directory,
                template=self.template,
                if_exists=self.if_exists,
                concurrency=self.concurrency,
                connections=self.connections,
                on_progress=progress.update_total,
                on_artifact_progress=progress.update,
            )
        return repo.extract_artifacts(
            artifacts,
            self.directory,
            merge=self.flat,
            if_exists="replace" if self.if_exists == "replace" else "error",
            concurrency=self.concurrency,
            on_progress=progress.update_total,
        )


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
    common: Common = Common(),
) -> int:
    """Download artifacts and verify them."""
    out = Output(common)
    repository, rest = choose_repository(common, arguments)
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
    common: Common = Common(),
) -> int:
    """Download artifacts and extract them."""
    writing = evolve(writing, extract=True)
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
    common: Common = Common(),
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


async def write_all(
    repo: Repo, artifacts: Sequence[Artifact], writing: Writing, out: Output
) -> int:
    """Download or extract artifacts, show the progress and print the results.

    Returns:
        The exit status.
    """
    available = [artifact for artifact in artifacts if not artifact.expired]
    if not available:
        out.note(f"nothing to download: {describe_selection(artifacts)}")
        return NOTHING_FOUND
    done, failures = 0, list[ArtifactsError]()
    with display(out, sum(artifact.size_in_bytes for artifact in available)) as progress:
        async with aclosing(writing.start(repo, artifacts, progress)) as results:
            async for result in results:
                progress.end(result.artifact)
                progress.result(partial(print_result, out, result))
                done += result.error is None
                if not isinstance(result.error, ArtifactExpired | None):
                    failures.append(result.error)
    out.note(f"{done} of {counted(len(artifacts), 'artifact')} in {writing.directory.absolute()}")
    if failures:
        return status_of_failures(failures)
    return SUCCESS if done else NOTHING_FOUND
