"""Methods refuse flags that are neither True nor False."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ghartifacts_async import Client, InvalidArgument, Repo
from tests.support import REPOSITORY


@pytest.mark.parametrize(
    ("flag", "call"),
    [
        ("exclude_pull_requests", lambda repo, **flag: repo.list_runs(**flag)),
        ("include_expired", lambda repo, **flag: repo.latest_artifact("dist", **flag)),
        ("include_expired", lambda repo, **flag: repo.resolve_artifacts("dist", **flag)),
        ("any_conclusion", lambda repo, **flag: repo.wait_for_artifact("dist", run_id=1, **flag)),
        ("wait_for_lock", lambda repo, **flag: repo.download_artifact(1, "out", **flag)),
        ("keep_partial", lambda repo, **flag: repo.download_artifact(1, "out", **flag)),
        ("durable", lambda repo, **flag: repo.download_artifact(1, "out", **flag)),
        ("durable", lambda repo, **flag: repo.download_artifacts([1], "out", **flag)),
        ("durable", lambda repo, **flag: repo.mirror("out", **flag)),
        ("portable", lambda repo, **flag: repo.extract_artifact(1, "out", **flag)),
        ("merge", lambda repo, **flag: repo.extract_artifacts([1], "out", **flag)),
        ("dry_run", lambda repo, **flag: repo.prune(keep_latest=1, **flag)),
    ],
)
async def test_flags_of_methods(repo: Repo, flag: str, call: Callable[..., Any]) -> None:
    """Each method refuses a flag that is not a bool, before it sends a request."""
    with pytest.raises(InvalidArgument, match=f"{flag} must be True or False, not 'no'"):
        await call(repo, **{flag: "no"})


async def test_flags_of_a_client(gh: Client) -> None:
    """A client refuses flags that are not a bool, also in a mirror of several repositories."""
    for flag in ({"trust_env": "no"}, {"conditional": "no"}):
        with pytest.raises(InvalidArgument, match="must be True or False, not 'no'"):
            Client("token", **flag)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="durable must be True or False"):
        await gh.mirror([REPOSITORY], "out", durable="no")  # type: ignore[arg-type]
