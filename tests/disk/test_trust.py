"""Whom a file or directory belongs to."""

from __future__ import annotations

import os

import pytest

from ghartifacts_async._disk.trust import is_private

USER = 20_002


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such owners")
@pytest.mark.parametrize(
    ("mode", "owner", "expected"),
    [
        (0o40700, USER, True),
        (0o40700, 0, False),
        (0o40710, USER, False),
        (0o40701, USER, False),
    ],
)
def test_a_private_directory(
    monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, expected: bool
) -> None:
    """A directory of root is not one of ours, and one that others can enter is not private."""
    monkeypatch.setattr(os, "geteuid", lambda: USER)
    status = os.stat_result((mode, 1, 1, 2, owner, owner, 0, 0, 0, 0))
    assert is_private(status) is expected
