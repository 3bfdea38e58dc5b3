"""The pull requests to which runs belong can be read, as bots do before they look for artifacts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import REPOSITORY, Send

PULLS = f"/repos/{REPOSITORY}/pulls"


@pytest.fixture(autouse=True)
def _pull_requests(fake: FakeGitHub) -> None:
    """Two runs of pull request 5, one of 6, which comes from a fork, and one of none."""
    fake.add_organization("octo-org")
    fake.add_commit(REPOSITORY, "a" * 40)
    fake.add_commit(REPOSITORY, "b" * 40, branch="feature", message="Add a page\n\nIt was missing.")
    options: dict[str, Any] = {"event": "pull_request", "branch": "feature"}
    fake.add_run(REPOSITORY, 1, pull_request=5, head_sha="c" * 40, actor="mona", **options)
    fake.add_run(REPOSITORY, 2, pull_request=5, **options)
    fake.add_run(REPOSITORY, 3, pull_request=6, head_repository="mona/octo-docs", **options)
    fake.add_run(REPOSITORY, 4)


async def test_a_pull_request(send: Send, fake: FakeGitHub) -> None:
    """Its head is the commit of its newest run, and its base the newest commit of `main`."""
    document = (await send(f"{PULLS}/5")).json
    assert (document["number"], document["state"], document["title"]) == (5, "open", "Add a page")
    assert (document["head"]["sha"], document["head"]["ref"]) == ("b" * 40, "feature")
    assert (document["base"]["sha"], document["base"]["label"]) == ("a" * 40, "octo-org:main")
    assert (document["user"]["login"], document["mergeable"]) == ("mona", True)
    run = (await send(f"/repos/{REPOSITORY}/actions/runs/2")).json
    short = run["pull_requests"][0]
    assert (short["url"], short["id"]) == (document["url"], document["id"])
    assert short["base"]["sha"] == "a" * 40
    assert (await send(short["url"].removeprefix(fake.url))).json == document
    assert (await send(f"{PULLS}/7")).status == 404


async def test_a_pull_request_into_an_empty_repository(send: Send, fake: FakeGitHub) -> None:
    """The base has a made-up commit if `main` has none."""
    fake.add_run("octo-org/empty", pull_request=1, head_sha="c" * 40)
    document = (await send("/repos/octo-org/empty/pulls/1")).json
    assert re.fullmatch("[0-9a-f]{40}", document["base"]["sha"])


async def test_a_pull_request_of_a_fork(send: Send) -> None:
    """Its head belongs to the fork."""
    head = (await send(f"{PULLS}/6")).json["head"]
    assert (head["label"], head["repo"]["full_name"]) == ("mona:feature", "mona/octo-docs")
    assert head["repo"]["fork"] is True


@pytest.mark.parametrize(
    ("target", "numbers"),
    [
        (PULLS, [6, 5]),
        (f"{PULLS}?direction=asc", [5, 6]),
        (f"{PULLS}?per_page=1&page=2", [5]),
        (f"{PULLS}?state=closed", []),
        (f"{PULLS}?state=all&base=main", [6, 5]),
        (f"{PULLS}?base=release", []),
        (f"{PULLS}?head=mona:feature", [6]),
        (f"{PULLS}?head=feature", [6, 5]),
        (f"/repos/{REPOSITORY}/commits/{'b' * 40}/pulls", [6, 5]),
        (f"/repos/{REPOSITORY}/commits/{'c' * 40}/pulls", [5]),
        (f"/repos/{REPOSITORY}/commits/main/pulls", []),
    ],
)
async def test_listing_pull_requests(send: Send, target: str, numbers: list[int]) -> None:
    """Pull requests are found by branch, base and commit; all are open."""
    assert [each["number"] for each in (await send(target)).json] == numbers


async def test_pull_requests_of_an_unknown_commit(send: Send) -> None:
    """A commit that does not exist gets 422, as the commit itself does."""
    response = await send(f"/repos/{REPOSITORY}/commits/{'d' * 40}/pulls")
    assert (response.status, response.json["message"]) == (
        422,
        f"No commit found for SHA: {'d' * 40}",
    )


async def test_permissions(send: Send, fake: FakeGitHub) -> None:
    """A fine-grained token needs a permission for the pull requests of a private repository."""
    fake.add_repository(REPOSITORY, private=True)
    for permission, status in (("actions", 403), ("pull_requests", 200)):
        token = fake.add_token(permissions={permission: "read"})
        response = await send(f"{PULLS}/5", Authorization=f"Bearer {token}")
        assert response.status == status
        accepted = response.headers["X-Accepted-GitHub-Permissions"]
        assert accepted == "pull_requests=read"


async def test_the_order_of_a_listing(send: Send, fake: FakeGitHub) -> None:
    """The newest pull request is first, even if an older one has the newest run."""
    fake.add_run(REPOSITORY, 5, pull_request=5, event="pull_request", branch="feature")
    assert [each["number"] for each in (await send(PULLS)).json] == [6, 5]


async def test_what_a_listing_leaves_out(send: Send) -> None:
    """A listing lacks, among others, whether a pull request can be merged, and by whom it was."""
    (listed,) = (await send(f"{PULLS}?head=mona:feature")).json
    document = (await send(f"{PULLS}/6")).json
    assert {"mergeable", "merged_by"} <= document.keys() - listed.keys()
