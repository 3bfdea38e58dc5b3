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
    paths.add(artifact(id=4), [("d",)], [("a",)])
    with pytest.raises(UnsafeMember, match="conflicts with 'd' of artifact 2"):
        paths.add(artifact(id=5), [("D",)], [])
    paths.discard(two)
    with pytest.raises(UnsafeMember, match="conflicts with 'd' of artifact 4"):
        paths.add(artifact(id=5), [("D",)], [])
    paths.add(artifact(id=5), [], [("d", "c")])
