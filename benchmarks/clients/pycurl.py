"""pycurl: http://pycurl.io/docs/latest/quickstart.html

It is not async, so an asyncio program would run it in a thread.
"""

from __future__ import annotations

import pycurl

from benchmarks.clients._child import perform, timed


def fetch(url: str, token: str, target: str, ca: str = "") -> dict[str, float]:
    """Download the artifact."""
    with timed() as reported, open(target, "wb") as file:
        curl = pycurl.Curl()
        curl.setopt(curl.URL, f"{url}/repos/octo-org/octo-docs/actions/artifacts/1/zip")
        accept = "Accept: application/vnd.github+json"
        curl.setopt(curl.HTTPHEADER, [f"Authorization: Bearer {token}", accept])
        curl.setopt(curl.FOLLOWLOCATION, True)
        curl.setopt(curl.FAILONERROR, True)
        curl.setopt(curl.WRITEDATA, file)
        if ca:
            curl.setopt(curl.CAINFO, ca)
        curl.perform()
        curl.close()
    return reported


if __name__ == "__main__":
    perform(fetch)
