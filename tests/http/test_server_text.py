"""Text that a server sends: it is parsed in linear time, and never raises foreign exceptions."""

from __future__ import annotations

import importlib
import inspect
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async._api.converters import ShapeError
from ghartifacts_async._http.headers import (
    MAX_SIZE,
    Headers,
    accepts_ranges,
    is_etag,
    is_validator,
    read_headers,
)
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async.errors import ArtifactsError
from tests.architecture.structure import PURE
from tests.http.server_text import OF_HEADERS, OTHER_TEXT, PARSERS, STARTS, UNITS
from tests.values import assert_not_quadratic, examples


def test_every_function_that_takes_text_is_listed() -> None:
    """A new function that may take a server's text is tested here, or listed with a reason."""
    found = set()
    for module in PURE:
        if not module.startswith(("_api.", "_download.", "_http.")):
            continue
        for name, function in vars(importlib.import_module(f"ghartifacts_async.{module}")).items():
            own = inspect.isfunction(function) and function.__module__.endswith(f".{module}")
            if own and not name.startswith("_"):
                parameters = inspect.signature(function).parameters.values()
                kinds = {str(parameter.annotation) for parameter in parameters}
                if kinds & {"Response", "Mapping[str, str]", "str", "str | bytes", "bytes"}:
                    found.add(f"{module}.{name}")
    assert found <= PARSERS.keys() | OTHER_TEXT.keys()
    assert not PARSERS.keys() & OTHER_TEXT.keys()


@pytest.mark.parametrize("name", PARSERS)
def test_hostile_text_is_parsed_in_linear_time(name: str) -> None:
    """No text that a server sends can stop the event loop for longer than its length explains."""

    def parse(start: str, unit: str, size: int) -> None:
        with suppress(ArtifactsError, ShapeError):
            PARSERS[name](start + unit * (size // len(unit)))

    for unit in UNITS:
        for start in STARTS if name in OF_HEADERS else ("",):
            assert_not_quadratic(partial(parse, start, unit))


@pytest.mark.parametrize("name", PARSERS)
@examples(100)
@given(st.text(st.sampled_from("".join(UNITS) + "filenamtch*=")) | st.text(st.characters()))
def test_any_text_raises_only_errors_of_the_library(name: str, text: str) -> None:
    """A parser of a server's text returns a value or raises an error of this library."""
    with suppress(ArtifactsError, ShapeError):
        PARSERS[name](text)


def test_repeated_headers_are_joined() -> None:
    """The values of a repeated header are joined; a Location never shows in a repr."""
    fields = [("A", "1"), ("Location", "https://x/?sig=canary"), ("a", "2"), ("Location", "y")]
    headers = read_headers(fields)
    assert headers == Headers({"a": "1, 2"}, Secret("https://x/?sig=canary, y"))
    assert "canary" not in repr(headers)


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('""', True),
        ('"!#~"', True),
        ("abc", False),
        ('w/"abc"', False),
        ('"a"b"', False),
        ('"a b"', False),
        ('"a", "b"', False),
        ('"a\x01b"', False),
        ('"a\x7f"', False),
        ('"\u00e9"', False),
        ('"\udcff"', False),
        ('"a"\n', False),
        (f'"{"a" * 1025}"', False),
    ],
)
def test_only_a_valid_etag_is_kept(value: str, valid: bool) -> None:
    """An ETag is kept, and so sent back in later requests, only if it is valid."""
    assert is_etag(value) is valid
    headers = read_headers([("ETag", value)])
    assert headers is not None
    assert ("etag" in headers.values) is valid


@pytest.mark.parametrize(
    ("value", "accepts"),
    [
        ("bytes", True),
        ("Bytes", True),
        ("lines, BYTES", True),
        ("none", False),
        ("", False),
        ("megabytes", False),
    ],
)
def test_range_units(value: str, accepts: bool) -> None:
    """Range units are compared without regard to case, and a list of them is accepted."""
    assert accepts_ranges({"accept-ranges": value}) is accepts
    assert not accepts_ranges({})


@pytest.mark.parametrize(
    ("value", "valid"),
    [('"a"', True), ("Fri, 27 Nov 2026 10:00:00 GMT", True), ("2026-11-27", False), ("", False)],
)
def test_validators(value: str, valid: bool) -> None:
    """A validator is an ETag, or a date in the format of Last-Modified."""
    assert is_validator(value) is valid


def test_headers_have_a_maximum_size() -> None:
    """Headers of 128 KiB together are accepted, and larger ones are refused."""
    fields = [("a", "x" * (MAX_SIZE // 2 - 1))]
    assert read_headers(fields * 2) is not None
    assert read_headers([*fields * 2, ("b", "")]) is None
