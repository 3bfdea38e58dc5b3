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
        ("/users/OCTO-ORG/repos", ["a", "b"]),
        ("/users/mona/repos", ["site"]),
        ("/user/repos", ["site", "a", "b", "secret"]),
        ("/orgs/octo-org/repos?per_page=2&page=2", ["b"]),
        ("/users/octocat/repos", []),
        ("/users/octo-org/repos?type=all&direction=desc", ["b", "a"]),
        ("/users/octo-org/repos?type=owner&sort=created", ["a", "b"]),
        ("/users/octo-org/repos?type=member", []),
        ("/user/repos?visibility=private", ["secret"]),
        ("/user/repos?visibility=public&sort=updated", ["site", "a", "b"]),
        ("/user/repos?type=owner", []),
        ("/user/repos?type=member&sort=pushed&direction=asc", ["b", "a", "secret", "site"]),
        ("/orgs/octo-org/repos?type=all", ["secret", "a", "b"]),
        ("/orgs/octo-org/repos?type=public&sort=full_name", ["a", "b"]),
        ("/orgs/octo-org/repos?type=private", ["secret"]),
        ("/orgs/octo-org/repos?type=forks", []),
        ("/orgs/octo-org/repos?type=sources&direction=asc", ["b", "a", "secret"]),
    ],
)
async def test_repositories(send: Send, target: str, names: list[str]) -> None:
    """Repositories are listed, selected and sorted as GitHub documents for each listing."""
    assert [one["name"] for one in (await send(target)).json] == names


async def test_forks(send: Send, fake: FakeGitHub) -> None:
    """The repositories of an organization that are forks can be listed alone."""
    fake.add_run("octo-org/a", head_repository="octo-org/a-fork")
    names = [one["name"] for one in (await send("/orgs/octo-org/repos?type=forks")).json]
    assert names == ["a-fork"]


@pytest.mark.parametrize("other", ["visibility=public", "affiliation=owner"])
async def test_a_type_with_a_visibility(send: Send, other: str) -> None:
    """The own repositories are selected by a type, or by visibility and affiliation."""
    response = await send(f"/user/repos?type=all&{other}")
    assert response.status == 422
    assert "type" in response.json["message"]


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


async def test_accounts_that_own_no_repository(send: Send, fake: FakeGitHub) -> None:
    """Each account that the API names has a document at the URL that the API gives for it."""
    run = fake.add_run("octo-org/a", actor="Hubot", head_repository="monalisa/a")
    commit = fake.add_commit("octo-org/a", author="Lisa")
    fake.add_token(login="tokenless")
    fake.rename_repository("mona/site", "other/site")
    shown = (await send(f"/repos/octo-org/a/actions/runs/{run.id}")).json
    authored = (await send(f"/repos/octo-org/a/commits/{commit.sha}")).json
    named = [shown["actor"], shown["head_repository"]["owner"], authored["author"]]
    assert [account["login"] for account in named] == ["Hubot", "monalisa", "Lisa"]
    for account in named:
        found = (await send(account["url"].removeprefix(fake.url))).json
        assert {key: found[key] for key in ("login", "id", "type")} == {
            key: account[key] for key in ("login", "id", "type")
        }
    for login in ("tokenless", "mona", "other"):
        assert (await send(f"/users/{login}")).status == 200


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
