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


def test_a_scenario_without_limits(tmp_path: Path) -> None:
    """Without `limits`, no request is refused, but the headers count the requests."""
    path = tmp_path / "scenario.json"
    path.write_text('{"repositories": [{"name": "octo-org/octo-docs"}]}')
    with create(options(path)) as fake:
        assert {request(f"{fake.url}{LIST}")[0] for _ in range(70)} == {200}
        assert request(f"{fake.url}/rate_limit")[1]["rate"]["remaining"] == 0


ARTIFACT = {"repository": REPOSITORY, "name": "dist"}
FAULT = {"status": 500}
WRONG = [
    ([], "mapping of sections"),
    (5, "mapping of sections"),
    ({"artefacts": []}, "unknown sections artefacts"),
    ({"runs": 5}, "runs must be a list of entries, not 5"),
    ({"runs": {"repository": "o/r"}}, "runs must be a list of entries, not {"),
    ({"runs": [5]}, "runs, entry 1: must be a mapping, not 5"),
    ({"artifacts": [{"name": "dist"}]}, "artifacts, entry 1: the key 'repository' is missing"),
    ({"runs": [{"repository": "o"}]}, "runs, entry 1: a repository name must be owner/name"),
    ({"runs": [{"repository": "o/r", "colour": 1}]}, "runs, entry 1: unknown key 'colour'"),
    ({"runs": [{"repository": "o/r", "attempt": "2"}]}, "'attempt' must be a whole number"),
    ({"runs": [{"repository": "o/r", "attempt": True}]}, "'attempt' must be a whole number"),
    ({"runs": [{"repository": "o/r", "attempt": 10**9}]}, "attempt must be from 1 to 1000"),
    ({"runs": [{"repository": "o/r", "run_id": 2**64}]}, "'run_id' must be a whole number"),
    ({"runs": [{"repository": "o/r", "branch": "\ud800"}]}, "'branch' must be text"),
    ({"commits": [{"repository": "o/r", "files": "a.md"}]}, "'files' must be a list of text"),
    ({"commits": [{"repository": "o/r", "committed_at": "2026-01-02"}]}, "'committed_at' must be"),
    ({"artifacts": [{**ARTIFACT, "created_at": "0001-01-01T00:00+14:00"}]}, "'created_at' must be"),
    ({"artifacts": [{**ARTIFACT, "content": {"a": 5}}]}, "'content' must be a mapping to text or"),
    ({"artifacts": [{**ARTIFACT, "location": "/a\nX-B: c"}]}, "location .* has a line break"),
    ({"artifacts": [{**ARTIFACT, "file": "missing"}]}, "artifacts, entry 1: no file at"),
    ({"tokens": [{"permissions": {"actions": 5}}]}, "'permissions' must be a mapping to text"),
    ({"repositories": [{"repository": "o/r"}]}, "entry 1: unknown key 'repository'; known: name"),
    ({"faults": [{**FAULT, "path": "("}]}, "faults, entry 1: .*unterminated"),
    ({"faults": [{**FAULT, "times": 10**9}]}, "'times' must be from 1 to"),
    ({"faults": [{**FAULT, "headers": {"X-A": "b\r\nc"}}]}, "headers cannot have 'X-A'"),
    ({"faults": [{**FAULT, "connection": "lost"}]}, "'connection' must be 'kept' or 'dropped'"),
    ({"faults": [{**FAULT, "retry_after": float("nan")}]}, "'retry_after' must be a number"),
    ({"faults": [{**FAULT, "retry_after": 1e15, "retry_after_date": True}]}, "retry_after must be"),
    ({"faults": [{"status": 99}]}, "a status must be from 200 to 999, not 99"),
    ({"blob_faults": [{"status": 0}]}, "a status must be from 200 to 999, not 0"),
    ({"blob_faults": [{"kind": "_hidden"}]}, "blob_faults, entry 1: 'kind' must be .*, not '_hid"),
    ({"blob_faults": [{"kind": "melt"}]}, "blob_faults, entry 1: 'kind' must be .*, not 'melt'"),
    ({"blob_faults": [{"kind": "flip", "at": "x"}]}, "'at' must be a whole number"),
]


