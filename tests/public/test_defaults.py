"""The defaults of arguments, which callers rely on without writing them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from ghartifacts_async import (
    Archive,
    ArchiveLimits,
    Client,
    RateLimitPolicy,
    Repo,
    RetryPolicy,
    Timeouts,
)

EXTRACTION = {
    "strip": 0,
    "if_exists": "error",
    "symlinks": "error",
    "backslashes": "error",
    "on_collision": "error",
}
LISTING = {"per_page": 100, "concurrency": 16}
LIMITS = {"limits": ArchiveLimits()}
READING = {"max_size": 64 * 2**20}
BULK = {"concurrency": 8, "template": "{name}-{id}"}


@pytest.mark.parametrize(
    ("method", "defaults"),
    [
        (Repo.list_artifacts, LISTING),
        (Repo.list_run_artifacts, LISTING | {"direction": "desc"}),
        (Repo.list_runs, LISTING),
        (Repo.latest_artifact, {"conclusion": "success"}),
        (Repo.resolve_artifacts, {"conclusion": "success"}),
        (Repo.wait_for_artifact, {"timeout": 600}),
        (Repo.wait_for_run, {"timeout": 600}),
        (
            Repo.download_artifact,
            {"if_exists": "verify", "wait_for_lock": True, "keep_partial": True},
        ),
        (Repo.download_artifacts, BULK | {"if_exists": "verify"}),
        (Repo.extract_artifact, EXTRACTION | LIMITS),
        (Repo.extract_artifacts, EXTRACTION | LIMITS | {"concurrency": 8}),
        (Archive.extract, EXTRACTION),
        (Repo.open_artifact, LIMITS),
        (Repo.read_member, READING | LIMITS),
        (Archive.read, READING),
        (Archive.read_text, READING | {"encoding": "utf-8"}),
        (Archive.read_json, READING),
        (Repo.mirror, BULK),
        (Client.mirror, BULK),
        (Repo.prune, {"dry_run": True}),
        (
            Client,
            {
                "auth": "",  # which is refused
                "base_url": "https://api.github.com",
                "api_version": "2026-03-10",
                "retry": RetryPolicy(),
                "rate_limits": RateLimitPolicy(),
                "timeouts": Timeouts(),
                "conditional": True,
            },
        ),
    ],
)
def test_defaults(method: Callable[..., object], defaults: dict[str, Any]) -> None:
    """All arguments but these are required, None or False by default."""
    parameters = inspect.signature(method).parameters.values()
    found = {
        parameter.name: parameter.default
        for parameter in parameters
        if not any(parameter.default is one for one in (None, False, parameter.empty))
    }
    assert found == defaults
