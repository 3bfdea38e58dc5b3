"""Path templates: unique, safe paths for artifacts."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, Digest, InvalidArgument, WorkflowRun, _arguments
from ghartifacts_async._bulk import path_template
from ghartifacts_async._bulk.path_template import (
    MANIFEST,
    DistinctPaths,
    PathTemplate,
    extension,
)
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
        ("{id}{name}", "11dist-11.zip"),
        ("{id}2{name}", "112dist-11.zip"),
        ("{id}_{name}", "11_dist.zip"),
        ("..{name}/~", "_.dist/~-11.zip"),
        (MANIFEST.upper() + "/{id}", f"_{MANIFEST.upper()}/11.zip"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    """Fields are filled in and made safe; the extension and, if needed, the id are added."""
    assert PathTemplate(template).path(artifact(**FULL)) == expected


def test_unknown_fields() -> None:
    """A field that is missing in GitHub's response becomes `unknown`."""
    template = "{branch}/{run_id}/{sha}/{created:%Y}/{digest}/{name}-{id}"
    expected = "unknown/" * 5 + "dist-11.zip"
    assert PathTemplate(template).path(artifact()) == expected
    assert PathTemplate(template).path(artifact(workflow_run=WorkflowRun())) == expected


def test_extensions() -> None:
    """A raw payload's extension is not repeated; a name that is only an extension is kept."""
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
def test_invalid_templates(template: Any) -> None:
    """An invalid template is rejected, including one that accesses attributes."""
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
def test_paths_never_collide(
    artifact_1: Artifact, artifact_2: Artifact, template: str, extension: str
) -> None:
    """Any two artifacts have different, safe paths, even on case-insensitive systems."""
    paths = PathTemplate(template)
    first, second = paths.path(artifact_1), paths.path(artifact_2, extension)
    assert first == PathTemplate(template).path(artifact_1)
    if artifact_1.id != artifact_2.id:
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
    """Return a path as compared by a file system that ignores case and normalizes Unicode."""
    return unicodedata.normalize("NFD", path.casefold())


def test_an_id_after_a_dot_is_taken_for_an_extension() -> None:
    """In ``{name}.{id}``, the id could be read as an extension, so the id is appended once more."""
    template = PathTemplate("{name}.{id}")
    first = template.path(artifact(id=5, name="x.7"), extension("tool"))
    second = template.path(artifact(id=7, name="x"), extension("y.5"))
    assert first != second


def paths_of(template: str, *names: str) -> list[str]:
    """Return the paths of artifacts with these names, whose ids count from 1."""
    artifacts = [artifact(id=number, name=name) for number, name in enumerate(names, 1)]
    paths = DistinctPaths(template)
    return [paths.path(each) for each in artifacts]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("dist", "docs"), ["dist.zip", "docs.zip"]),
        (("dist", "docs", "dist"), ["dist.zip", "docs.zip", "dist-3.zip"]),
        (("Dist", "dist"), ["Dist.zip", "dist-2.zip"]),
        (("\u00e9", "e\u0301"), ["\u00e9.zip", "\u00e9-2.zip"]),
        (("a:b", "a?b"), ["a_b.zip", "a_b-2.zip"]),
        (("x", "x", "x-2"), ["x.zip", "x-2.zip", "x-2-3.zip"]),
        (("x-2", "x", "x"), ["x-2.zip", "x.zip", "x-3.zip"]),
        (("x-3", "x", "x"), ["x-3.zip", "x.zip", "x-3-3.zip"]),
        (("x", "x-4", "x-4-4", "x"), ["x.zip", "x-4.zip", "x-4-4.zip", "x-4-4-4.zip"]),
        (("x", "x-3", "x", "x-3-3"), ["x.zip", "x-3.zip", "x-3-3.zip", "x-3-3-4.zip"]),
    ],
)
def test_only_equal_paths_get_the_id(names: tuple[str, ...], expected: list[str]) -> None:
    """Without an id in the template, only artifacts whose paths would be equal get their id."""
    assert paths_of("{name}", *names) == expected


def test_a_template_with_an_id_keeps_it() -> None:
    """A template with an id gives each artifact the same path as in a mirror."""
    assert paths_of("{id}/{name}", "dist", "dist") == ["1/dist.zip", "2/dist.zip"]
    assert paths_of("{name}-{id}", "x" * 300) == [
        PathTemplate("{name}-{id}").path(artifact(id=1, name="x" * 300))
    ]


def test_a_path_belongs_to_one_artifact() -> None:
    """An artifact keeps its path, and a raw file with another's name gets its id."""
    first, second = artifact(id=1, name="dist"), artifact(id=2, name="dist")
    paths = DistinctPaths("{name}")
    assert [paths.path(each) for each in (first, second, first)] == [
        "dist.zip",
        "dist-2.zip",
        "dist.zip",
    ]
    raw, other = artifact(id=3, name="report.json"), artifact(id=4, name="report")
    assert paths.name(raw, "report.json") == "report.json"
    assert paths.name(other, "x.json") == "report-4.json"


def test_names_of_directories() -> None:
    """Directories of artifacts get their names by the same rule, without an extension."""
    paths = DistinctPaths("{name}")
    names = ["dist", "dist", "Dist", "dist-3", "a/b", "..", "dist"]
    found = [paths.path(artifact(id=i, name=name), "") for i, name in enumerate(names)]
    assert found == ["dist", "dist-1", "Dist-2", "dist-3", "a_b", "artifact", "dist-6"]


@given(st.lists(ANY_TEXT, min_size=1, max_size=8))
@examples(50)
def test_distinct_paths_are_distinct(names: list[str]) -> None:
    """No two artifacts get paths that some file system treats as the same."""
    paths = paths_of("{name}", *names)
    assert len({folded(path) for path in paths}) == len(paths)
