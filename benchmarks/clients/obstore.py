"""obstore: https://developmentseed.org/obstore/

It is a client for object stores, so aiohttp requests the signed URL from GitHub first.
"""

from __future__ import annotations

import aiohttp
import obstore
from obstore.store import HTTPStore

from benchmarks.clients._child import perform, timed


async def fetch(url: str, token: str, target: str, _: str = "") -> dict[str, float]:
    """Download the artifact."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    zipped = f"{url}/repos/octo-org/octo-docs/actions/artifacts/1/zip"
    with timed() as reported:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(zipped, allow_redirects=False) as response,
        ):
            location = response.headers["Location"]
        store = HTTPStore.from_url(location, client_options={"allow_http": True, "timeout": "1h"})
        result = await obstore.get_async(store, "")
        with open(target, "wb") as file:
            async for chunk in result.stream(min_chunk_size=2**20):
                file.write(chunk)
    return reported


if __name__ == "__main__":
    perform(fetch)
