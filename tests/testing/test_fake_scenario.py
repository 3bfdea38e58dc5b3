"""Scenario files, the control endpoint, and what the program prints for clients."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async.testing.__main__ import create, describe, main
from tests.testing.support import LIST, REPOSITORY

TOML = """
limits = { primary = 3, enforced = true }

[[repositories]]
name = "octo-org/secret"
private = true

[[runs]]
repository = "octo-org/octo-docs"
run_id = 7
workflow = "nightly.yml"
created_at = "2026-01-02T03:04:05+00:00"

[[artifacts]]
repository = "octo-org/octo-docs"
name = "dist"
run_id = 7
content = { "a.txt" = "hello" }

[[artifacts]]
repository = "octo-org/octo-docs"
name = "report"
file = "report.json"
raw = "report.json"

[[artifacts]]
repository = "octo-org/octo-docs"
name = "late"
content = "text"
after = 3600

[[tokens]]
token = "reader"
permissions = { actions = "read" }

[[faults]]
status = 503
path = "/artifacts$"
times = 2

[[blob_faults]]
kind = "truncate"
after = 10
"""


def options(scenario: Path | None, **others: Any) -> argparse.Namespace:
    """Return the options of a command line."""
    chosen: dict[str, Any] = {
        "port": 0, "blob_port": 0, "token": "t0", "empty": True, "host": "127.0.0.1",
        "public_url": None, "tls": False, "signing": None, "scenario": scenario,
    }  # fmt: skip
    return argparse.Namespace(**chosen | others)


def request(url: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    """Send a request, and return the status and the JSON of the response."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method)) as response:
            content = response.read()
            return response.status, json.loads(content) if content else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_scenario_file(tmp_path: Path, suffix: str) -> None:
    """A TOML or JSON file adds repositories, runs, artifacts, tokens, limits and faults."""
    (tmp_path / "report.json").write_text("{}")
    path = tmp_path / f"scenario{suffix}"
    path.write_text(TOML if suffix == ".toml" else json.dumps(tomllib.loads(TOML)))
    with create(options(path)) as fake:
        artifacts = {artifact.name: artifact for artifact in fake.artifacts(REPOSITORY)}
        assert artifacts.keys() == {"dist", "report"}
        assert artifacts["report"].is_raw
        assert fake.run(artifacts["dist"].run_id).workflow == ".github/workflows/nightly.yml"
        assert fake.run(7).created_at.year == 2026
        assert fake.queued_faults == 3
        assert request(f"{fake.url}/repos/octo-org/secret")[0] == 404
        statuses = [request(f"{fake.url}{LIST}")[0] for _ in range(3)]
        assert statuses == [503, 503, 200]
        assert request(f"{fake.url}/rate_limit")[1]["rate"]["limit"] == 60
        authorized = urllib.request.Request(
            f"{fake.url}/user", headers={"Authorization": "token reader"}
        )
        with urllib.request.urlopen(authorized) as response:
            assert response.headers["X-RateLimit-Limit"] == "3"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"artefacts": []}, "unknown sections artefacts"),
        ({"artifacts": [{"name": "dist"}]}, "artifacts, entry 1: 'repository'"),
        ({"runs": [{"repository": "o"}]}, "runs, entry 1: a repository name must be owner/name"),
        ({"runs": [{"repository": "o/r", "colour": 1}]}, "runs, entry 1: .*colour"),
        ({"blob_faults": [{"kind": "_hidden"}]}, "blob_faults, entry 1: '_hidden'"),
        ({"blob_faults": [{"kind": "melt"}]}, "blob_faults, entry 1: .*melt"),
        ({"limits": {"primary": 0}}, "primary"),
        ([], "mapping of sections"),
    ],
)
def test_a_wrong_scenario(
    tmp_path: Path, document: object, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong scenario ends the program with a message that names the entry."""
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SystemExit):
        main([str(path)])
    assert re.search(problem, capsys.readouterr().err)


def test_the_control_endpoint() -> None:
    """The control endpoint adds artifacts and faults at run time, and reports requests."""
    with create(options(None)) as fake:
        control = f"{fake.url}/_control"
        entry = {"repository": REPOSITORY, "name": "dist", "content": {"a": "b"}}
        added = request(control, "POST", {"artifacts": [entry], "faults": [{"status": 500}]})
        assert added == (201, {"added": 2})
        assert [request(f"{fake.url}{LIST}")[0] for _ in range(2)] == [500, 200]
        assert request(f"{fake.url}/gists")[0] == 404
        _, report = request(control)
        assert report["ready"] is True
        assert report["requests"] == {"GET /repos/{owner}/{repo}/actions/artifacts": 2}
        assert report["unknown_requests"] == ["GET /gists"]
        status, problem = request(control, "POST", {"artifacts": [{}]})
        assert (status, problem["message"]) == (422, "artifacts, entry 1: 'repository'")
        fake.fail_next(500, 500)
        fake.clear_faults()
        request(control, "POST", {"blob_faults": [{"status": 503, "times": 2}]})
        assert fake.queued_faults == 2
        assert request(control, "DELETE") == (204, None)
        assert fake.queued_faults == 0


@pytest.mark.parametrize(
    ("tls", "names"),
    [
        (False, ["GH_HOST=github.localhost", "http_proxy=", "GITHUB_API_URL=", "new Octokit("]),
        (True, ["GH_ENTERPRISE_TOKEN=", "SSL_CERT_FILE=", "NODE_EXTRA_CA_CERTS=", "--cacert"]),
    ],
)
def test_what_the_program_prints(tls: bool, names: list[str]) -> None:
    """The program prints what to export for gh, `ghartifacts`, octokit, PyGithub and curl."""
    with create(options(None, tls=tls)) as fake:
        text = "\n".join(describe(fake))
    for name in [*names, "ghartifacts export ", "curl -H", "Github(base_url=", "/_control"]:
        assert name in text


def test_samples() -> None:
    """Without a scenario, the server has sample artifacts unless it starts empty."""
    with create(options(None, empty=False)) as fake:
        assert len(fake.artifacts(REPOSITORY)) == 4
