"""A repository that moved is asked for where it is, and nowhere else."""

from __future__ import annotations

import pytest

from ghartifacts_async._http.redirects import forgotten, relocated, relocation


def test_a_moved_repository_is_remembered_whole() -> None:
    """A permanent redirect of one call says where every path of that repository lies."""
    base = "https://ghe.example/api/v3"
    target = "/repos/old/name/actions/artifacts?per_page=100"
    moved = relocation(base, target, f"{base}/repositories/7/actions/artifacts?per_page=100")
    assert moved == {"/repos/old/name": "/repositories/7"}
    assert relocated("/repos/old/name/actions/artifacts/1/zip", moved) == (
        "/repositories/7/actions/artifacts/1/zip"
    )
    assert relocated("/repos/old/name2/x", moved) == "/repos/old/name2/x"
    assert relocated("/app/x", moved) == "/app/x"
    assert relocation(base, target, f"{base}/repositories/7/other") == {}
    assert relocation(base, "/app/x", f"{base}/app/x") == {}


@pytest.mark.parametrize(
    ("base", "hop"),
    [
        ("https://API.GitHub.com", "https://api.github.com/repositories/1/actions/artifacts/5"),
        ("https://api.github.com:443", "https://api.github.com/repositories/1/actions/artifacts/5"),
        ("https://api.github.com", "https://evil.example/repositories/1/actions/artifacts/5"),
        ("https://h/api/v3", "https://h/api/v30/repositories/1/actions/artifacts/5"),
    ],
)
def test_what_is_remembered_is_a_path(base: str, hop: str) -> None:
    """However the host is spelt, what is remembered of a move cannot name a host."""
    target = "/repos/o/r/actions/artifacts/5"
    for new in relocation(base, target, hop).values():
        assert new == "/repositories/1"


def test_one_move_is_forgotten() -> None:
    """What was not found where it had moved to is forgotten, and nothing else."""
    moved = {"/repos/o/r": "/repositories/1", "/repos/o/r2": "/repositories/2"}
    assert forgotten("/repos/o/r/actions/artifacts/1", moved) == {"/repos/o/r2": "/repositories/2"}
    assert forgotten("/app/x", moved) == moved
