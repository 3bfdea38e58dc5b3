"""Malformed JSON raises only ShapeError, which names the path of the wrong field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, ArtifactPage, Download, InvalidArgument, Progress, from_json
from ghartifacts_async._api.converters import (
    ShapeError,
    from_body,
    parse_json,
    prepare,
    structure,
)
from tests.values import JSON_VALUES, OPENAPI, artifact_json, cost, examples

PAGE = OPENAPI["examples"]["artifact-paginated"]
MODELS: tuple[type, ...] = (Artifact, ArtifactPage, Download, Progress)


def mutated(path: list[str | int], value: object) -> Any:
    """Return the example page with the value at a path replaced."""
    page = json.loads(json.dumps(PAGE))
    place = page
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return page


def paths(value: Any, start: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all values inside a JSON value."""
    match value:
        case dict():
            items: list[tuple[str | int, Any]] = list(value.items())
        case list():
            items = list(enumerate(value))
        case _:
            return []
    return [found for key, each in items for found in ((*start, key), *paths(each, (*start, key)))]


@examples(150)
@given(JSON_VALUES, st.sampled_from(MODELS))
def test_any_json(value: object, model: type) -> None:
    """Reading arbitrary JSON as a model raises ShapeError and no other exception."""
    with pytest.raises(ShapeError, match=r"\$"):
        structure(value, model)


@examples(200)
@given(st.sampled_from(paths(PAGE)), JSON_VALUES)
def test_one_arbitrary_value(path: tuple[str | int, ...], value: object) -> None:
    """A page with one arbitrary value is parsed, or raises ShapeError with the value's path."""
    place = "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    try:
        structure(mutated(list(path), value), ArtifactPage)
    except ShapeError as error:
        problem = str(error)
    else:
        return
    assert place in problem


@pytest.mark.parametrize(
    ("path", "wrong", "problem"),
    [
        (["total_count"], "2", "expected int, got str @ $.total_count"),
        (["total_count"], 2.0, "expected int, got float @ $.total_count"),
        (["total_count"], True, "expected int, got bool @ $.total_count"),
        (["total_count"], -1, "expected an int from 0 to 2**63 - 1 @ $.total_count"),
        (["total_count"], 2**63, "expected an int from 0 to 2**63 - 1 @ $.total_count"),
        (["artifacts"], {}, "expected an array, got dict @ $.artifacts"),
        (["artifacts"], "[]", "expected an array, got str @ $.artifacts"),
        (["artifacts"], None, "expected an array, got null @ $.artifacts"),
        (["artifacts", 1], [], "expected an object, got list @ $.artifacts[1]"),
        (["artifacts", 1], None, "expected an object, got null @ $.artifacts[1]"),
        (["artifacts", 0, "id"], None, "expected int, got null @ $.artifacts[0].id"),
        (["artifacts", 0, "name"], 5, "expected str, got int @ $.artifacts[0].name"),
        (["artifacts", 0, "expired"], 0, "expected bool, got int @ $.artifacts[0].expired"),
        (["artifacts", 0, "size_in_bytes"], "1", "@ $.artifacts[0].size_in_bytes"),
        (["artifacts", 0, "created_at"], 1, "expected str, got int @ $.artifacts[0].created_at"),
        (["artifacts", 0, "created_at"], "soon", "@ $.artifacts[0].created_at"),
        (
            ["artifacts", 0, "created_at"],
            "0001-01-01T00:00:00+14:00",
            "@ $.artifacts[0].created_at",
        ),
        (["artifacts", 0, "digest"], "sha256:xy", "@ $.artifacts[0].digest"),
        (["artifacts", 0, "digest"], 256, "expected str, got int @ $.artifacts[0].digest"),
        (["artifacts", 0, "workflow_run"], 7, "expected an object, got int @ $.artifacts[0].work"),
        (["artifacts", 0, "workflow_run", "id"], "7", "@ $.artifacts[0].workflow_run.id"),
    ],
)
def test_path_of_the_field(path: list[str | int], wrong: object, problem: str) -> None:
    """A value of the wrong type is never converted. The error names the field and both types."""
    with pytest.raises(ShapeError) as caught:
        structure(mutated(path, wrong), ArtifactPage)
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", OPENAPI["schema"]["required"][:7])
def test_missing_field(name: str) -> None:
    """The error for a missing field names it."""
    value = artifact_json()
    del value[name]
    with pytest.raises(ShapeError, match=rf"required field missing @ \$\.{name}$"):
        structure(value, Artifact)


