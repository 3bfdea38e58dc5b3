"""PyGithub: https://pygithub.readthedocs.io/

It is not async and cannot download artifacts.
"""

from __future__ import annotations

import json
from pathlib import Path

from github import Auth, Github

from benchmarks.clients._child import perform, timed, timed_repetitions


def listing(url: str, token: str) -> dict[str, float]:
    """List all artifacts."""
    # By default, PyGithub waits 0.25 s between requests.
    github = Github(
        auth=Auth.Token(token), base_url=url, per_page=100, lazy=True, seconds_between_requests=0
    )
    with timed() as reported:
        count = sum(1 for _ in github.get_repo("octo-org/octo-docs").get_artifacts())
    return {**reported, "count": count}


def parsing(page: str, times: str) -> dict[str, float]:
    """Parse the JSON of a page. PyGithub parses a field when it is read."""
    from github.Artifact import Artifact

    text = Path(page).read_bytes()
    requester = Github(auth=Auth.Token("token")).requester

    def read() -> None:
        for attributes in json.loads(text)["artifacts"]:
            artifact = Artifact(requester, {}, attributes)
            assert artifact.name

    return timed_repetitions(read, times)


if __name__ == "__main__":
    perform(listing, parsing)
