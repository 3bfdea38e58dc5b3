"""The commands that delete artifacts: ``prune`` and ``delete``."""

from __future__ import annotations

import sys
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from ghartifacts_async.cli.common import COUNT, DURATION, Common, refuse_options
from ghartifacts_async.cli.connection import choose_repository, open_repository
from ghartifacts_async.cli.exit_status import NOTHING_FOUND, status_of_failures
from ghartifacts_async.cli.options import SIZE, Arguments, Filters, NameFilters, Yes
from ghartifacts_async.cli.printing.output import Output, printable, write_to_stderr
from ghartifacts_async.cli.printing.results import print_deletion, print_selected
from ghartifacts_async.cli.selection import (
    WITH_ID,
    artifact_ids,
    get_artifacts,
    refuse_arguments,
    select_artifacts,
    with_run_url,
)
from ghartifacts_async.cli.values import counted, format_size
from ghartifacts_async.errors import InvalidArgument


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
    common: Common = Common(),
) -> int:
    """Delete old artifacts, or show which ones would be deleted."""
    out = Output(common)
    repository, rest = choose_repository(common, arguments)
    refuse_arguments(rest, "--name for a name")
    async with open_repository(common, repository, out) as repo:
        report = await repo.prune(
            older_than=older_than,
            keep_latest=keep_latest,
            max_total_size=max_total_size,
            name=filters.name,
            dry_run=not yes,
            **filters.keywords(),
        )
    print_selected(out, report.artifacts)
    for failure in report.failures:
        print_deletion(out, failure)
    done = f"{report.deleted} deleted" if yes else "nothing deleted yet; --yes deletes them"
    if not report.artifacts:
        done = "nothing to delete"
    size = format_size(report.size)
    count = counted(len(report.artifacts), "artifact")
    out.note(f"{count}, {size}; {report.kept} stay; {done}")
    return status_of_failures([each.error for each in report.failures if each.error is not None])


async def delete(
    *arguments: Arguments,
    filters: Filters = Filters(),
    yes: Yes = False,
    common: Common = Common(),
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
    failures = []
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
            await confirm(f"Delete {counted(len(artifacts), 'artifact')} of {repository}?")
        async with aclosing(repo.delete_artifacts(artifacts)) as deletions:
            async for deletion in deletions:
                print_deletion(out, deletion)
                if deletion.error is not None:
                    failures.append(deletion.error)
    return status_of_failures(failures)


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
