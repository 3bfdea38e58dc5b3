"""The commands that delete artifacts: ``prune`` and ``delete``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ghartifacts_async.cli.common import (
    COUNT,
    DURATION,
    RepositoryCommon,
    refuse_arguments,
    refuse_options,
)
from ghartifacts_async.cli.connection import choose_repository, open_repository
from ghartifacts_async.cli.exit_status import NOTHING_FOUND, SUCCESS, status_of_failures
from ghartifacts_async.cli.options import SIZE, Arguments, DryRun, Filters, NameFilters, Yes
from ghartifacts_async.cli.printing.output import Output, printable, write_to_stderr
from ghartifacts_async.cli.printing.results import print_deletion, print_selected
from ghartifacts_async.cli.selection import (
    WITH_ID,
    artifact_ids,
    get_artifacts,
    select_artifacts,
    with_run_url,
)
from ghartifacts_async.cli.values import counted, format_size
from ghartifacts_async.errors import ArtifactsError, InvalidArgument

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, Repo


async def prune(
    *arguments: Arguments,
    older_than: Annotated[
        timedelta | None, DURATION, Parameter(help="Delete artifacts older than this, such as 30d.")
    ] = None,
    keep_latest: Annotated[
        int | None, COUNT, Parameter(help="Keep this many of the newest artifacts of each name.")
    ] = None,
    max_total_size: Annotated[
        int | None,
        SIZE,
        Parameter(help="Delete the oldest artifacts until at most this much stays, such as 5G."),
    ] = None,
    filters: NameFilters = NameFilters(),
    yes: Yes = False,
    dry_run: DryRun = False,
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Delete old artifacts, or show which ones would be deleted."""
    out = Output(common)
    repository, rest = choose_repository(common, arguments)
    refuse_arguments(rest, "--name for a name")
    refuse_options({"--dry-run": dry_run and yes}, "with --yes")
    async with open_repository(common, repository, out) as repo:
        report = await repo.prune(
            older_than=older_than,
            keep_latest=keep_latest,
            max_total_size=max_total_size,
            name=filters.name,
            dry_run=True,
            **filters.keywords(),
        )
        print_selected(out, report.artifacts)
        failures = await _delete(repo, report.artifacts, out, only_failures=True) if yes else []
    deleted = len(report.artifacts) - len(failures)
    done = f"{deleted} deleted" if yes else "nothing deleted yet; --yes deletes them"
    if not report.artifacts:
        done = "nothing to delete"
    size = format_size(report.size)
    count = counted(len(report.artifacts), "artifact")
    out.note(f"{count}, {size}; {report.kept} stay; {done}")
    return status_of_failures(failures)


async def delete(
    *arguments: Arguments,
    filters: Filters = Filters(),
    yes: Yes = False,
    dry_run: DryRun = False,
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Delete artifacts permanently."""
    out = Output(common)
    repository, rest = choose_repository(common, arguments, filters.run)
    filters, rest = with_run_url(filters, rest)
    ids = artifact_ids(rest)
    if not ids and filters == Filters():
        raise InvalidArgument("say which artifacts: ids or URLs, --name, --run or another filter")
    if ids:
        refuse_options({"a filter": filters != Filters()}, WITH_ID)
    refuse_options({"--dry-run": dry_run and yes}, "with --yes")
    async with open_repository(common, repository, out) as repo:
        if ids:
            artifacts = await get_artifacts(repo, ids)
        else:
            artifacts = [each async for each in select_artifacts(repo, filters)]
        if not artifacts:
            out.note("no artifact matches")
            return NOTHING_FOUND
        if not yes:
            print_selected(out, artifacts)
            if dry_run:
                out.note(f"{counted(len(artifacts), 'artifact')}; nothing was deleted")
                return SUCCESS
            await confirm(f"Delete {counted(len(artifacts), 'artifact')} of {repository}?")
        return status_of_failures(await _delete(repo, artifacts, out))


async def _delete(
    repo: Repo, artifacts: Sequence[Artifact], out: Output, *, only_failures: bool = False
) -> list[ArtifactsError]:
    """Delete artifacts, print the results or only the failures, and return the errors."""
    errors = []
    async with aclosing(repo.delete_artifacts(artifacts)) as deletions:
        async for deletion in deletions:
            if deletion.error is not None:
                errors.append(deletion.error)
            if deletion.error is not None or not only_failures:
                print_deletion(out, deletion)
    return errors


async def confirm(question: str) -> None:
    """Ask on the terminal.

    Raises:
        InvalidArgument: The answer is no, or there is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidArgument("nothing was deleted; without a terminal to ask on, pass --yes")
    write_to_stderr(f"{printable(question)} [y/N] ")
    await _wait_for_input()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidArgument("nothing was deleted")


async def _wait_for_input() -> None:
    """Wait until a line was typed. A signal interrupts this wait, but not that of `readline`."""
    import asyncio

    loop, typed = asyncio.get_running_loop(), asyncio.Event()
    with suppress(NotImplementedError):  # Windows
        loop.add_reader(sys.stdin, typed.set)
        try:
            await typed.wait()
        finally:
            loop.remove_reader(sys.stdin)
