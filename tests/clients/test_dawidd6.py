"""The action dawidd6/action-download-artifact, which workflows use to find artifacts of other runs.

No package registry has the action, so a pipeline cannot install it. To run these tests, set
`DAWIDD6_ACTION` to the directory of a clone in which `npm ci` has been run. They pass with commit
0015e1bd.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.clients.base import REPOSITORY, program
from tests.clients.programs import run

ACTION = os.environ.get("DAWIDD6_ACTION")
SWITCHES = (
    "name_is_regexp", "skip_unpack", "use_unzip", "merge_multiple", "workflow_search",
    "check_artifacts", "search_artifacts", "allow_forks",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    ACTION is None,
    reason="no registry has dawidd6/action-download-artifact; set DAWIDD6_ACTION to a clone of it",
)


def act(fake: FakeGitHub, directory: Path, **inputs: str) -> Any:
    """Run the action with these inputs, and return the finished process."""
    defaults = {
        "github_token": fake.token,
        "repo": REPOSITORY,
        "path": str(directory / "artifact"),
        "name": "dist",
        "workflow_conclusion": "success",
        "if_no_artifact_found": "fail",
    }
    values = {**dict.fromkeys(SWITCHES, "false"), **defaults, **inputs}
    output = directory / "output"
    output.touch()
    environment = {
        "GITHUB_API_URL": fake.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_OUTPUT": str(output),
        **{f"INPUT_{name.upper()}": value for name, value in values.items()},
    }
    return run([program("node"), "main.js"], environment, cwd=ACTION, text=True)


@pytest.mark.parametrize(
    "inputs",
    [
        {"workflow": "ci.yml", "branch": "main"},
        {"workflow": "ci.yml", "ref": "main"},
        {"workflow_search": "true", "search_artifacts": "true"},
        {"run_id": "7"},
    ],
)
def test_a_download(tmp_path: Path, inputs: dict[str, str]) -> None:
    """The action finds the artifact by workflow, branch or run, and passes over a fork's run."""
    with FakeGitHub(signing="azure") as fake:
        fake.add_commit(REPOSITORY)
        mine = fake.add_run(REPOSITORY, 7)
        fake.add_artifact(REPOSITORY, "dist", {"a.txt": b"mine"}, run_id=mine)
        theirs = fake.add_run(REPOSITORY, head_repository="mona/octo-docs")
        fake.add_artifact(REPOSITORY, "dist", {"a.txt": b"theirs"}, run_id=theirs)
        done = act(fake, tmp_path, **inputs)
        assert done.returncode == 0, done.stdout
        assert (tmp_path / "artifact" / "a.txt").read_bytes() == b"mine"
        assert fake.unknown_requests == []


def test_a_pull_request(tmp_path: Path) -> None:
    """The action finds the artifact of the newest commit of a pull request from a fork."""
    with FakeGitHub(signing="azure") as fake:
        run = fake.add_run(
            REPOSITORY, event="pull_request", pull_request=5, head_repository="mona/octo-docs"
        )
        fake.add_artifact(REPOSITORY, "dist", {"a.txt": b"theirs"}, run_id=run)
        done = act(fake, tmp_path, pr="5", workflow="ci.yml", allow_forks="true")
        assert done.returncode == 0, done.stdout
        assert (tmp_path / "artifact" / "a.txt").read_bytes() == b"theirs"
        assert fake.unknown_requests == []


def test_failures(tmp_path: Path) -> None:
    """The action reports an artifact that has expired, and one that does not exist."""
    with FakeGitHub(signing="azure") as fake:
        run_id = fake.add_artifact(REPOSITORY, "dist", {"a.txt": b""}, expired=True).run_id
        expired = act(fake, tmp_path, run_id=str(run_id))
        assert (expired.returncode, "(expired)" in expired.stdout) == (1, True)
        missing = act(fake, tmp_path, run_id=str(run_id), name="none")
        assert (missing.returncode, "no artifacts found" in missing.stdout) == (1, True)
