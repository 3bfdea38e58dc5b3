"""A slice of the fuzzing of archives; the whole of it is in benchmarks/."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from ghartifacts_async._archive import member_paths
from ghartifacts_async._archive.central_directory import CentralDirectoryEntry
from tests.archive.zip_writer import Part, forge

WHY = "the fuzzer is in benchmarks/ of a checkout, and this is none"
MUTANTS = 4000


@pytest.mark.skipif(sys.platform == "win32", reason="a mutant is bounded by SIGALRM")
def test_mutants() -> None:
    """Whatever is done to an archive, it is unpacked or refused, and nothing leads out."""
    fuzz = pytest.importorskip("benchmarks.campaigns.fuzz", reason=WHY)
    outcomes, failures = fuzz.play_many(6, range(MUTANTS))
    assert failures == {}
    assert outcomes.total() == MUTANTS
    assert outcomes["unpacked"] > MUTANTS / 100
    assert {"DamagedArchive", "NotAZip", "UnsafeMember", "UnsupportedMember"} <= {*outcomes}


def test_the_same_seed_makes_the_same_mutants() -> None:
    """A mutant that fails can be made again by its seed and number."""
    fuzz = pytest.importorskip("benchmarks.campaigns.fuzz", reason=WHY)
    sources = fuzz.seeds()
    assert fuzz.mutant(6, 7, sources) == fuzz.mutant(6, 7, sources)
    assert fuzz.mutant(6, 7, sources) != fuzz.mutant(7, 7, sources)


@pytest.mark.parametrize("name", ["../out", "a\\b", "C:x"])
def test_a_way_out_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The fuzzer notices rules that let a member out."""
    fuzz = pytest.importorskip("benchmarks.campaigns.fuzz", reason=WHY)
    archive = forge(Part(f"x/{name}", b"x"), Part(name, b"x"))
    assert fuzz.check(archive) == "UnsafeMember"

    def careless(entry: CentralDirectoryEntry, *, portable: bool) -> tuple[str, ...]:  # noqa: ARG001 - it is
        return tuple(entry.member.name.split("/"))

    rule: Callable[..., tuple[str, ...]] = careless
    monkeypatch.setattr(member_paths, "safe_path", rule)
    with pytest.raises(fuzz.BrokenPromiseError, match="a way out"):
        fuzz.check(archive)
