"""A journal is right, or recognisably not, whenever its writer was killed."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._download.journal import Record, header, line, read
from ghartifacts_async._download.ranges import BlobInfo, RangeSet
from tests.values import examples

RECORD = Record("https://api/o/r/1", "sha256:ab", 100, '"e"', "dist.zip", "boot")
SPANS = st.lists(
    st.tuples(st.integers(0, 99), st.integers(1, 100)).filter(lambda span: span[0] < span[1]),
    max_size=8,
)


@examples(200)
@given(SPANS, st.integers(0, 500))
def test_cut_anywhere(spans: list[tuple[int, int]], cut: int) -> None:
    """Cut at any byte, it tells of nothing that it did not tell before, or of nothing at all."""
    text = header(RECORD) + b"".join(line(*span) for span in spans)
    text = text[: min(cut, len(text))]
    found = read(text, RECORD.artifact, RECORD.digest, "")
    if b"\n" not in text:
        assert found is None
    else:
        complete = spans[: text.count(b"\n") - 1]
        assert found == evolve(RECORD, spans=tuple(RangeSet(complete)))


def test_what_it_is_of() -> None:
    """It serves the payload that it tells of and no other."""
    text = header(RECORD) + line(0, 10)
    found = read(text, RECORD.artifact, RECORD.digest, "another boot")
    assert found is not None
    assert found.blob == BlobInfo(100, '"e"')
    assert found.spans == ((0, 10),)
    assert read(text, "https://api/o/r/2", RECORD.digest, "boot") is None
    assert read(text, RECORD.artifact, "sha256:cd", "boot") is None


def test_without_a_digest_it_serves_until_the_next_start() -> None:
    """Where nothing else would notice bytes that were lost with the power, it is not believed."""
    text = header(evolve(RECORD, digest=None)) + line(0, 10)
    assert read(text, RECORD.artifact, None, "boot") is not None
    assert read(text, RECORD.artifact, None, "another boot") is None
    text = header(evolve(RECORD, digest=None, boot="")) + line(0, 10)
    assert read(text, RECORD.artifact, None, "") is None


def test_what_is_no_journal() -> None:
    """Foreign text, another format, and spans that cannot be are nothing to go on with."""
    good = header(RECORD)
    for text in (
        b"",
        b"\n",
        b"[]\n",
        b"{}\n",
        b"\xff\xfe\n",
        good.replace(b'"format": 1', b'"format": 2'),
        good.replace(b'"total": 100', b'"total": "x"'),
        good.replace(b'"total": 100', b'"total": -1'),
        good.replace(b'"dist.zip"', b"null"),
        good.replace(b'"dist.zip"', b'""'),
        good.replace(b'"name"', b'"nom"'),
        good + b"5-5\n",
        good + b"5-101\n",
        good + b"5-1050-60\n",
        good + b"\xff\n",
    ):
        assert read(text, RECORD.artifact, RECORD.digest, "boot") is None


@given(st.binary(max_size=200))
def test_any_bytes(text: bytes) -> None:
    """Whatever a file holds, reading it does not fail."""
    read(text, "a", None, "b")
