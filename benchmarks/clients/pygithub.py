"""PyGithub: https://pygithub.readthedocs.io/

Not async, and without a call that downloads an artifact.
"""

from __future__ import annotations

import json
from pathlib import Path

from github import Auth, Github

from benchmarks.clients._child import perform, repeated, timed


def listing(url: str, token: str) -> dict[str, float]:
    """Read the whole listing."""
    # It would wait a quarter of a second between requests.
    github = Github(
        auth=Auth.Token(token), base_url=url, per_page=100, lazy=True, seconds_between_requests=0
    )
    with timed() as told:
        count = sum(1 for _ in github.get_repo("octo-org/octo-docs").get_artifacts())
    return {**told, "count": count}


def parsing(page: str, times: str) -> dict[str, float]:
    """Turn the JSON of a page into values; a field is read when it is asked for."""
    from github.Artifact import Artifact

    text = Path(page).read_bytes()
    requester = Github(auth=Auth.Token("token")).requester

    def read() -> None:
        for attributes in json.loads(text)["artifacts"]:
            artifact = Artifact(requester, {}, attributes)
            assert artifact.name

    return repeated(read, times)


if __name__ == "__main__":
    perform(listing, parsing)
