"""Users and organizations, and listings of their repositories."""

from __future__ import annotations

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import Send


@pytest.fixture(autouse=True)
def _repositories(fake: FakeGitHub) -> None:
    fake.add_organization("Octo-Org")
    fake.add_repository("octo-org/b")
    fake.add_repository("octo-org/a")
    fake.add_repository("octo-org/secret", private=True)
    fake.add_repository("Mona/site")


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("/orgs/octo-org/repos", ["secret", "a", "b"]),
        ("/users/OCTO-ORG/repos", ["a", "b", "secret"]),
        ("/users/mona/repos", ["site"]),
        ("/user/repos", ["site", "a", "b", "secret"]),
        ("/orgs/octo-org/repos?per_page=2&page=2", ["b"]),
        ("/users/octocat/repos", []),
    ],
)
async def test_repositories(send: Send, target: str, names: list[str]) -> None:
    """Repositories are listed for a user, an organization and the owner of a token."""
    assert [one["name"] for one in (await send(target)).json] == names


async def test_repositories_that_a_token_may_see(send: Send, fake: FakeGitHub) -> None:
    """A private repository is listed only for tokens that may see it."""
    classic = fake.add_token(scopes=["public_repo"])
    granular = fake.add_token(permissions={}, repositories=["octo-org/secret"])
    for token, count in ((classic, 2), (granular, 3), (None, 2)):
        authorization = token and f"Bearer {token}"
        listed = await send("/orgs/octo-org/repos", Authorization=authorization)
        assert len(listed.json) == count
    assert (await send("/user/repos", Authorization=None)).status == 401


async def test_accounts(send: Send) -> None:
    """A user and an organization are found by their login in any case, and others are not."""
    user = (await send("/users/mona")).json
    assert (user["login"], user["type"], user["public_repos"]) == ("Mona", "User", 1)
    organization = (await send("/orgs/OCTO-ORG")).json
    assert (organization["type"], organization["public_repos"]) == ("Organization", 2)
    account = (await send("/users/octo-org")).json
    assert (account["type"], account["id"]) == ("Organization", organization["id"])
    assert (await send("/users/octocat")).json["login"] == "octocat"
    for target in ("/users/nobody", "/orgs/mona", "/orgs/mona/repos", "/users/nobody/repos"):
        assert (await send(target)).status == 404


async def test_a_job(send: Send, fake: FakeGitHub) -> None:
    """A job that a run lists is found by its id, in the repository of the run only."""
    run = fake.add_run("octo-org/a", attempt=2)
    jobs = f"/repos/octo-org/a/actions/runs/{run.id}/jobs?filter=all"
    listed = (await send(jobs)).json["jobs"]
    assert len(listed) == 2
    for job in listed:
        assert (await send(job["url"].removeprefix(fake.url))).json == job
    for name, number in (("a", 5), ("b", listed[0]["id"])):
        assert (await send(f"/repos/octo-org/{name}/actions/jobs/{number}")).status == 404
