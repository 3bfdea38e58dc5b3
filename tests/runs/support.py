"""Runs and artifacts of a FakeGitHub, and models of them, that the tests of runs share."""

from __future__ import annotations

import json
from typing import Any

from ghartifacts_async import Artifact, Run, WorkflowRun, from_json
from tests.values import artifact, run_json

SHA = "acb5820ced9479c074f688cc328bf03f341a511d"


def run(**changes: Any) -> Run:
    """Return a completed, successful run with some fields of its JSON changed."""
    return from_json(json.dumps(run_json(**changes)), Run)


def of_run(run_id: int | None = 30433642, **changes: Any) -> Artifact:
    """Return an artifact of a run on the branch ``main`` of the repository itself."""
    fields = {"repository_id": 1296269, "head_repository_id": 1296269, "head_branch": "main"}
    about = {name: changes.pop(name, value) for name, value in fields.items()}
    sha = changes.pop("head_sha", SHA)
    return artifact(workflow_run=WorkflowRun(run_id, head_sha=sha, **about), **changes)
