"""Collisions between the files of artifacts that are extracted to one directory."""

from __future__ import annotations

import pytest

from ghartifacts_async import UnsafeMember
from ghartifacts_async._bulk.extractions.placement import MergedPaths
from tests.values import artifact


def test_merged_paths() -> None:
    """Artifacts may share directories, but no paths that are the same on some system."""
    paths = MergedPaths()
    one, two = artifact(id=1), artifact(id=2)
    first, second = object(), object()
    paths.add(first, one, [("d",)], [("a",), ("d", "b")])
    paths.add(second, two, [("d",)], [("d", "c")])
    for directories, files in (
        ([], [("a",)]),
        ([], [("A",)]),
        ([("D",)], []),
        ([("a",)], []),
        ([], [("d",)]),
        ([("d",)], [("x",), ("d", "B")]),
    ):
        with pytest.raises(UnsafeMember, match="of artifact 1; pass merge=False"):
            paths.add(object(), artifact(id=3), directories, files)
    paths.add(object(), artifact(id=3), [], [("x",)])
    again = object()
    with pytest.raises(UnsafeMember, match="of artifact 1"):
        paths.add(again, one, [], [("a",)])
    paths.discard(again)
    with pytest.raises(UnsafeMember, match="of artifact 1"):
        paths.add(object(), two, [], [("a",)])
    paths.discard(first)
    paths.add(object(), artifact(id=4), [("d",)], [("a",)])
    with pytest.raises(UnsafeMember, match="conflicts with 'd' of artifact 2"):
        paths.add(object(), artifact(id=5), [("D",)], [])
    paths.discard(second)
    with pytest.raises(UnsafeMember, match="conflicts with 'd' of artifact 4"):
        paths.add(object(), artifact(id=5), [("D",)], [])
    paths.add(object(), artifact(id=5), [], [("d", "c")])


def test_paths_of_one_artifact_may_differ_in_case() -> None:
    """An archive that may contain names that differ only in case can be added and discarded."""
    paths, user = MergedPaths(), object()
    for _ in range(2):
        paths.add(user, artifact(id=1), [], [("a",), ("A",)])
        with pytest.raises(UnsafeMember, match="of artifact 1"):
            paths.add(object(), artifact(id=2), [], [("a",)])
        paths.discard(user)


def test_a_long_path_is_shortened() -> None:
    """The message about a collision quotes only the beginning of a long path."""
    paths, long = MergedPaths(), ("x" * 255,) * 16
    paths.add(object(), artifact(id=1), [], [long])
    with pytest.raises(UnsafeMember) as caught:
        paths.add(object(), artifact(id=2), [], [long])
    assert len(str(caught.value)) < 1000
