"""The mutation run: the sample, the choice of tests, and the report."""

from __future__ import annotations

from collections import Counter

import pytest

WHY = "the benchmarks are only in a source checkout"
mutants = pytest.importorskip("benchmarks.mutation._mutants", reason=WHY)
chosen = pytest.importorskip("benchmarks.mutation._tests", reason=WHY)
reports = pytest.importorskip("benchmarks.mutation._report", reason=WHY)


MODULES = {"a": 120, "b": 65, "c": 15}


def mutant(module: str, occurrence: int = 0) -> object:
    """Return a mutant of a function."""
    place = (7, (7, 8), False, "return x < 1")
    return mutants.Mutant(module, "f", "ReplaceComparisonOperator_Lt_LtE", occurrence, *place)


def result(module: str, *, killed: bool, added: str = "return x <= 1") -> object:
    """Return the result of a mutant."""
    difference = ["-    return x < 1", f"+    {added}"]
    return reports.Result(mutant(module), difference, killed=killed, tests=3)


def test_a_sample_is_proportional_and_repeatable() -> None:
    """Each module gets its share of the sample, and the same seed draws the same mutants."""
    everything = [mutant(name, at) for name, number in MODULES.items() for at in range(number)]
    sample = mutants.sample(everything, 20, 5, bool)
    assert len(set(sample)) == 20
    numbers = Counter(one.module for one in sample)
    for module, number in MODULES.items():
        assert abs(numbers[module] - number / 10) < 1
    assert mutants.sample(everything, 20, 5, bool) == sample
    assert mutants.sample(everything, 20, 6, bool) != sample
    assert sample != sorted(sample, key=everything.index)
    assert len(mutants.sample(everything, 500, 5, bool)) == 200


def test_an_unusable_mutant_is_replaced() -> None:
    """A mutant that changes nothing is replaced by another one of its module."""
    everything = [mutant("a", at) for at in range(10)]
    sample = mutants.sample(everything, 4, 1, lambda one: one.occurrence >= 5)
    assert len(sample) == 4
    assert {one.occurrence for one in sample} <= {5, 6, 7, 8, 9}


SECONDS = {"quick": 0.1, "slow": 50.0, "slower": 59.0, "other": 1.0}
LINES = {
    "a.py": {1: {""}, 4: {"quick", "slow", "failed"}, 5: {"slower"}, 9: {"failed"}, 12: {""}},
    "b.py": {1: {"", "other"}},
}


@pytest.mark.parametrize(
    ("statement", "line", "expected"),
    [
        pytest.param((4, 4), 4, {"quick", "slow"}, id="tests that pass"),
        pytest.param((4, 6), 6, {"quick", "slow", "slower"}, id="a line without bytecode"),
        pytest.param((1, 1), None, {"quick", "slow", "slower"}, id="executed at import"),
        pytest.param((12, 12), 12, {"quick", "slow", "slower"}, id="a function called at import"),
        pytest.param((9, 9), 9, set(), id="only a test that fails anyway"),
        pytest.param((20, 20), 20, set(), id="never executed"),
    ],
)
def test_the_tests_of_a_line_are_chosen(
    statement: tuple[int, int], line: int | None, expected: set[str]
) -> None:
    """The tests of a mutant are those that execute its line, or its module at import."""
    measurement = chosen.Measurement("", SECONDS, LINES)
    assert measurement.tests_of_line("a.py", statement, line) == expected
    assert measurement.tests_of_line("c.py", statement, line) == set()


def test_the_fastest_tests_run_first_within_the_budget() -> None:
    """The fastest tests are chosen until the budget is used up, and at least one."""
    measurement = chosen.Measurement("", SECONDS, LINES)
    assert measurement.fastest(SECONDS) == (["quick", "other", "slow"], pytest.approx(51.1))
    assert measurement.fastest(["slower"], 5) == (["slower"], 59.0)
    assert measurement.fastest([]) == ([], 0.0)


VERDICTS = """
[[verdict]]
module = "a"
function = "f"
operator = "ReplaceComparisonOperator_Lt_LtE"
line = "return x < 1"
value = "equivalent"
reason = "x is a natural number."

[[verdict]]
module = "a"
function = "f"
operator = "ReplaceComparisonOperator_Lt_LtE"
line = "return x < 1"
mutated = "return x < 2"
value = "left"
reason = "Not worth a test."
"""


def test_the_report_counts_and_lists_survivors() -> None:
    """The report has the score of each kind of module, and each survivor with its verdict."""
    results = [
        *[result("a", killed=True)] * 18,
        result("a", killed=False),
        result("a", killed=False, added="return x < 2"),
        *[result("b", killed=True)] * 2,
        result("b", killed=False),
    ]
    verdicts = reports.Verdicts(VERDICTS)
    text = reports.report({"commit": "0123"}, results, verdicts, {"a"})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["pure", "20", "18", "1", "1", "94.7 %", "95 %", "**not met**"] in rows
    assert ["other", "3", "2", "0", "1", "66.6 %", "88 %", "**not met**"] in rows
    assert ["a", "20", "18", "1", "1"] in rows
    assert ["b", "3", "2", "0", "1"] in rows
    assert "- commit: 0123\n" in text
    assert "equivalent: x is a natural number.\n\n```diff\n- return x < 1\n+ return x <= 1" in text
    assert "left: Not worth a test.\n\n```diff\n- return x < 1\n+ return x < 2" in text
    assert "`b`, line 7, `f`, ReplaceComparisonOperator_Lt_LtE: **no verdict yet**\n" in text


def test_a_kind_without_mutants_has_no_score() -> None:
    """Without survivors the report says so, and without mutants there is no score."""
    text = reports.report({}, [result("a", killed=True)], reports.Verdicts(""), {"a"})
    assert "100.0 %" in text
    assert text.endswith("## Survivors\n\nNone.\n")
    assert reports.count([], reports.Verdicts("")).score is None


def test_a_verdict_has_a_reason() -> None:
    """A verdict without a reason, or with another value, is an error."""
    for wrong in (VERDICTS.replace('"left"', '"fine"'), VERDICTS.replace("Not worth a test.", "")):
        with pytest.raises(ValueError, match="'equivalent' or 'left' with a reason"):
            reports.Verdicts(wrong)
