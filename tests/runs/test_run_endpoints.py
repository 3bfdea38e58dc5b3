"""The calls to the endpoints of runs and commits, and the decoding of their responses."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ghartifacts_async import Artifact, InvalidArgument, UnexpectedReply, from_json
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._runs import endpoints, search
from tests.runs.support import SHA, of_run, run
from tests.values import REPOSITORY, artifact_json, make_response, run_json

BASE = f"/repos/{REPOSITORY}"
COMMITTED = datetime(2026, 1, 22, 19, 33, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("call", "target"),
    [
        (
            endpoints.list_runs(REPOSITORY, None, {"branch": "a/b"}, per_page=100),
            f"{BASE}/actions/runs?per_page=100&branch=a%2Fb",
        ),
        (
            endpoints.list_runs(REPOSITORY, "build & test.yml", {}, per_page=5),
            f"{BASE}/actions/workflows/build%20%26%20test.yml/runs?per_page=5",
        ),
        (
            endpoints.list_runs(REPOSITORY, 7, {}, per_page=5),
            f"{BASE}/actions/workflows/7/runs?per_page=5",
        ),
        (endpoints.get_run(REPOSITORY, 5), f"{BASE}/actions/runs/5"),
        (endpoints.get_attempt(REPOSITORY, 5, 2), f"{BASE}/actions/runs/5/attempts/2"),
        (
            endpoints.list_commits(REPOSITORY, "main", 2),
            f"{BASE}/commits?sha=main&per_page=100&page=2",
        ),
        (
            endpoints.compare(REPOSITORY, "a/..", "b?c"),
            f"{BASE}/compare/a%2F.....b%3Fc?per_page=1",
        ),
    ],
)
def test_targets(call: ApiCall[object], target: str) -> None:
    """Each call has GitHub's path; names in it cannot lead to another path."""
    assert (call.method, call.target) == ("GET", target)


def test_decoding_runs() -> None:
    """A page of runs says whether another follows, and a run is decoded with its repositories."""
    call = endpoints.list_runs(REPOSITORY, None, {}, per_page=1)
    body = {"total_count": 2, "workflow_runs": [run_json()]}
    listed = call.decode(call, make_response(body=body))
    assert listed.page.items == (run(),)
    assert listed.has_more
    get = endpoints.get_run(REPOSITORY, 5)
    assert get.decode(get, make_response(body=run_json())) == run()
    with pytest.raises(UnexpectedReply, match="head_sha"):
        get.decode(get, make_response(body=run_json(head_sha=5)))


@pytest.mark.parametrize(
    ("commit", "committed_at"),
    [
        ({"committer": {"date": "2026-01-22T19:33:08Z"}}, COMMITTED),
        ({"committer": {"date": "2026-01-22T19:33:08"}}, COMMITTED),
        ({"committer": {"date": "someday"}}, None),
        ({"committer": None}, None),
    ],
)
def test_decoding_commits(commit: dict[str, object], committed_at: datetime | None) -> None:
    """A commit has its time, unless GitHub names none or an invalid one."""
    call = endpoints.list_commits(REPOSITORY, SHA, 1)
    (decoded,) = call.decode(call, make_response(body=[{"sha": SHA, "commit": commit}]))
    assert (decoded.sha, decoded.committed_at) == (SHA, committed_at)
    compare = endpoints.compare(REPOSITORY, "main", SHA)
    compared = compare.decode(compare, make_response(body={"merge_base_commit": {"sha": SHA}}))
    assert compared.merge_base_commit.sha == SHA


def test_a_history_with_too_many_commits_on_a_page() -> None:
    """A page with more commits than GitHub sends is refused before they are decoded."""
    call = endpoints.list_commits(REPOSITORY, SHA, 1)
    commits = [{"sha": SHA, "commit": {}}] * 1001
    with pytest.raises(UnexpectedReply, match="1001 items on one page"):
        call.decode(call, make_response(body=commits))


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
def test_commits_at_the_ends_of_the_calendar(date: str) -> None:
    """A commit of any time can be compared with an artifact."""
    call = endpoints.list_commits(REPOSITORY, SHA, 1)
    commit = {"sha": SHA, "commit": {"committer": {"date": date}}}
    (decoded,) = call.decode(call, make_response(body=[commit]))
    for year in (1, 9999):
        artifact = of_run(created_at=datetime(year, 1, 1, tzinfo=UTC))
        assert search.is_older(artifact, decoded) is date.startswith("9999")


def test_an_artifact_without_a_url() -> None:
    """An artifact that GitHub lists before its upload is complete has an empty URL."""
    unfinished = json.dumps(artifact_json(archive_download_url=None))
    assert from_json(unfinished, Artifact).archive_download_url == ""
    with pytest.raises(InvalidArgument, match="archive_download_url"):
        from_json(json.dumps(artifact_json(archive_download_url=5)), Artifact)
