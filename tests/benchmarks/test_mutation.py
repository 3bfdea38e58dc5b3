"""The mutation run: the sample, the choice of tests, and the report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from threading import Event

import pytest

WHY = "the benchmarks are only in a source checkout"
mutants = pytest.importorskip("benchmarks.mutation._mutants", reason=WHY)
chosen = pytest.importorskip("benchmarks.mutation._tests", reason=WHY)
jobs = pytest.importorskip("benchmarks.mutation._jobs", reason=WHY)
keep = pytest.importorskip("benchmarks.mutation._kept", reason=WHY)
reports = pytest.importorskip("benchmarks.mutation._report", reason=WHY)


MODULES = {"a": 120, "b": 65, "c": 15}


def mutant(module: str, number: int = 0, moved: int = 0) -> object:
    """Return a mutant of a function, which may have moved in its module."""
    place = (number + moved, number, 7 + moved, (7 + moved, 8 + moved), False, "return x < 1")
    return mutants.Mutant(module, "f", "ReplaceComparisonOperator_Lt_LtE", *place)


def result(
    module: str, *, killed: bool, added: str = "return x <= 1", timed_out: bool = False
) -> object:
    """Return the result of a mutant."""
    difference = ["-    return x < 1", f"+    {added}"]
    return reports.Result(mutant(module), difference, killed, 3, timed_out)


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


def test_a_sample_stays_the_same_when_lines_move() -> None:
    """The same mutants are drawn after other lines of their modules have changed."""
    drawn = [
        mutants.sample(
            [mutant(name, at, moved) for name, number in MODULES.items() for at in range(number)],
            20, 5, bool,
        )
        for moved in (0, 3)
    ]  # fmt: skip
    assert [one.key for one in drawn[0]] == [one.key for one in drawn[1]]
    assert drawn[0] != drawn[1]


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
    assert list(measurement.fastest(SECONDS).items()) == [
        ("quick", 0.1),
        ("other", 1.0),
        ("slow", 50.0),
    ]
    assert list(measurement.fastest(SECONDS, {"slower"})) == ["slower", "quick"]
    assert measurement.fastest(["slower"], budget=5) == {"slower": 59.0}
    assert measurement.fastest([]) == {}


MEASURED = """
import subprocess, sys
from ghartifacts_async import a

def test_here():
    a.here()

def test_child():
    subprocess.run([sys.executable, "-c", "from ghartifacts_async import a; a.child()"], check=True)
"""


def test_the_tests_of_a_measured_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line belongs to the tests that execute it, also to those that do so in a child process."""
    monkeypatch.setenv("PYTHONPATH", str(Path(chosen.__file__).parents[2]))
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    for directory in ("ghartifacts_async/testing", "tests/x"):
        (tmp_path / directory).mkdir(parents=True)
    for file in ("__init__", "testing/__init__", "testing/plugin"):  # pytest loads the plugin.
        (tmp_path / "ghartifacts_async" / f"{file}.py").touch()
    (tmp_path / "ghartifacts_async" / "a.py").write_text(
        "def here():\n    pass\n\ndef child():\n    pass\n", encoding="utf-8"
    )
    (tmp_path / "tests" / "x" / "test_x.py").write_text(MEASURED, encoding="utf-8")
    measured = chosen.measure(tmp_path, "x", "digest", Event())
    names = ("tests/x/test_x.py::test_here", "tests/x/test_x.py::test_child")
    assert (measured.total, measured.seconds.keys()) == (2, set(names))
    assert measured.lines["a.py"][2] == {names[0]}
    assert measured.lines["a.py"][5] == {names[1]}


def test_measurements_are_merged() -> None:
    """Folders of tests are measured separately, and a line has the tests of all of them."""
    parts = [
        chosen.Measurement("1", {"a": 1.0}, {"m.py": {1: {"a"}, 2: {"a"}}}, 3),
        chosen.Measurement("2", {"b": 2.0}, {"m.py": {2: {"b"}}, "n.py": {5: {"b"}}}, 1),
    ]
    merged = chosen.merge(parts)
    assert (merged.seconds, merged.total) == ({"a": 1.0, "b": 2.0}, 4)
    assert merged.lines == {"m.py": {1: {"a"}, 2: {"a", "b"}}, "n.py": {5: {"b"}}}
    assert merged.digest == chosen.merge(parts[::-1]).digest != chosen.merge(parts[:1]).digest


TESTS = """
import time

def test_good(): pass
def test_bad(): assert False
def test_stuck(): time.sleep(60)
"""


