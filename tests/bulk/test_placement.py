"""Directories of extracted artifacts, and collisions between their files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import UnsafeMember
from ghartifacts_async._bulk.extractions.placement import DirectoryNames, MergedPaths
from ghartifacts_async._disk.filenames import folded
from tests.values import artifact, examples


def test_names_are_told_apart_by_id() -> None:
    """The first artifact of a name gets a directory with it; the others also get their id."""
    names = DirectoryNames()
    found = [
        names.name_for(artifact(id=number, name=name))
        for number, name in enumerate(["dist", "dist", "Dist", "dist-3", "a/b", "..", "dist"])
    ]
    assert found == ["dist", "dist-1", "Dist-2", "dist-3", "a_b", "artifact", "dist-6"]
    assert names.name_for(artifact(id=6, name="dist")) == "dist-6-6"


@examples(100)
@given(st.lists(st.tuples(st.integers(1, 20), st.text(max_size=300)), max_size=10))
def test_names_never_collide(artifacts: list[tuple[int, str]]) -> None:
    """No two artifacts get the same directory on any system, even if their names are equal."""
    names = DirectoryNames()
    found = [names.name_for(artifact(id=number, name=name)) for number, name in artifacts]
    assert len({folded(name) for name in found}) == len(found)
    assert all(len(name.encode()) <= 255 and "/" not in name for name in found)


def test_merged_paths() -> None:
    """Artifacts may share directories, but no paths that are the same on some system."""
    paths = MergedPaths()
    one, two = artifact(id=1), artifact(id=2)
    paths.add(one, [("d",)], [("a",), ("d", "b")])
    paths.add(two, [("d",)], [("d", "c")])
    for directories, files in (
        ([], [("a",)]),
        ([], [("A",)]),
        ([("D",)], []),
        ([("a",)], []),
        ([], [("d",)]),
        ([("d",)], [("x",), ("d", "B")]),
    ):
        with pytest.raises(UnsafeMember, match="of artifact 1; pass merge=False"):
            paths.add(artifact(id=3), directories, files)
    paths.add(artifact(id=3), [], [("x",)])
    paths.discard(one)
    paths.add(artifact(id=4), [("D",)], [("a",)])
