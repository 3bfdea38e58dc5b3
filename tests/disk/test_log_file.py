"""The log file that a mirror's manifest is kept in."""

from __future__ import annotations

from pathlib import Path

from ghartifacts_async._disk.log_file import LogFile
from ghartifacts_async._disk.safe_open import Directory


def test_rewriting_does_not_follow_a_planted_link(tmp_path: Path) -> None:
    """A link at the path of the replacement is replaced, and the file behind it is unchanged."""
    victim, replacement = tmp_path / "victim", tmp_path / "new"
    victim.write_bytes(b"precious")
    replacement.symlink_to(victim)
    with Directory(tmp_path) as directory:
        LogFile(directory, "log", "new").rewrite([b"first\n", b"second"])
    assert (tmp_path / "log").read_bytes() == b"first\nsecond\n"
    assert victim.read_bytes() == b"precious"
    assert not replacement.exists()
