"""Outcomes and reports tell what went wrong, raise it on demand, and travel."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ghartifacts_async import (
    Deletion,
    Digest,
    DiskError,
    Download,
    MirrorReport,
    NotFound,
    Outcome,
    PruneReport,
)
from tests.values import SHA256, artifact

LOST = NotFound("no such artifact", status=404)
FULL = DiskError("denied", path=Path("x"))


def test_outcomes() -> None:
    """An outcome gives its download or raises its error; a deletion raises its error, if any."""
    download = Download(artifact(), Path("x.zip"), 556, Digest("sha256", SHA256), True)
    assert Outcome(artifact(), download).result() is download
    with pytest.raises(NotFound):
        Outcome(11, error=LOST).result()
    Deletion(11, already_gone=True).raise_for_error()
    with pytest.raises(NotFound):
        Deletion(11, error=LOST).raise_for_error()


def test_reports() -> None:
    """A report raises all of its errors at once, and nothing where all went well."""
    MirrorReport(downloaded=1, expired=3).raise_for_errors()
    report = MirrorReport(
        failed=1, failures=(Outcome(artifact(), error=LOST),), unlisted={"o/a": FULL}
    )
    with pytest.raises(ExceptionGroup, match="1 artifacts and 1 repositories") as caught:
        report.raise_for_errors()
    assert caught.value.exceptions == (FULL, LOST)
    PruneReport(True).raise_for_errors()
    with pytest.raises(ExceptionGroup, match="1 artifacts could not be deleted"):
        PruneReport(False, failures=(Deletion(1, error=LOST),)).raise_for_errors()


def test_they_pickle() -> None:
    """An outcome goes from a worker to whoever waits for it, error and all."""
    again = pickle.loads(pickle.dumps(Outcome(artifact(), error=LOST)))
    assert again.artifact == artifact()
    assert (str(again.error), again.error.status) == (str(LOST), 404)
