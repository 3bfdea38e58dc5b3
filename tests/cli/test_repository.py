"""Which repository a command works on: its argument, the environment or the git remote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ghartifacts_async import InvalidArgument
from ghartifacts_async.cli.common import RepositoryCommon
from ghartifacts_async.cli.connection import choose_repository
from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import run


def git(directory: Path, *arguments: str) -> None:
    """Run git in a directory."""
    subprocess.run(["git", *arguments], cwd=directory, check=True, timeout=60)


async def test_where_the_repository_comes_from(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """The repository is -R, the argument, GH_REPO, GITHUB_REPOSITORY or the git remote."""
    names = [
        "a/option",
        "a/argument",
        "a/gh-repo",
        "a/workflow",
        "a/upstream",
        "a/origin",
        "a/resolved",
    ]
    for name in names:
        fake_github.add_artifact(name, name.removeprefix("a/"), b"x")
    host = fake_github.url.removeprefix("http://")
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", f"http://{host}/a/origin.git")
    git(tmp_path, "remote", "add", "other", "https://elsewhere.example/a/other.git")
    git(tmp_path, "remote", "add", "backup", str(tmp_path / "copy"))

    async def listed(*arguments: str, **extra: str) -> str:
        done = await run(fake_github, "list", *arguments, cwd=tmp_path, **extra)
        assert done.status == 0, done.err
        return done.rows()[0][1]

    assert await listed() == "origin"
    git(tmp_path, "remote", "add", "upstream", f"http://{host}/a/upstream")
    assert await listed() == "upstream"
    git(tmp_path, "config", "remote.origin.gh-resolved", "base")
    assert await listed() == "origin"
    git(tmp_path, "config", "remote.origin.gh-resolved", "a/resolved")
    assert await listed() == "resolved"
    assert await listed(GITHUB_REPOSITORY="a/workflow") == "workflow"
    everything = {"GITHUB_REPOSITORY": "a/workflow", "GH_REPO": f"{host}/a/gh-repo"}
    assert await listed(**everything) == "gh-repo"
    assert await listed("a/argument", **everything) == "argument"
    assert await listed("-R", "a/option", **everything) == "option"
    assert await listed("a/option", "-R", f"{host}/A/option", **everything) == "option"


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--run", "{url}"],
        ["ls", "dist", "{url}"],
        ["ls", "dist", "--run", "{url}", "-R", "A/b"],
        ["wait", "dist", "{url}/attempts/1"],
        ["grep", "x", "dist", "--run", "{url}/job/9"],
        ["download", "-D", "out", "--run", "{url}"],
    ],
)
async def test_the_url_of_a_run_names_the_repository(
    fake_github: FakeGitHub, tmp_path: Path, arguments: list[str]
) -> None:
    """The URL of a run also says which repository is meant, as an argument or after `--run`."""
    run_id = fake_github.add_artifact("a/b", "dist", {"a": "x"}).run_id
    fake_github.add_artifact("c/d", "dist", {"a": "y"})
    url = f"{fake_github.url}/a/b/actions/runs/{run_id}"
    given = [one.format(url=url) for one in arguments]
    done = await run(fake_github, *given, cwd=tmp_path, GH_REPO="c/d")
    assert (done.status, bool(done.out)) == (0, True), done.err
    assert not [each for each in fake_github.requests if "/c/d/" in each.path]


@pytest.mark.parametrize("name", ["GH_REPO", "GITHUB_REPOSITORY"])
async def test_a_wrong_repository_in_a_variable(fake_github: FakeGitHub, name: str) -> None:
    """If a variable contains no repository, the error names the variable."""
    first = "docs" if name == "GH_REPO" else ""
    done = await run(fake_github, "list", GH_REPO=first, GITHUB_REPOSITORY="docs")
    assert (done.status, done.err.startswith(f"error: {name}: 'docs' is not a repository")) == (
        2,
        True,
    )


async def test_a_partial_clone(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """In a partial clone, whose filter git prints after the URL, the remote is the repository."""
    fake_github.add_artifact("a/b", "dist", b"x")
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", f"{fake_github.url}/a/b.git")
    git(tmp_path, "config", "remote.origin.promisor", "true")
    git(tmp_path, "config", "remote.origin.partialclonefilter", "blob:none")
    done = await run(fake_github, "list", cwd=tmp_path)
    assert (done.status, len(done.rows())) == (0, 1), done.err


@pytest.mark.skipif(os.name == "nt", reason="the planted programs are shell scripts")
async def test_programs_in_the_working_directory_are_not_run(
    fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A program in the working directory is not run, as Windows would, even if it is in PATH."""
    for name in ("git", "gh"):
        (tmp_path / name).write_text('#!/bin/sh\n: >"${0%/*}/planted"\n')
        (tmp_path / name).chmod(0o755)
    for path in (".", str(tmp_path), ""):
        done = await run(fake_github, "list", cwd=tmp_path, PATH=path)
        assert done.status == 2
        assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("stored", ["", "gho_stored"])
def test_a_git_remote_on_another_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored: str
) -> None:
    """The server of a git remote gets no token unless the GitHub CLI knows the server."""
    for name in os.environ:
        if name.startswith(("GH_", "GITHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GH_HOST", "")  # so that the value that the command sets is removed
    monkeypatch.delenv("GH_HOST")
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "t0ken")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    gh = programs / "gh"
    gh.write_text(f'#!/bin/sh\necho "${{GH_ENTERPRISE_TOKEN}}{stored}"')
    gh.chmod(0o755)
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "git@git.example:a/b.git")
    monkeypatch.chdir(tmp_path)
    if stored:
        assert choose_repository(RepositoryCommon(), []) == ("a/b", [])
        assert os.environ["GH_HOST"] == "git.example"
    else:
        with pytest.raises(InvalidArgument, match="for another server, set GH_HOST"):
            choose_repository(RepositoryCommon(), [])


async def test_no_repository(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Outside of a clone and without a repository, the command exits with 2 and says how."""
    done = await run(fake_github, "list", cwd=tmp_path)
    assert done.status == 2
    assert "OWNER/REPO" in done.err


async def test_a_host_in_the_repository_needs_its_own_token(fake_github: FakeGitHub) -> None:
    """For a repository on another host, the token for this host is not used."""
    done = await run(fake_github, "download", "ghe.example/a/b", "1")
    assert done.status == 4
    assert "no token for ghe.example" in done.err
    assert "GH_ENTERPRISE_TOKEN" in done.err
    assert fake_github.requests == []
