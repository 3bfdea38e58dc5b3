"""A short run of `benchmarks.campaigns.readers`, which compares the library with other programs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.archive.zip_writer import ZipMember, build_zip
from tests.values import share

NO_CHECKOUT = "the campaigns are only in a source checkout"
ARCHIVES = share(300)

needs_bsdtar = pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is not installed")


@needs_bsdtar
def test_archives_are_read_like_others_read_them() -> None:
    """What `zipfile` and bsdtar read alike is read alike, or refused for a listed reason."""
    readers = pytest.importorskip("benchmarks.campaigns.readers", reason=NO_CHECKOUT)
    tally = readers.compare_many(5, range(ARCHIVES))
    assert tally.failures == {}
    assert tally.outcomes.total() == ARCHIVES
    assert tally.outcomes["read like zipfile"] > ARCHIVES / 5
    assert tally.refused


@needs_bsdtar
def test_the_campaign_reports_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the library read other files than the other programs, the campaign would fail."""
    readers = pytest.importorskip("benchmarks.campaigns.readers", reason=NO_CHECKOUT)
    archive = build_zip(ZipMember("a", b"x"))
    tally = readers.Tally()
    # A defect that the campaign must find.
    monkeypatch.setattr(readers, "unzip", lambda *_: {"a": b"y"})
    readers.check(archive, tmp_path, tally, 7)
    assert [*tally.failures] == [7]
    refused = build_zip(ZipMember("A", b"x"), ZipMember("a", b"y"))
    monkeypatch.undo()
    monkeypatch.setattr(readers, "REFUSALS", {})
    tally = readers.Tally()
    readers.check(refused, tmp_path, tally, 8)
    assert "not listed" in tally.failures[8]
