"""A manifest is right, or recognisably not, whenever its writer was killed and whoever wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, Digest, from_json
from ghartifacts_async._bulk.manifest import (
    Header,
    ManifestEntry,
    ManifestIndex,
    header_line,
    line,
    read_header,
    read_line,
    worth_rewriting,
)
from tests.values import ARTIFACTS, DIGESTS, JSON_VALUES, SHA256, artifact, examples

ENTRY = ManifestEntry(11, "a/dist-11.zip", 556, 1_795_458_082_439_694_228, Digest("sha256", SHA256))


@examples(100)
@given(ARTIFACTS, DIGESTS, st.integers(0, 2**62))
def test_lines(one: Artifact, digest: Digest, mtime_ns: int) -> None:
    """A line tells of the file what is needed, and all that is known of its artifact."""
    entry = ManifestEntry(one.id, "x.zip", 1, mtime_ns, digest)
    text = line(one, entry)
    assert text.count(b"\n") == 1
    assert read_line(text) == entry
    assert from_json(json.dumps(json.loads(text)["artifact"]), Artifact) == one


@examples(200)
@given(st.integers(0, 2000))
def test_torn_lines(cut: int) -> None:
    """A line that is torn anywhere tells of nothing."""
    text = line(artifact(), ENTRY).rstrip(b"\n")
    assert read_line(text[: min(cut, len(text) - 1)]) is None


@examples(200)
@given(JSON_VALUES)
def test_foreign_lines(value: object) -> None:
    """What is no line of ours tells of nothing, whatever it is."""
    assert read_line(json.dumps(value).encode()) is None
    assert read_header(json.dumps(value).encode()) is None


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", "", "a//b", "C:\\x", "c:x", "a\\..\\x", "a\0",
             "\ud800", "a/" + "x" * 256]
)  # fmt: skip
def test_paths_stay_below(path: str) -> None:
    """A path that leads out of the mirror, or that no system has, is none, whoever wrote it."""
    told = json.loads(line(artifact(), ENTRY)) | {"path": path}
    assert read_line(json.dumps(told).encode()) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("digest", "md5:00"), ("size", "1"), ("mtime_ns", None), ("path", 7), ("artifact", {})],
)
def test_every_field_is_checked(field: str, value: object) -> None:
    """A line with a field of another kind is none."""
    told = json.loads(line(artifact(), ENTRY)) | {field: value}
    assert read_line(json.dumps(told).encode()) is None


def test_headers() -> None:
    """The first line tells of which server the mirror is, and how it is laid out."""
    header = Header("https://api.github.com", "{name}-{id}")
    assert read_header(header_line(header)) == header
    later = json.loads(header_line(header)) | {"format": 2}
    assert read_header(json.dumps(later).encode()) is None
    assert read_line(header_line(header)) is None


def test_the_index() -> None:
    """The last line of an artifact counts; equal files are found from the latest to the first."""
    index = ManifestIndex()
    other = Digest("sha256", "00" * 32)
    for offset, (number, digest) in enumerate([(1, other), (2, ENTRY.digest), (1, ENTRY.digest)]):
        index.add(ManifestEntry(number, "x", 1, 1, digest), offset * 10)
    assert (len(index), index.lines) == (2, 3)
    assert [index.find(number) for number in (1, 2, 3)] == [20, 10, None]
    assert list(index.find_by_digest(ENTRY.digest)) == [20, 10]
    assert list(index.find_by_digest(Digest("sha256", "11" * 32))) == []
    assert index.offsets() == [10, 20]


def test_when_it_is_rewritten() -> None:
    """A manifest is at most some thousand lines longer than twice what it tells."""
    assert not worth_rewriting(1500, 500)
    assert worth_rewriting(1501, 500)
    assert not worth_rewriting(20_000, 10_000)
    assert worth_rewriting(20_001, 10_000)
