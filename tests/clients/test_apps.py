"""Clients that authenticate as a GitHub App, and what bots do with runs and commits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.clients.base import NAME, OWNER, REPOSITORY, library
from tests.clients.programs import NodeClient
from tests.support import rsa_keys

pytestmark = pytest.mark.filterwarnings("default")  # of the clients' libraries


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A server with an app that has two installations."""
    with FakeGitHub(signing="azure") as server:
        server.add_app(7, rsa_keys()[1], 42, [REPOSITORY])
        server.add_app(7, rsa_keys()[1], 43, ["mona/site"])
        server.add_artifact(REPOSITORY, "dist", b"x", id=11)
        yield server


class OctokitApp(NodeClient):
    """The class `App` of octokit."""

    script = "app"


def test_octokit_app(fake: FakeGitHub, tmp_path: Path) -> None:
    """Octokit's App lists its installations, and the artifacts that one of them may read."""
    client = OctokitApp(fake, fake.token, tmp_path)
    found = client._drive("app", app=7, key=rsa_keys()[0])
    assert found == {"installations": [42, 43], "artifacts": [11]}


def test_pygithub_integration(fake: FakeGitHub) -> None:
    """PyGithub lists the installations of an app, and uses the token of one of them."""
    github = library("github")
    auth = github.Auth.AppAuth(7, rsa_keys()[0])
    with github.GithubIntegration(auth=auth, base_url=fake.url) as integration:
        assert sorted(one.id for one in integration.get_installations()) == [42, 43]
        assert integration.get_repo_installation(OWNER, NAME).id == 42
        assert integration.get_user_installation("mona").id == 43
        client = integration.get_github_for_installation(42)
        client.requester._Requester__seconds_between_requests = 0
        assert [one.id for one in client.get_repo(REPOSITORY).get_artifacts()] == [11]


def test_pygithub_runs(fake: FakeGitHub) -> None:
    """PyGithub lists the runs of a repository with filters, and of a workflow."""
    github = library("github")
    run = fake.add_run(REPOSITORY, workflow="nightly.yml", branch="dev", attempt=2)
    auth = github.Auth.Token(fake.token)
    options = {"seconds_between_requests": 0, "seconds_between_writes": 0}
    with github.Github(auth=auth, base_url=fake.url, **options) as client:
        repository = client.get_repo(REPOSITORY)
        found = list(repository.get_workflow_runs(branch="dev", status="success"))
        assert [(one.id, one.run_attempt) for one in found] == [(run.id, 2)]
        workflow = repository.get_workflow("nightly.yml")
        assert [one.id for one in workflow.get_runs()] == [run.id]
        assert [job.run_id for job in found[0].jobs()] == [run.id]
        assert client.get_user().login == "octocat"
        assert client.get_rate_limit().resources.core.limit == 5000


def test_pygithub_pull_requests(fake: FakeGitHub) -> None:
    """PyGithub finds a pull request, by its number and by a commit, and the runs of its branch."""
    github = library("github")
    fake.add_organization(OWNER)
    commit = fake.add_commit(REPOSITORY, branch="dev")
    run = fake.add_run(REPOSITORY, branch="dev", event="pull_request", pull_request=5)
    auth = github.Auth.Token(fake.token)
    with github.Github(auth=auth, base_url=fake.url, seconds_between_requests=0) as client:
        organization = client.get_organization(OWNER)
        assert [one.full_name for one in organization.get_repos()] == [REPOSITORY]
        repository = client.get_repo(REPOSITORY)
        assert [one.number for one in repository.get_pulls(head=f"{OWNER}:dev")] == [5]
        pull = repository.get_pull(5)
        assert (pull.head.sha, pull.head.repo.full_name) == (commit.sha, REPOSITORY)
        assert [one.number for one in repository.get_commit(commit.sha).get_pulls()] == [5]
        assert [one.id for one in repository.get_workflow_runs(branch=pull.head.ref)] == [run.id]
        assert [branch.name for branch in repository.get_branches()] == ["dev"]
    assert fake.unknown_requests == []


def test_pygithub_commits(fake: FakeGitHub) -> None:
    """PyGithub lists a history, and compares branches whose names have slashes."""
    github = library("github")
    first = fake.add_commit(REPOSITORY)
    newest = fake.add_commit(REPOSITORY, branch="release/1.x", message="Fix it")
    auth = github.Auth.Token(fake.token)
    with github.Github(auth=auth, base_url=fake.url, seconds_between_requests=0) as client:
        repository = client.get_repo(REPOSITORY)
        listed = [commit.sha for commit in repository.get_commits(sha="release/1.x")]
        assert listed == [newest.sha, first.sha]
        assert repository.get_commit(newest.sha).commit.message == "Fix it"
        assert repository.get_branch("release/1.x").commit.sha == newest.sha
        compared = repository.compare("main", "release/1.x")
        assert (compared.ahead_by, compared.merge_base_commit.sha) == (1, first.sha)
        assert [commit.sha for commit in compared.commits] == [newest.sha]