def test_a_test_that_takes_too_long_is_no_failed_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of tests tells a test that takes too long from one that fails, and names it."""
    monkeypatch.setenv("PYTHONPATH", str(Path(chosen.__file__).parents[2]))
    (tmp_path / "test_a.py").write_text(TESTS, encoding="utf-8")
    good, bad, stuck = (f"test_a.py::test_{name}" for name in ("good", "bad", "stuck"))

    def run(*tests: str) -> tuple[bool, str, bool]:
        outcome = chosen.run(tmp_path, dict.fromkeys(tests, 0.01), 0.1, Event())
        return bool(outcome.failure), outcome.test, outcome.timed_out

    assert run(good) == (False, "", False)
    assert run(good, bad) == (True, bad, False)
    assert run(good, stuck, bad) == (True, stuck, True)
    assert run("test_a.py::test_missing") == (True, "", False)
    (tmp_path / "pytest.py").write_text("1 / 0", encoding="utf-8")
    assert run(good) == (True, "", False)


def test_a_run_continues_from_the_kept_results(tmp_path: Path) -> None:
    """An interrupted run leaves its results, and the next one runs only the missing mutants."""
    sample = [mutant("a", at) for at in range(6)]
    ran = []

    def run_until(last: int) -> dict[object, object]:
        kept = keep.Kept(tmp_path)
        known: dict[object, object] = kept.results(sample, "digest", {})[0]

        def work(_copy: Path, one: object, _stop: Event) -> object:
            ran.append(one)
            return reports.Result(one, ["-a", "+b"], killed=True, tests=2, killer="test_a")

        missing = [one for one in sample if one not in known]
        for found in jobs.work_through(missing, work, [tmp_path]):
            kept.add_result(found, "digest", {})
            known[found.mutant] = found
            if found.mutant == sample[last]:
                break
        return known

    assert len(run_until(2)) == 3
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('\n[["a", "f"')  # The process was killed while it wrote.
    ran.clear()
    results = run_until(5)
    assert results.keys() == set(sample)
    assert sample[0] not in ran
    assert sample[5] in ran
    assert results[sample[0]] == reports.Result(
        sample[0], ["-a", "+b"], killed=True, tests=2, killer="test_a"
    )


def test_kept_results_are_not_used_after_a_change(tmp_path: Path) -> None:
    """A killed mutant counts until its test changes, and a survivor until any test does."""
    kept = keep.Kept(tmp_path)
    one, other = mutant("a", 1), mutant("a", 2)
    killed = reports.Result(one, [], killed=True, tests=2, killer="test_a.py::test_a")
    survived = reports.Result(other, [], killed=False, tests=2)
    for result in (killed, survived):
        kept.add_result(result, "old", {"test_a.py": "a"})
    killers = {one: killed.killer, other: ""}
    assert kept.results([one, other], "old", {"test_a.py": "b"}) == ({other: survived}, killers)
    assert kept.results([one, other], "new", {"test_a.py": "a"}) == ({one: killed}, killers)
    kept.add_measurement("api", chosen.Measurement("old", SECONDS, LINES))
    assert kept.measurement("api", "old") == chosen.Measurement("old", SECONDS, LINES)
    assert kept.measurement("api", "new") is None
    assert kept.measurement("runs", "old") is None


def test_the_digest_covers_what_the_tests_of_a_folder_depend_on(tmp_path: Path) -> None:
    """A folder is measured again if the package, its tests or shared code of tests change."""
    files = ["ghartifacts_async/a.py", "tests/api/test_a.py", "tests/runs/test_b.py", "tests/x.py"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for changed in files:
        before = [chosen.digest(tmp_path, folder) for folder in ("api", "runs")]
        (tmp_path / changed).write_text("1", encoding="utf-8")
        after = [chosen.digest(tmp_path, folder) for folder in ("api", "runs")]
        kept = [old == new for old, new in zip(before, after, strict=True)]
        assert kept == ["runs" in changed, "api" in changed]


def test_an_interrupted_run_ends_its_tests(tmp_path: Path) -> None:
    """When a run is interrupted, the jobs of other mutants end soon, and start no more."""
    started = []

    def work(_copy: Path, item: int, stop: Event) -> int:
        started.append(item)
        assert item == 0 or stop.wait(60)
        return item

    results = jobs.work_through(range(9), work, [tmp_path / "a", tmp_path / "b"])
    assert next(results) == 0
    results.close()
    assert len(started) <= 3


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
        *[result("a", killed=True)] * 17,
        result("a", killed=True, timed_out=True),
        result("a", killed=False),
        result("a", killed=False, added="return x < 2"),
        *[result("b", killed=True)] * 2,
        result("b", killed=False),
    ]
    verdicts = reports.Verdicts(VERDICTS)
    text = reports.report({"commit": "0123"}, results, verdicts, {"a"})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["pure", "20", "18", "1", "1", "1", "94.7 %", "95 %", "**not met**"] in rows
    assert ["other", "3", "2", "0", "0", "1", "66.6 %", "88 %", "**not met**"] in rows
    assert ["a", "20", "18", "1", "1", "1"] in rows
    assert ["b", "3", "2", "0", "0", "1"] in rows
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