def delayed(document: Any) -> Any:
    """Return a scenario whose entries take effect later."""
    if not isinstance(document, dict) or "kind" in str(document):
        return document
    return {
        section: [{**entry, "after": 60} if isinstance(entry, dict) else entry for entry in entries]
        for section, entries in document.items()
        if isinstance(entries, list)
    } or document


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        *WRONG,
        ({"limits": {"primary": 0}}, "limits: 'primary' must be > 0"),
        ({"limits": {"primary": "5"}}, "limits: 'primary' must be a whole number"),
        ({"limits": 5}, "limits: must be a mapping"),
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


def test_wrong_values_at_the_control_endpoint() -> None:
    """Wrong values, also of delayed entries, get 422 at the control endpoint, and add nothing."""
    with create(options(None)) as fake:
        for document, problem in [*WRONG, ({"limits": {}}, "unknown sections limits")]:
            for given in (document, delayed(document)):
                status, answer = request(f"{fake.url}/_control", "POST", given)
                assert status == 422, given
                assert re.search(problem, answer["message"])
        for body in (b"{", b"[" * 100_000, b"\xff"):
            sent = urllib.request.Request(f"{fake.url}/_control", body, method="POST")
            with pytest.raises(urllib.error.HTTPError, match="422") as caught:
                urllib.request.urlopen(sent)
            caught.value.close()
        assert request(f"{fake.url}/repos/{REPOSITORY}")[0] == 404
        assert request(f"{fake.url}/_control")[1]["queued_faults"] == 0


def test_control_during_faults(tmp_path: Path) -> None:
    """No fault, rate limit or check applies to requests to the control endpoint."""
    path = tmp_path / "scenario.json"
    path.write_text('{"limits": {"anonymous": 1, "points_per_minute": 1}}')
    with create(options(path)) as fake:
        control = f"{fake.url}/_control"
        assert request(control, "POST", {"faults": [{"status": 500, "times": 2}]})[0] == 201
        wrong = {"Authorization": "token x", "X-GitHub-Api-Version": "x", "User-Agent": ""}
        for _ in range(3):
            with urllib.request.urlopen(urllib.request.Request(control, headers=wrong)) as response:
                assert json.load(response)["queued_faults"] == 2
        assert request(control, "DELETE") == (204, None)
        assert request(f"{fake.url}{LIST}")[0] == 404
        assert request(f"{fake.url}{LIST}")[0] == 403
        assert request(control)[1]["unknown_requests"] == []


def test_delayed_entries_that_conflict(caplog: pytest.LogCaptureFixture) -> None:
    """A delayed entry that conflicts with later data is reported, and fails no other request."""
    with create(options(None)) as fake:
        entry = {**ARTIFACT, "id": 7, "after": 0}
        parent = {"repository": REPOSITORY, "sha": "a" * 40}
        child = {**parent, "sha": "b" * 40, "parents": ["a" * 40], "after": 0}
        added = request(f"{fake.url}/_control", "POST", {"commits": [child], "artifacts": [entry]})
        assert added == (201, {"added": 2})
        fake.add_artifact(REPOSITORY, "other", b"x", id=7)
        assert request(f"{fake.url}{LIST}")[1]["total_count"] == 1
        _, report = request(f"{fake.url}/_control")
        assert report["failures"] == [
            f"commits, entry 1: {REPOSITORY} has no commit {'a' * 40}; add the parent first",
            "artifacts, entry 1: artifact 7 already exists; choose another id",
        ]
        assert caplog.messages == [
            f"a delayed entry cannot take effect: {failure}" for failure in report["failures"]
        ]


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
        assert (status, problem["message"]) == (
            422,
            "artifacts, entry 1: the key 'repository' is missing",
        )
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


@pytest.mark.parametrize(
    ("names", "path"), [([], "/rate_limit"), (["a/b", "c/d"], "/repos/a/b/actions/artifacts")]
)
def test_the_request_to_try(names: list[str], path: str) -> None:
    """The request that the program prints for curl succeeds for every scenario."""
    with create(options(None)) as fake:
        for name in names:
            fake.add_repository(name)
        assert fake.repositories == names
        (url,) = re.findall(r"curl .* '(\S+)'$", describe(fake)[-1])
        assert url == fake.url + path
        assert request(url)[0] == 200


def test_samples() -> None:
    """Without a scenario, the server has sample artifacts unless it starts empty."""
    with create(options(None, empty=False)) as fake:
        assert len(fake.artifacts(REPOSITORY)) == 4
