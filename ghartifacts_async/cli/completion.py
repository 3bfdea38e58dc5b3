"""Completion of the names of artifacts and members in a shell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ghartifacts_async.cli.common import RepositoryCommon
from ghartifacts_async.cli.connection import choose_repository, open_repository
from ghartifacts_async.cli.options import SourceFilters
from ghartifacts_async.cli.printing.log import start_logging
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.selection import find_artifact, with_run_url

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

    from ghartifacts_async import Repo

_PATIENCE = 2.0
"""Seconds that the calls may take. No names are completed if they take longer."""

_MOST_MEMBERS = 1000


def complete_names(context: CompletionContext) -> list[str]:
    """Return the names of the newest artifacts, or nothing if that takes too long or fails."""
    given = [word for word in _given(context) if "/" in word]
    return asyncio.run(_complete(context, given[:1]))


def complete_members(context: CompletionContext) -> list[str]:
    """Return the names of the members of an artifact if one is given, and else of artifacts."""
    return asyncio.run(_complete(context, _given(context)))


def _given(context: CompletionContext) -> Sequence[str]:
    words = context.get("arguments")
    return words.raw_tokens if words is not None else ()


async def _complete(context: CompletionContext, arguments: Sequence[str]) -> list[str]:
    common = RepositoryCommon(
        repo=_option(context, "repo"),
        quiet=True,
        timeout=timedelta(seconds=_PATIENCE),
        max_wait=timedelta(0),
    )
    start_logging(Output(common), common.verbose)
    repository, rest = choose_repository(common, arguments, _option(context, "run"))
    async with open_repository(common, repository, Output(common), anonymous=True) as repo:
        async with asyncio.timeout(_PATIENCE):
            found = await (_members(repo, context, rest) if rest else _newest_names(repo))
    return [name for name in dict.fromkeys(found) if name.isprintable()]


async def _newest_names(repo: Repo) -> list[str]:
    artifacts = await repo.list_artifacts(expired=False, per_page=50).collect(limit=50)
    return [artifact.name for artifact in artifacts]


async def _members(repo: Repo, context: CompletionContext, arguments: Sequence[str]) -> list[str]:
    options = {name: _option(context, name) for name in ("run", "branch", "workflow")}
    filters, rest = with_run_url(SourceFilters(**options), arguments)
    if not rest:
        return await _newest_names(repo)
    artifact = await find_artifact(repo, rest[0], filters)
    async with repo.open_artifact(artifact) as archive:
        files = [name for name in archive.names() if not name.endswith("/")]
    return files[:_MOST_MEMBERS]


def _option(context: CompletionContext, name: str) -> str | None:
    value = context.get(name)
    return None if value is None else value.raw
