"""A short run of the archive fuzzer, `benchmarks.campaigns.fuzz`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from ghartifacts_async._archive import extraction_plan
from ghartifacts_async._archive.member_paths import MemberPath, PathRules
from ghartifacts_async._archive.zip_format.central_directory import CentralDirectoryEntry
from tests.archive.zip_writer import ZipMember, build_zip
from tests.values import share

NO_CHECKOUT = "the fuzzer is in benchmarks/, which only a checkout of the repository has"
MUTANTS = share(4000, least=800)


@pytest.mark.skipif(sys.platform == "win32", reason="the timeout needs SIGALRM")
def test_mutants_are_extracted_or_rejected() -> None:
    """A mutated archive is extracted safely or rejected with an `ArchiveError`."""
    fuzz = pytest.importorskip("benchmarks.campaigns.fuzz", reason=NO_CHECKOUT)
    mutants = pytest.importorskip("benchmarks.campaigns._mutants", reason=NO_CHECKOUT)
    outcomes, failures = mutants.play_many(fuzz.play, 6, range(MUTANTS))
    assert failures == {}
    assert outcomes.total() == MUTANTS
    assert outcomes["extracted"] > MUTANTS / 100
    assert {"DamagedArchive", "NotAZip", "UnsafeMember", "UnsupportedMember"} <= {*outcomes}


def test_the_same_seed_makes_the_same_mutants() -> None:
    """A failing mutant can be built again from its seed and number."""
    fuzz = pytest.importorskip("benchmarks.campaigns.fuzz", reason=NO_CHECKOUT)
    sources = fuzz.seeds()
    assert fuzz.mutant(6, 7, sources) == fuzz.mutant(6, 7, sources)
    assert fuzz.mutant(6, 7, sources) != fuzz.mutant(7, 7, sources)


@pytest.mark.parametrize("name", ["../out", "a\\b", "C:x"])
def test_the_fuzzer_reports_unsafe_paths(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """If the library accepted a member with an unsafe path, the fuzzer would report a failure."""
    fuzz = pytest.importorskip("benchmarks.campaigns.fuzz", reason=NO_CHECKOUT)
    archive = build_zip(ZipMember(f"x/{name}", b"x"), ZipMember(name, b"x"))
    assert fuzz.check(archive) == "UnsafeMember"

    def unchecked(entry: CentralDirectoryEntry, _: PathRules) -> MemberPath:
        return MemberPath(tuple(entry.member.name.split("/")), is_directory=False, is_link=False)

    rule: Callable[..., MemberPath] = unchecked
    # A defect that the fuzzer must find.
    monkeypatch.setattr(extraction_plan, "safe_path", rule)
    with pytest.raises(fuzz.BrokenPromiseError, match="unsafe path"):
        fuzz.check(archive)
