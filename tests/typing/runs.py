"""Uses of the API of runs and webhooks that type checkers check; this module is never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

from ghartifacts_async import (
    Artifact,
    Client,
    Rejection,
    Repo,
    RepositoryInfo,
    Resolution,
    Run,
    RunListing,
    RunPage,
    webhooks,
)


async def runs(repo: Repo) -> None:
    """List runs, and find and await artifacts."""
    listing = repo.list_runs(workflow="ci.yml", branch="main")
    assert_type(listing, RunListing)
    assert_type(await listing.first(), Run | None)
    async for page in listing.pages():
        assert_type(page, RunPage)
    run = await repo.get_run("5")
    assert_type(run, Run)
    assert_type(run.head_repository, RepositoryInfo | None)
    assert_type(await repo.latest_artifact("dist", max_age=None), Artifact)
    found = await repo.resolve_artifacts(["dist"], require=("dist",))
    assert_type(found, Resolution)
    assert_type(found.artifacts, Mapping[str, Artifact])
    assert_type(found.rejected, tuple[Rejection, ...])
    assert_type(await repo.wait_for_artifact("dist", run_id=run), Artifact)
    assert_type(await repo.wait_for_run(run), Run)
    await repo.latest_artifact("dist", brunch="main")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def bot(gh: Client, headers: Mapping[str, str], body: bytes) -> None:
    """Handle a webhook as a bot does."""
    event = webhooks.parse(headers, body, secret=["new", "old"])
    assert_type(event, webhooks.Event)
    assert_type(event.run, Run | None)
    if isinstance(event, webhooks.WorkflowRunEvent):
        assert_type(event.run, Run)
        assert_type(event.repository, RepositoryInfo)
        if event.installation_id is not None:
            repo = gh.for_installation(event.installation_id).repo(event.repository.full_name)
            repo.waiter.notify(event)
    elif isinstance(event, webhooks.WorkflowJobEvent):
        assert_type(event.job.run_id, int)
