"""httpx, streamed: https://www.python-httpx.org/async/#streaming-responses"""

from __future__ import annotations

import ssl

import httpx

from benchmarks.clients._child import perform, timed


async def fetch(url: str, token: str, target: str, ca: str = "") -> dict[str, float]:
    """Download the artifact."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    zipped = f"{url}/repos/octo-org/octo-docs/actions/artifacts/1/zip"
    trust = ssl.create_default_context(cafile=ca) if ca else True
    async with httpx.AsyncClient(follow_redirects=True, timeout=None, verify=trust) as client:
        with timed() as reported:
            async with client.stream("GET", zipped, headers=headers) as response:
                response.raise_for_status()
                with open(target, "wb") as file:
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)
    return reported


if __name__ == "__main__":
    perform(fetch)
