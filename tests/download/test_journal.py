"""A journal is valid, or recognised as invalid, no matter when its writer was killed."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._download.journal import Record, header, line, read
from ghartifacts_async._download.ranges import RangeSet
from tests.values import examples

RECORD = Record("https://api/o/r/1", "sha256:ab", 100, '"e"', "dist.zip", "boot")
SPANS = st.lists(
    st.tuples(st.integers(0, 99), st.integers(1, 100)).filter(lambda span: span[0] < span[1]),
    max_size=8,
)


@examples(200)
@given(SPANS, st.integers(0, 500))
def test_a_truncated_journal(spans: list[tuple[int, int]], cut: int) -> None:
    """A journal cut at any byte yields the ranges of its complete lines, or nothing."""
    text = header(RECORD) + b"".join(line(*span) for span in spans)
    text = text[: min(cut, len(text))]
    found = read(text, RECORD.artifact, RECORD.digest, "")
    if b"\n" not in text:
        assert found is None
    else:
        complete = spans[: text.count(b"\n") - 1]
        assert found == evolve(RECORD, spans=tuple(RangeSet(complete)))


def test_a_journal_belongs_to_one_payload() -> None:
    """A journal is used only for the artifact and the digest that it records."""
    text = header(RECORD) + line(0, 10)
    found = read(text, RECORD.artifact, RECORD.digest, "another boot")
    assert found is not None
    assert (found.total, found.validator) == (100, '"e"')
    assert found.spans == ((0, 10),)
    assert read(text, "https://api/o/r/2", RECORD.digest, "boot") is None
    assert read(text, RECORD.artifact, "sha256:cd", "boot") is None


def test_without_a_digest_a_journal_expires_at_reboot() -> None:
    """Without a digest, a journal is used only until the machine restarts."""
    text = header(evolve(RECORD, digest=None)) + line(0, 10)
    assert read(text, RECORD.artifact, None, "boot") is not None
    assert read(text, RECORD.artifact, None, "another boot") is None
    text = header(evolve(RECORD, digest=None, boot="")) + line(0, 10)
    assert read(text, RECORD.artifact, None, "") is None


def test_invalid_journals() -> None:
    """Foreign text, another format version and impossible ranges are rejected."""
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
        good.replace(b'"dist.zip"', b'"a/b"'),
        good.replace(b'"dist.zip"', b'"\\ud800.zip"'),
        good.replace(b'"dist.zip"', b'"%s"' % (b"x" * 256)),
        good.replace(b'"name"', b'"nom"'),
        good + b"5-5\n",
        good + b"5-101\n",
    ):
        assert read(text, RECORD.artifact, RECORD.digest, "boot") is None


@pytest.mark.parametrize("field", ["artifact", "digest", "total", "validator", "name"])
@pytest.mark.parametrize(
    "value", ["true", "1.5", "100.0", "1e400", "NaN", "[]", "[1]", "{}", '{"a": 1}', "7"]
)
def test_wrong_types(field: str, value: str) -> None:
    """A journal with a value of the wrong type is not used."""
    values = {name: json.dumps(value) for name, value in json.loads(header(RECORD)).items()}
    values[field] = value
    text = ", ".join(f'"{name}": {text}' for name, text in values.items())
    found = read(f"{{{text}}}\n0-7\n".encode(), RECORD.artifact, RECORD.digest, "boot")
    assert (found is not None) is ((field, value) == ("total", "7"))


def test_deeply_nested_json() -> None:
    """A journal whose first line is nested too deeply for the parser is not used."""
    for line_of_it in (b"[" * 200_000, b'{"format":' * 200_000):
        assert read(line_of_it + b"\n", RECORD.artifact, RECORD.digest, "boot") is None


def test_a_cut_at_the_first_line_break() -> None:
    """A journal that ends just before its first line break is not used; one after it is empty."""
    text = header(RECORD)
    assert read(text[:-1], RECORD.artifact, RECORD.digest, "boot") is None
    assert read(text, RECORD.artifact, RECORD.digest, "boot") == RECORD


def test_extreme_records() -> None:
    """A journal of an empty payload, or with a name of 255 bytes, is used."""
    for record in (evolve(RECORD, total=0), evolve(RECORD, name="x" * 255)):
        assert read(header(record), RECORD.artifact, RECORD.digest, "boot") == record


def test_incomplete_lines_are_ignored() -> None:
    """A line that was written only in part costs its own bytes, not those of the other lines."""
    for torn in (b"5-1050-60\n", b"\xff\n", b"7\n", b"\n"):
        text = header(RECORD) + line(0, 10) + torn + line(20, 30)
        found = read(text, RECORD.artifact, RECORD.digest, "")
        assert found is not None
        assert found.spans == ((0, 10), (20, 30))


@given(st.binary(max_size=200))
def test_any_bytes(text: bytes) -> None:
    """Any content that no download wrote is read as no journal, without an exception."""
    assert read(text, "a", None, "b") is None
