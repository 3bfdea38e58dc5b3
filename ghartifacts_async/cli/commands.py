"""The commands of the command line and their arguments."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from ghartifacts_async import ArtifactListing, ArtifactsError, Client, Download, Repo, to_json
from ghartifacts_async.cli import show
from ghartifacts_async.cli.demo import run_demo
from ghartifacts_async.cli.fetch import Failure, fetch

_SIGPIPE = 13

app: App = App(
    name="python -m ghartifacts_async",
    help="List and download GitHub Actions artifacts. The token is read from GH_TOKEN or "
    "GITHUB_TOKEN.",
    version=partial(version, "ghartifacts_async"),
    exit_on_error=False,
    result_action="return_value",
)

Repository = Annotated[str, Parameter(help="The repository, as OWNER/REPO.")]
Name = Annotated[str | None, Parameter(help="Only artifacts with exactly this name.")]
Run = Annotated[int | None, Parameter(help="Only artifacts of the workflow run with this id.")]
AsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="Print one JSON object per line.")
]


def main() -> int:
    """Run the command line.

    Returns:
        The exit status. After SIGPIPE or SIGTERM it is 128 plus the signal's number, as in a shell.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C. Raised after the command has cleaned up.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = asyncio.run(_run())
        print(end="", flush=True)
    except ArtifactsError as error:
        show.error(str(error))
        return 1
    except CycloptsError:
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + _SIGPIPE
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    return status


async def _run() -> int:
    """Run a command. SIGTERM cancels it, as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    status: int | None = await app.run_async()
    return status or 0


@app.command(name="list")
async def list_(
    repository: Repository, /, *, name: Name = None, run: Run = None, json: AsJson = False
) -> None:
    """List a repository's artifacts, newest first."""
    async with Client.from_env(on_wait=show.waiting) as gh:
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
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Directory to download to.")],
    name: Name = None,
    run: Run = None,
    json: AsJson = False,
) -> int:
    """Download a repository's artifacts and verify them.

    A single artifact is stored directly in the output directory. If there are several artifacts,
    each is stored in a subdirectory with the artifact's name. Expired artifacts are skipped.
    """
    async with Client.from_env(on_wait=show.waiting) as gh:
        repo = gh.repo(repository)
        artifacts = await _listing(repo, name, run).collect()
        with show.bars(quiet=json) as bars:
            outcomes = await fetch(repo, artifacts, output, bars)
    if json:
        for outcome in outcomes:
            print(to_json(outcome))
    else:
        show.outcomes(outcomes, output)
    if not artifacts:
        show.error(f"{repository} has no artifact" + (f" named {name!r}" if name else ""))
    elif not any(isinstance(outcome, Download | Failure) for outcome in outcomes):
        show.error(f"nothing to download: all {len(artifacts)} artifacts have expired")
    elif not any(isinstance(outcome, Failure) for outcome in outcomes):
        return 0
    return 1


@app.command
async def demo() -> None:
    """List, download and verify artifacts of a local fake GitHub. Needs no token."""
    await run_demo()


def _listing(repo: Repo, name: str | None, run: int | None) -> ArtifactListing:
    if run is None:
        return repo.list_artifacts(name)
    return repo.list_run_artifacts(run, name=name)
