"""Lines of a manifest: written, read back, and rejected if incomplete or invalid."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, Digest
from ghartifacts_async._bulk.manifest import (
    FileRecord,
    Header,
    ManifestIndex,
    entry_line,
    header_line,
    read_artifact,
    read_entry,
    read_header,
    should_compact,
)
from tests.values import ARTIFACTS, DIGESTS, JSON_VALUES, SHA256, artifact, examples

ENTRY = FileRecord(11, "a/dist-11.zip", 556, 1_795_458_082_439_694_228, Digest("sha256", SHA256))


@examples(100)
@given(ARTIFACTS, DIGESTS, st.integers(0, 2**62))
def test_entries(sample: Artifact, digest: Digest, mtime_ns: int) -> None:
    """An entry can be read back, and its line contains all fields of the artifact."""
    entry = FileRecord(sample.id, "x.zip", 1, mtime_ns, digest)
    text = entry_line(sample, entry)
    assert text.count(b"\n") == 1
    assert read_entry(text) == entry
    assert read_artifact(text) == sample


@examples(200)
@given(st.integers(0, 2000))
def test_incomplete_lines(cut: int) -> None:
    """A line that is cut off at any byte is not accepted as an entry."""
    text = entry_line(artifact(), ENTRY).rstrip(b"\n")
    assert read_entry(text[: min(cut, len(text) - 1)]) is None


@examples(200)
@given(JSON_VALUES)
def test_foreign_lines(value: object) -> None:
    """An arbitrary JSON value is accepted neither as an entry nor as a header."""
    assert read_entry(json.dumps(value).encode()) is None
    assert read_artifact(json.dumps(value).encode()) is None
    assert read_header(json.dumps(value).encode()) is None


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "", "a//b", "C:\\x", "c:x", "a\\..\\x", "a\0",
             "\ud800", "a/" + "x" * 256]
)  # fmt: skip
def test_paths_stay_below(path: str) -> None:
    """An entry is rejected if its path leads outside the mirror or cannot exist."""
    values = json.loads(entry_line(artifact(), ENTRY)) | {"path": path}
    assert read_entry(json.dumps(values).encode()) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("digest", "md5:00"), ("size", "1"), ("mtime_ns", None), ("path", 7), ("artifact", {})],
)
def test_every_field_is_checked(field: str, value: object) -> None:
    """A line with an invalid field is not an entry."""
    values = json.loads(entry_line(artifact(), ENTRY)) | {field: value}
    assert read_entry(json.dumps(values).encode()) is None


def test_headers() -> None:
    """The header records the server and the template; another format version is rejected."""
    header = Header("https://api.github.com", "{name}-{id}")
    assert read_header(header_line(header)) == header
    later = json.loads(header_line(header)) | {"format": 2}
    assert read_header(json.dumps(later).encode()) is None
    assert read_entry(header_line(header)) is None


def test_the_index() -> None:
    """An artifact's last line replaces earlier ones; digest lookups yield the latest line first."""
    index = ManifestIndex()
    other = Digest("sha256", "00" * 32)
    for offset, (number, digest) in enumerate([(1, other), (2, ENTRY.digest), (1, ENTRY.digest)]):
        index.add(FileRecord(number, "x", 1, 1, digest), offset * 10)
    assert (len(index), index.lines) == (2, 3)
    assert [index.find(number) for number in (1, 2, 3)] == [20, 10, None]
    assert list(index.find_by_digest(ENTRY.digest)) == [20, 10]
    assert list(index.find_by_digest(Digest("sha256", "11" * 32))) == []
    assert index.offsets() == [10, 20]


def test_when_a_manifest_is_compacted() -> None:
    """A manifest is compacted if more than half of its lines, and over 1,000, are replaced ones."""
    assert not should_compact(1500, 500)
    assert should_compact(1501, 500)
    assert not should_compact(20_000, 10_000)
    assert should_compact(20_001, 10_000)
