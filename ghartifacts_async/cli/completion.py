"""Completion of artifact names in a shell."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ghartifacts_async.cli.common import Common
from ghartifacts_async.cli.connection import choose_repository, open_repository
from ghartifacts_async.cli.printing.log import start_logging
from ghartifacts_async.cli.printing.output import Output

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

_PATIENCE = 2.0
"""Seconds that the call may take. No names are completed if it takes longer."""


def complete_names(context: CompletionContext) -> list[str]:
    """Return the names of the newest artifacts, or nothing if that takes too long or fails."""
    repository = context.get("repo")
    words = context.get("arguments")
    common = Common(
        repo=repository.raw if repository is not None else None,
        quiet=True,
        timeout=timedelta(seconds=_PATIENCE),
        max_wait=timedelta(0),
    )
    arguments = [word for word in words.raw_tokens if "/" in word] if words is not None else []
    start_logging(Output(common), common.verbose)
    import asyncio

    return asyncio.run(_newest_names(common, arguments))


async def _newest_names(common: Common, arguments: list[str]) -> list[str]:
    import asyncio

    repository, _ = choose_repository(common, arguments[:1])
    async with open_repository(common, repository, Output(common), anonymous=True) as repo:
        listing = repo.list_artifacts(expired=False, per_page=50)
        artifacts = await asyncio.wait_for(listing.collect(limit=50), _PATIENCE)
    names = dict.fromkeys(artifact.name for artifact in artifacts)
    return [name for name in names if name.isprintable()]
