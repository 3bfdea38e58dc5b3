"""The commands and their arguments."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from ghartifacts_async import ArtifactListing, ArtifactsError, Client, Repo, to_json
from ghartifacts_async.cli import show
from ghartifacts_async.cli.demo import run_demo
from ghartifacts_async.cli.fetch import Failure, fetch

app: App = App(
    name="python -m ghartifacts_async",
    help="List and download GitHub Actions artifacts. The token is GH_TOKEN, or GITHUB_TOKEN.",
    version_flags=[],
)

Repository = Annotated[str, Parameter(help="OWNER/REPO.")]
Name = Annotated[str | None, Parameter(help="Only artifacts of exactly this name.")]
Run = Annotated[int | None, Parameter(help="Only those of the workflow run of this id.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, one a line.")]


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        return asyncio.run(app.run_async()) or 0
    except ArtifactsError as error:
        print(f"error: {show.printable(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@app.command(name="list")
async def list_(
    repository: Repository, /, *, name: Name = None, run: Run = None, json: AsJson = False
) -> None:
    """List a repository's artifacts, newest first."""
    async with Client.from_env() as gh:
        listing = _listing(gh.repo(repository), name, run)
        if json:
            async for artifact in listing:
                print(to_json(artifact))
        else:
            show.table(await listing.collect())


@app.command
async def download(
    repository: Repository,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Directory to fill.")],
    name: Name = None,
    run: Run = None,
    json: AsJson = False,
) -> int:
    """Download a repository's artifacts, verified.

    A single one goes straight into the directory, several each into a directory of its name.
    """
    async with Client.from_env() as gh:
        repo = gh.repo(repository)
        artifacts = await _listing(repo, name, run).collect()
        with show.bars(quiet=json) as bars:
            outcomes = await fetch(repo, artifacts, output, bars)
    if json:
        for outcome in outcomes:
            print(outcome.to_json() if isinstance(outcome, Failure) else to_json(outcome))
    else:
        show.outcomes(outcomes, output)
    return 1 if any(isinstance(outcome, Failure) for outcome in outcomes) else 0


@app.command
async def demo() -> None:
    """List, download and verify artifacts of a fake GitHub on this machine: no token needed."""
    await run_demo()


def _listing(repo: Repo, name: str | None, run: int | None) -> ArtifactListing:
    if run is None:
        return repo.list_artifacts(name)
    return repo.list_run_artifacts(run, name=name)
