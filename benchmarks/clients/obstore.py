"""obstore: https://developmentseed.org/obstore/

It knows stores and not GitHub, so the signed URL comes of one request before.
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
    with timed() as told:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(zipped, allow_redirects=False) as answer,
        ):
            location = answer.headers["Location"]
        store = HTTPStore.from_url(location, client_options={"allow_http": True, "timeout": "1h"})
        found = await obstore.get_async(store, "")
        with open(target, "wb") as file:
            async for chunk in found.stream(min_chunk_size=2**20):
                file.write(chunk)
    return told


if __name__ == "__main__":
    perform(fetch)
