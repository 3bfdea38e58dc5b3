"""The file of an artifact has one place, which no other artifact's has, and none outside."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, Digest, InvalidArgument, WorkflowRun, _arguments
from ghartifacts_async._bulk import path_template
from ghartifacts_async._bulk.path_template import MANIFEST, PathTemplate, extension
from tests.values import ANY_TEXT, SHA256, artifact, examples

RUN = WorkflowRun(id=7, head_branch="feature/x", head_sha="abc")
FULL: dict[str, Any] = {
    "id": 11,
    "name": "dist",
    "created_at": datetime(2026, 3, 10, 23, 30, tzinfo=UTC),
    "digest": Digest("sha256", SHA256),
    "workflow_run": RUN,
}
TEMPLATES = [
    _arguments.DEFAULT_TEMPLATE,
    "{id}", "{id}/{name}", "{name}/{id}", "{name}_{id}", "{run_id}{id}",
    "{id}{name}", "{name}-{id}-{branch}", "{branch}/{name}", "{name}", "x",
    "{branch}/{name}-{id}", "{sha}x{id}", "{id}{run_id}", "{created:%Y}/{digest}",
]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (_arguments.DEFAULT_TEMPLATE, "dist-11.zip"),
        ("{name}/{id}", "dist/11.zip"),
        ("{id}/{name}", "11/dist.zip"),
        ("{branch}/{run_id}/{name}-{id}", "feature_x/7/dist-11.zip"),
        ("{created}/{created:%Y-%m}_{sha}-{id}", "2026-03-10/2026-03_abc-11.zip"),
        ("{digest}", f"{SHA256}-11.zip"),
        ("{{{name}}}", "{dist}-11.zip"),
        ("{run_id}{id}", "711-11.zip"),
        ("..{name}/~", "_.dist/~-11.zip"),
        (MANIFEST.upper() + "/{id}", f"_{MANIFEST.upper()}/11.zip"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    """Fields are filled in and made safe, the extension is added, and the id where it must be."""
    assert PathTemplate(template).path(artifact(**FULL)) == expected


def test_what_is_not_known() -> None:
    """A field that GitHub does not tell is `unknown`."""
    template = "{branch}/{run_id}/{sha}/{created:%Y}/{digest}/{name}-{id}"
    expected = "unknown/" * 5 + "dist-11.zip"
    assert PathTemplate(template).path(artifact()) == expected
    assert PathTemplate(template).path(artifact(workflow_run=WorkflowRun())) == expected


def test_extensions() -> None:
    """A raw payload keeps its extension, once; a name that is all extension stays."""
    paths = PathTemplate(_arguments.DEFAULT_TEMPLATE)
    assert paths.path(artifact(name="report.json"), ".json") == "report-11.json"
    assert paths.path(artifact(name="report.JSON"), ".json") == "report-11.json"
    assert paths.path(artifact(name="x.tar.gz"), ".tar.gz") == "x-11.tar.gz"
    assert paths.path(artifact(name="tool"), "") == "tool-11"
    assert paths.path(artifact(name=".zip")) == "_zip-11.zip"
    names = ["a.zip", "a.tar.gz", "report.json", "tool", ".hidden", "a.b c", "x.é"]
    ends = [".zip", ".tar.gz", ".json", "", "", "", ""]
    assert [path_template.extension(name) for name in names] == ends
    assert (
        PathTemplate("{branch}/{name}-{id}").name(artifact(id=5, name="x"), "a.tar.gz")
        == "x-5.tar.gz"
    )


@pytest.mark.parametrize(
    "template",
    ["", "/x", "x/", "a//b", "..", "./x", "{", "{nome}", "{id:x}", "{name!r}", "{0}", "{}",
     "{id.real}", "{created:%s}", "{created:%Y/%m}", "{name:>300}", 7, None],
)  # fmt: skip
def test_what_is_no_template(template: Any) -> None:
    """Whatever cannot be right is refused before anything is asked, an attribute's name too."""
    with pytest.raises(InvalidArgument, match="template"):
        PathTemplate(template)


ARTIFACTS = st.builds(
    artifact,
    id=st.integers(1, 30) | st.integers(1, 10**19),
    name=ANY_TEXT
    | st.sampled_from(["..", "a-1", "a", "1", "con", MANIFEST, "x" * 300, "y" * 253 + "-1"]),
    created_at=st.none() | st.just(FULL["created_at"]),
    digest=st.none() | st.just(FULL["digest"]),
    workflow_run=st.none()
    | st.builds(
        WorkflowRun,
        id=st.none() | st.integers(0, 30),
        head_branch=st.none() | ANY_TEXT | st.sampled_from(["1", "2-b", "a-1.zip"]),
        head_sha=st.none() | ANY_TEXT,
    ),
)


@examples(600)
@given(ARTIFACTS, ARTIFACTS, st.sampled_from(TEMPLATES), st.sampled_from([".zip", ".json", ""]))
def test_no_two_collide(one: Artifact, other: Artifact, template: str, end: str) -> None:
    """Whatever artifacts are called, their paths differ, on systems that fold case too."""
    paths = PathTemplate(template)
    first, second = paths.path(one), paths.path(other, end)
    assert first == PathTemplate(template).path(one)
    if one.id != other.id:
        assert folded(first) != folded(second)
    parts = first.split("/")
    assert len(parts) == template.count("/") + 1
    for part in parts:
        assert part not in {"", ".", ".."}
        assert not part.startswith(".")
        assert not part.endswith((" ", "."))
        assert not set(part) & set('\\:\0<>"|?*')
        assert len(part.encode()) <= 256
        assert part.casefold() != MANIFEST


def folded(path: str) -> str:
    """As a system sees it that knows neither case nor compositions."""
    return unicodedata.normalize("NFD", path.casefold())


def test_an_id_behind_a_dot_is_no_id() -> None:
    """What looks like an extension tells nothing apart, so the id is added once more."""
    layout = PathTemplate("{name}.{id}")
    one = layout.path(artifact(id=5, name="x.7"), extension("tool"))
    other = layout.path(artifact(id=7, name="x"), extension("y.5"))
    assert one != other
