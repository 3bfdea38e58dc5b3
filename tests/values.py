"""Values and hypothesis strategies for unit tests."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ghartifacts_async import (
    ArchiveLimits,
    Artifact,
    ArtifactPage,
    Digest,
    Download,
    Member,
    Progress,
    WorkflowRun,
)
from ghartifacts_async._api import endpoints
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import hidden

REPOSITORY = "octo-org/octo-docs"
CALL = endpoints.get_artifact(REPOSITORY, 11)
SECRET = "s3cr3t"
SHA256 = "cfc3236bdad15b5898bca8408945c9e19e1917da8704adc20eaa618444290a8c"
OPENAPI = json.loads(Path(__file__).parent.joinpath("data", "openapi-artifact.json").read_bytes())


_SHARE = float(os.environ.get("EXAMPLES_SHARE") or 1)


def share(count: int, least: int = 1) -> int:
    """Return how many of `count` examples are tried: with ``EXAMPLES_SHARE=0.2`` only a fifth."""
    return min(count, max(least, round(count * _SHARE)))


def examples(count: int, *suppressed: HealthCheck) -> settings:
    """Return hypothesis settings for `share(count)` examples without a deadline.

    With a share below 1, each run tries the same examples.
    """
    return settings(
        max_examples=share(count, least=5),
        deadline=None,
        derandomize=_SHARE < 1,
        suppress_health_check=[HealthCheck.too_slow, *suppressed],
    )


def cost(work: Callable[[], object], *, repeat: int = 3) -> float:
    """Return the CPU seconds that a call takes, the best of `repeat` calls."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def assert_not_quadratic(work: Callable[[int], object]) -> None:
    """Check that eight times as much input takes less than 30 times as long."""
    large = cost(lambda: work(32_000), repeat=1)
    if large > 30e-3:
        small = cost(lambda: work(4_000))
        assert min(large, cost(lambda: work(32_000))) < 30 * max(small, 1e-3)


def artifact_json(**changes: Any) -> dict[str, Any]:
    """Return an artifact in GitHub's JSON form, with some fields changed."""
    return {**OPENAPI["examples"]["artifact"], **changes}


def artifact(**changes: Any) -> Artifact:
    """Return an artifact with default values, except for the given fields."""
    fields: dict[str, Any] = {
        "id": 11,
        "node_id": "MDg6QXJ0aWZhY3QxMQ==",
        "name": "dist",
        "size_in_bytes": 556,
        "url": f"https://api.github.com/repos/{REPOSITORY}/actions/artifacts/11",
        "archive_download_url": f"https://api.github.com/repos/{REPOSITORY}/actions/artifacts/11/zip",
        "expired": False,
    }
    return Artifact(**{**fields, **changes})


def run_json(**changes: Any) -> dict[str, Any]:
    """Return a workflow run in GitHub's JSON form (abridged), with some fields changed."""
    repository = {
        "id": 1296269,
        "node_id": "MDEwOlJlcG9zaXRvcnkxMjk2MjY5",
        "name": "octo-docs",
        "full_name": REPOSITORY,
        "owner": {"login": "octo-org", "id": 6811672, "type": "Organization"},
        "private": False,
        "fork": False,
    }
    run = {
        "id": 30433642,
        "name": "Build",
        "node_id": "MDEyOldvcmtmbG93IFJ1bjI2OTI4OQ==",
        "check_suite_id": 42,
        "head_branch": "main",
        "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
        "path": ".github/workflows/ci.yml",
        "run_number": 562,
        "event": "push",
        "display_title": "Update README.md",
        "status": "completed",
        "conclusion": "success",
        "workflow_id": 159038,
        "url": f"https://api.github.com/repos/{REPOSITORY}/actions/runs/30433642",
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/30433642",
        "pull_requests": [],
        "created_at": "2026-01-22T19:33:08Z",
        "updated_at": "2026-01-22T19:35:08Z",
        "actor": {"login": "octocat", "id": 1, "type": "User"},
        "run_attempt": 1,
        "run_started_at": "2026-01-22T19:33:08Z",
        "triggering_actor": {"login": "octocat", "id": 1, "type": "User"},
        "repository": repository,
        "head_repository": repository,
    }
    return {**run, **changes}


def make_response(status: int = 200, body: object = b"", **headers: str) -> Response:
    """Return a response; a `body` that is not bytes is encoded as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    normalized = {name.replace("_", "-"): value for name, value in headers.items()}
    location = hidden(normalized.pop("location", None))
    return Response(status, normalized, raw, location=location)


def without_pairs(text: str) -> bool:
    """Return True if no high surrogate precedes a low one: JSON would join them."""
    return re.search("[\ud800-\udbff][\udc00-\udfff]", text) is None


ANY_TEXT = st.text(st.characters())
"""Text of any characters, including lone surrogates, NUL and control characters."""

JSON_TEXT = ANY_TEXT.filter(without_pairs)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXT, inner, max_size=4),
    max_leaves=12,
)

_ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=_ZONES)  # noqa: DTZ001
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda raw: Digest("sha256", raw.hex()))
COUNTS = st.integers(0, 2**63 - 1)

RUNS = st.builds(
    WorkflowRun,
    id=st.none() | COUNTS,
    repository_id=st.none() | COUNTS,
    head_repository_id=st.none() | COUNTS,
    head_branch=st.none() | JSON_TEXT,
    head_sha=st.none() | JSON_TEXT,
)
ARTIFACTS = st.builds(
    Artifact,
    id=COUNTS,
    node_id=JSON_TEXT,
    name=JSON_TEXT,
    size_in_bytes=COUNTS,
    url=JSON_TEXT,
    archive_download_url=JSON_TEXT,
    expired=st.booleans(),
    created_at=st.none() | MOMENTS,
    expires_at=st.none() | MOMENTS,
    updated_at=st.none() | MOMENTS,
    digest=st.none() | DIGESTS,
    workflow_run=st.none() | RUNS,
)
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(Path)
MODELS = st.one_of(
    ARTIFACTS,
    st.builds(
        ArtifactPage,
        total_count=COUNTS,
        artifacts=st.lists(ARTIFACTS, max_size=3).map(tuple),
    ),
    st.builds(
        Download,
        artifact=ARTIFACTS,
        path=PATHS,
        size=COUNTS,
        digest=DIGESTS,
        verified=st.booleans(),
    ),
    st.builds(
        Progress,
        artifact=ARTIFACTS,
        received=COUNTS,
        total=st.none() | COUNTS,
        rate=st.floats(0, 1e12),
    ),
    st.builds(
        Member,
        name=JSON_TEXT,
        size=COUNTS,
        compressed_size=COUNTS,
        crc32=COUNTS,
        modified=st.none() | MOMENTS,
        mode=COUNTS,
        is_directory=st.booleans(),
    ),
    st.builds(ArchiveLimits, max_members=st.integers(1, 2**63 - 1), max_total_size=COUNTS),
    DIGESTS,
    RUNS,
)