def test_only_three_problems_are_reported() -> None:
    """An error reports at most the first three problems."""
    with pytest.raises(ShapeError) as caught:
        structure({}, Artifact)
    assert str(caught.value).count("required field missing") == 3


@pytest.mark.parametrize("field", ["created_at", "digest"])
def test_short_error(field: str) -> None:
    """The error is short even if the wrong value is long."""
    with pytest.raises(ShapeError) as caught:
        structure(artifact_json(**{field: "x" * 1_000_000}), Artifact)
    assert len(str(caught.value)) < 1000


def test_malformed_pages_are_refused_quickly() -> None:
    """A response with many wrong values costs at most five times as much as a valid page."""
    right = {"total_count": 1, "artifacts": [artifact_json()] * 100}
    wrong = {"total_count": 1, "artifacts": [0] * 50_000}

    def refuse() -> None:
        with pytest.raises(ShapeError):
            structure(wrong, ArtifactPage)

    assert cost(refuse) < 5 * max(cost(lambda: structure(right, ArtifactPage)), 1e-3)


def test_a_page_with_too_many_items_is_refused_quickly() -> None:
    """A page with more items than GitHub sends is refused before its items are converted."""
    page = {"total_count": 1, "artifacts": [artifact_json()] * 1000}
    assert len(from_body(json.dumps(page).encode(), ArtifactPage).artifacts) == 1000
    for count in (1001, 34_000):
        with pytest.raises(ShapeError, match=f"{count} items on one page"):
            from_body(json.dumps(page | {"artifacts": [{}] * count}).encode(), ArtifactPage)
    with pytest.raises(ShapeError, match="expected an object"):
        from_body(b"[]", ArtifactPage)


@pytest.mark.parametrize("total", [0, 2**63 - 1])
def test_extreme_numbers(total: int) -> None:
    """Ids, sizes and counts are from 0 to the largest number of 64 bits with a sign."""
    assert structure({"total_count": total, "artifacts": []}, ArtifactPage).total_count == total


@pytest.mark.parametrize("rate", ["1.5", True, None, []])
def test_rate_is_a_number(rate: object) -> None:
    """A rate that is not a JSON number is refused."""
    value = {"artifact": artifact_json(), "received": 1, "total": None, "rate": rate}
    with pytest.raises(ShapeError, match=r"\$\.rate"):
        structure(value, Progress)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[",
        b'{"id": 11, "na',
        b"<html>Bad gateway</html>",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
        "{",
        "\ud800",
    ],
)
def test_not_json(text: str | bytes) -> None:
    """Invalid JSON, too deep nesting and too long numbers raise ShapeError."""
    with pytest.raises(ShapeError, match=r"^not valid JSON"):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the JSON is not a valid Artifact: not valid JSON"),
        ("[]", "the JSON is not a valid Artifact: expected an object, got list @ $"),
        (json.dumps(artifact_json(id="11")), "expected int, got str @ $.id"),
    ],
)
def test_from_json_of_invalid_text(text: str, problem: str) -> None:
    """from_json raises an InvalidArgument that says what is wrong with the text."""
    with pytest.raises(InvalidArgument) as caught:
        from_json(text, Artifact)
    assert problem in caught.value.summary


@pytest.mark.parametrize("text", [None, 5, {}])
def test_from_json_of_another_type(text: Any) -> None:
    """from_json raises InvalidArgument for a value that is not text."""
    with pytest.raises(InvalidArgument):
        from_json(text, Artifact)


def test_prepare_changes_no_value() -> None:
    """Compiling a model's converter in advance, even twice, does not change how it parses."""
    for _ in range(2):
        prepare(ArtifactPage)
    page = structure({"total_count": 1, "artifacts": []}, ArtifactPage)
    assert page == ArtifactPage(total_count=1, artifacts=())
