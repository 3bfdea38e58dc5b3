"""A fixture that runs a test with each of the two ways to extract an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Repo
from tests.archive.artifacts import Extract


@pytest.fixture(params=["whole", "ranges"])
def extract(request: pytest.FixtureRequest, repo: Repo) -> Extract:
    """Return a function that extracts an artifact: from a full download, or with range requests."""

    async def extract_ranges(artifact: int, directory: Any, **options: Any) -> list[Path]:
        limits = {"limits": options.pop("limits")} if "limits" in options else {}
        async with repo.open_artifact(artifact, **limits) as archive:
            return await archive.extract(directory, **options)

    return repo.extract_artifact if request.param == "whole" else extract_ranges
