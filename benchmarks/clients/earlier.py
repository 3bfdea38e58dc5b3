"""This library at an earlier commit, with the names that it had then."""

from __future__ import annotations

import importlib
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.clients._child import perform, timed


async def fetch(
    package: str, url: str, token: str, target: str, ca: str = "", connections: str = "0"
) -> dict[str, float]:
    """Download the artifact and verify it.

    Args:
        package: Directory that contains the package of the earlier version.
        url: URL of the API.
        token: Token for the API.
        target: Path of the file to write.
        ca: Path of the certificate to trust, or ``""``.
        connections: Number of connections; 0 for the default.
    """
    sys.path.insert(0, package)
    library: Any = importlib.import_module("ghartifacts_async")
    assert Path(library.__file__).is_relative_to(package), library.__file__
    trust = ssl.create_default_context(cafile=ca) if ca else True
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=0)) as session,
        library.Client(
            token, base_url=url, limits=library.Limits.off(), session=session if ca else None
        ) as gh,
    ):
        with timed() as reported:
            download = await gh.repo("octo-org/octo-docs").download_artifact(
                1, target, connections=int(connections) or None, if_exists="replace"
            )
        assert download.verified
    return reported


if __name__ == "__main__":
    perform(fetch)
