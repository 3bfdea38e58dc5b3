"""Both ways to unpack an archive, for the tests that hold for either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Repo
from tests.archive.artifacts import Extract


@pytest.fixture(params=["whole", "ranges"])
def extract(request: pytest.FixtureRequest, repo: Repo) -> Extract:
    """Both ways to unpack: out of a download, and by ranges."""

    async def by_ranges(artifact: int, directory: Any, **options: Any) -> list[Path]:
        limits = {"limits": options.pop("limits")} if "limits" in options else {}
        async with repo.open_artifact(artifact, **limits) as archive:
            return await archive.extract(directory, **options)

    return repo.extract_artifact if request.param == "whole" else by_ranges
