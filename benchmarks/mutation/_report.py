"""The verdicts on mutants that survived, and the report."""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks._report import table
from benchmarks.mutation._mutants import Mutant

TARGETS = {"pure": 95, "other": 88}
"""The least scores in percent, of pure modules and of the others."""

_HEAD = """# Mutation run

`python -m benchmarks.mutation` writes this file. Each mutant is one change of one line. It is
*killed* if a test that executes the line fails, or if it takes too long twice (*by time*). It is
*equivalent* if no test can tell it from the original. All others are *left*. The score is
killed / (mutants - equivalent).
`benchmarks/mutation/verdicts.toml` has the verdicts on survivors, which are given by hand."""

_NUMBERS = ("mutants", "killed", "by time", "equivalent", "left")


@frozen
class Verdict:
    """What a person found out about a survivor.

    Attributes:
        value: ``"equivalent"`` or ``"left"``.
        reason: The reason.
    """

    value: str
    reason: str


@frozen
class Result:
    """The result of a mutant.

    Attributes:
        mutant: The mutant.
        difference: The removed and added lines.
        killed: Whether a test failed, or took too long twice.
        tests: The number of tests that were chosen.
        timed_out: Whether the test took too long.
        killer: The node id of the test, or "" if pytest itself failed.
    """

    mutant: Mutant
    difference: Sequence[str]
    killed: bool
    tests: int
    timed_out: bool = False
    killer: str = ""


class Verdicts:
    """The verdicts of ``verdicts.toml``."""

    def __init__(self, text: str) -> None:
        self._verdicts: dict[tuple[str, ...], Verdict] = {}
        for entry in tomllib.loads(text).get("verdict", []):
            key = tuple(entry.pop(name) for name in ("module", "function", "operator", "line"))
            mutated, verdict = entry.pop("mutated", ""), Verdict(**entry)
            if verdict.value not in {"equivalent", "left"} or not verdict.reason:
                raise ValueError(f"a verdict is 'equivalent' or 'left' with a reason: {key}")
            self._verdicts[*key, mutated] = verdict

    @classmethod
    def read(cls, path: Path) -> Verdicts:
        """Read the verdicts from a file."""
        return cls(path.read_text(encoding="utf-8"))

    def of(self, result: Result) -> Verdict | None:
        """Return the verdict on a survivor, or None if it has no verdict yet."""
        mutant = result.mutant
        key = (mutant.module, mutant.function, mutant.operator, mutant.source)
        mutated = [line[1:].strip() for line in result.difference if line.startswith("+")]
        exact = (self._verdicts.get((*key, line)) for line in mutated)
        return next(filter(None, exact), None) or self._verdicts.get((*key, ""))


@frozen
class Count:
    """The numbers of mutants with each result."""

    mutants: int
    killed: int
    timed_out: int
    equivalent: int

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of mutants: all, killed, killed by time, equivalent and left."""
        numbers = (self.mutants, self.killed, self.timed_out, self.equivalent, self.left)
        return tuple(map(str, numbers))

    @property
    def left(self) -> int:
        """The survivors that are not equivalent."""
        return self.mutants - self.killed - self.equivalent

    @property
    def score(self) -> float | None:
        """The share of killed mutants in percent, or None without mutants."""
        different = self.mutants - self.equivalent
        return 100 * self.killed / different if different else None


def count(results: Collection[Result], verdicts: Verdicts) -> Count:
    """Count the results."""
    survivors = [result for result in results if not result.killed]
    judged = filter(None, map(verdicts.of, survivors))
    equivalent = sum(verdict.value == "equivalent" for verdict in judged)
    timed_out = sum(result.timed_out for result in results)
    return Count(len(results), len(results) - len(survivors), timed_out, equivalent)


def scores(results: Iterable[Result], verdicts: Verdicts, pure: Collection[str]) -> str:
    """Format the scores of the pure modules and of the others as a table."""
    kinds: dict[str, list[Result]] = {kind: [] for kind in TARGETS}
    for result in results:
        kinds["pure" if result.mutant.module in pure else "other"].append(result)
    rows = [_score_row(kind, count(found, verdicts)) for kind, found in kinds.items()]
    return table(("modules", *_NUMBERS, "score", "target", "met"), rows)


def _score_row(kind: str, one: Count) -> tuple[str, ...]:
    target = TARGETS[kind]
    if one.score is None:
        return (kind, *one.numbers, "–", f"{target} %", "–")
    # Round down, so that the score never looks better than it is.
    score = f"{math.floor(one.score * 10) / 10:.1f} %"
    return (
        kind,
        *one.numbers,
        score,
        f"{target} %",
        "met" if one.score >= target else "**not met**",
    )


def report(
    facts: Mapping[str, str], results: Sequence[Result], verdicts: Verdicts, pure: Collection[str]
) -> str:
    """Return the report as Markdown.

    Args:
        facts: How the mutants were run: labels and values.
        results: The results.
        verdicts: The verdicts on survivors.
        pure: The names of the pure modules.
    """
    of_modules = defaultdict(list)
    for result in results:
        of_modules[result.mutant.module].append(result)
    rows = [
        (module, *count(found, verdicts).numbers) for module, found in sorted(of_modules.items())
    ]
    survivors = [result for result in results if not result.killed]
    survivors.sort(key=lambda result: (result.mutant.module, result.mutant.line))
    parts = [
        _HEAD,
        "\n".join(f"- {label}: {value}" for label, value in facts.items()),
        scores(results, verdicts, pure),
        "## Modules",
        table(("module", *_NUMBERS), rows),
        "## Survivors",
        *(_survivor(result, verdicts.of(result)) for result in survivors),
    ]
    return "\n\n".join([*parts, *([] if survivors else ["None."])]) + "\n"


def _survivor(result: Result, verdict: Verdict | None) -> str:
    mutant = result.mutant
    place = f"`{mutant.module}`, line {mutant.line}"
    place += f", `{mutant.function}`" if mutant.function else ""
    judged = f"{verdict.value}: {verdict.reason}" if verdict else "**no verdict yet**"
    untested = "" if result.tests else " No test executes the line."
    return "\n".join(
        [f"{place}, {mutant.operator}: {judged}{untested}", "", "```diff", *_lines(result), "```"]
    )


def _lines(result: Result) -> Iterator[str]:
    return (f"{line[0]} {line[1:].strip()}" for line in result.difference)
