"""Outcomes and reports hold errors, raise them on demand, and can be pickled."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArtifactsError,
    ArtifactsErrorGroup,
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

NOT_FOUND = NotFound("no such artifact", status=404)
DISK_ERROR = DiskError("denied", path=Path("x"))


def test_outcomes() -> None:
    """An outcome returns its download or raises its error; a deletion raises its error, if any."""
    download = Download(artifact(), Path("x.zip"), 556, Digest("sha256", SHA256), True)
    assert Outcome(artifact(), download).result() is download
    with pytest.raises(NotFound):
        Outcome(11, error=NOT_FOUND).result()
    Deletion(11, already_gone=True).raise_for_error()
    with pytest.raises(NotFound):
        Deletion(11, error=NOT_FOUND).raise_for_error()


def test_reports() -> None:
    """A report raises all of its errors as a group, and nothing if there are none."""
    MirrorReport(downloaded=1, expired=3).raise_for_errors()
    report = MirrorReport(
        failed=1, failures=(Outcome(artifact(), error=NOT_FOUND),), unlisted={"o/a": DISK_ERROR}
    )
    with pytest.raises(ExceptionGroup, match="1 artifacts and 1 repositories") as caught:
        report.raise_for_errors()
    assert caught.value.exceptions == (DISK_ERROR, NOT_FOUND)
    PruneReport(True).raise_for_errors()
    with pytest.raises(ExceptionGroup, match="1 artifacts could not be deleted"):
        PruneReport(False, failures=(Deletion(1, error=NOT_FOUND),)).raise_for_errors()


def test_a_group_of_errors_is_an_error_of_the_library() -> None:
    """The group that a report raises is an `ArtifactsError`, can be split and can be pickled."""
    report = MirrorReport(
        failed=1, failures=(Outcome(artifact(), error=NOT_FOUND),), unlisted={"o/a": DISK_ERROR}
    )
    with pytest.raises(ArtifactsError) as caught:
        report.raise_for_errors()
    group = caught.value
    assert isinstance(group, ArtifactsErrorGroup)
    assert str(group) == group.summary == "1 artifacts and 1 repositories could not be mirrored"
    matching, rest = group.split(NotFound)
    assert isinstance(matching, ArtifactsErrorGroup)
    assert isinstance(rest, ArtifactsErrorGroup)
    assert (matching.exceptions, rest.exceptions) == ((NOT_FOUND,), (DISK_ERROR,))
    group.add_note("seen by a worker")
    unpickled = pickle.loads(pickle.dumps(group))
    assert type(unpickled) is ArtifactsErrorGroup
    assert str(unpickled) == str(group)
    assert unpickled.__notes__ == ["seen by a worker"]
    assert list(map(str, unpickled.exceptions)) == [str(DISK_ERROR), str(NOT_FOUND)]


def test_outcomes_pickle() -> None:
    """A pickled outcome keeps its artifact and its error."""
    unpickled = pickle.loads(pickle.dumps(Outcome(artifact(), error=NOT_FOUND)))
    assert unpickled.artifact == artifact()
    assert (str(unpickled.error), unpickled.error.status) == (str(NOT_FOUND), 404)


def test_an_empty_report() -> None:
    """A report in which nothing is counted has only zeros."""
    report, pruned = MirrorReport(), PruneReport(True)
    assert [report.downloaded, report.linked, report.skipped, report.expired] == [0] * 4
    assert [report.failed, report.received, report.seconds] == [0] * 3
    assert [pruned.kept, pruned.deleted, pruned.size] == [0] * 3
