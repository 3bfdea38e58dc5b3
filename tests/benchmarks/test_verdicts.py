"""The verdicts on surviving mutants in the repository."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

from benchmarks import mutation
from benchmarks.mutation._report import Verdicts
from tests.architecture import structure

TEXT = (Path(mutation.__file__).parent / "verdicts.toml").read_text(encoding="utf-8")
ENTRIES = tomllib.loads(TEXT)["verdict"]


def test_each_verdict_has_a_reason() -> None:
    """The file can be read, and each of its verdicts is one of the two values with a reason."""
    assert len(ENTRIES) > 50
    Verdicts(TEXT)


def test_no_verdict_has_lapsed() -> None:
    """Each verdict is about a line that the package still has."""
    lines = {
        name: {line.strip() for line in text.split("\n")}
        for name, text in structure.sources().items()
    }
    lapsed = [
        (entry["module"], entry["line"])
        for entry in ENTRIES
        if entry["line"] not in lines.get(entry["module"], ())
    ]
    assert lapsed == []


def test_no_mutant_has_two_verdicts() -> None:
    """There is one verdict on a mutant."""
    parts = ("module", "function", "operator", "line", "mutated")
    counts = Counter(tuple(entry.get(part, "") for part in parts) for entry in ENTRIES)
    assert [key for key, count in counts.items() if count > 1] == []
