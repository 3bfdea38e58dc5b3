"""Comparisons of competitors: the order of the runs and the figures."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

WHY = "the benchmarks are only in a source checkout"
comparison = pytest.importorskip("benchmarks._comparison", reason=WHY)


def python(source: str) -> list[str]:
    """Return the command of a Python program."""
    return [sys.executable, "-c", source]


def test_competitors_alternate(tmp_path: Path) -> None:
    """Competitors alternate after an unmeasured warm-up, each at most `most_runs` times."""
    log = tmp_path / "log"

    def entry(name: str, most: int = 100) -> object:
        return comparison.Competitor(name, ["sh", "-c", f"printf {name} >> {log}"], most_runs=most)

    rows = comparison.compare([entry("A"), entry("B"), entry("C", 1)], 2)
    assert log.read_text() == "ABCABCAB"
    assert [len(row.seconds) for row in rows] == [2, 2, 1]
    assert rows[0].ratios == [1.0, 1.0]


def test_without_a_warm_up_each_run_is_measured(tmp_path: Path) -> None:
    """A comparison without a warm-up runs each competitor only as often as it is measured."""
    log = tmp_path / "log"
    entry = comparison.Competitor("A", ["sh", "-c", f"printf A >> {log}"])
    rows = comparison.compare([entry], 2, warm_up=False)
    assert log.read_text() == "AA"
    assert len(rows[0].seconds) == 2


def test_ratios_compare_runs_of_the_same_round() -> None:
    """Run times and call times are ratios to the first competitor's in the same round."""
    quick = comparison.Competitor("quick", python('print("{\\"seconds\\": 2}")'))
    slow = comparison.Competitor(
        "slow", python('import time; time.sleep(1); print("{\\"seconds\\": 5}")')
    )
    _, second = comparison.compare([quick, slow], 1)
    assert second.ratios[0] > 1
    assert second.median("call_ratios") == 2.5
    assert second.median("call") == 5
    assert second.median("nothing of that name") is None


def test_the_call_of_a_program_is_its_whole_run() -> None:
    """The run of a program without interpreter is compared with the call of a Python competitor."""
    ours = comparison.Competitor("ours", python('print("{\\"seconds\\": 0.1}")'))
    program = comparison.Competitor("sleep", ["sleep", "1"], verifies=False, is_program=True)
    _, row = comparison.compare([ours, program], 1)
    assert row.call_ratios[0] > 10
    assert row.median("call") == row.seconds[0]
    assert row.verifies is False
    assert row.cpu_ratios[0] < 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's unit differs")
def test_peak_memory_excludes_the_measuring_process() -> None:
    """The peak of a small program is small, even if the measuring process is large."""
    ballast = bytearray(b"x") * 2**26
    small = comparison.measure_once(comparison.Competitor("small", ["true"]))
    large = comparison.measure_once(
        comparison.Competitor("large", python("bytearray(b'x') * 2**26"))
    )
    assert small.peak_mib[0] < 24
    assert large.peak_mib[0] > 64
    assert len(ballast) == 2**26


def test_a_failed_competitor_is_reported() -> None:
    """A failed competitor gets no row and does not stop the others. Its error has no signature."""
    fails = "import sys; sys.exit('403 for http://store/blob.zip?sig=secret')"
    failed: list[str] = []
    entries = [
        comparison.Competitor("ours", ["true"], "ours"),
        comparison.Competitor("theirs", python(fails)),
    ]
    rows = comparison.compare(entries, 2, failed=failed)
    assert [row.name for row in rows] == ["ours"]
    assert failed == ["theirs exited with status 1: 403 for http://store/blob.zip?…"]


def test_a_failure_of_this_library_is_an_error() -> None:
    """A failure of one of this library's own commands ends the comparison with an error."""
    entries = [
        comparison.Competitor("ours", ["true"], "ours"),
        comparison.Competitor("too", ["false"], "ours"),
    ]
    with pytest.raises(comparison.CompetitorError, match="too exited with status 1"):
        comparison.compare(entries, 1, failed=[])


def test_a_run_that_exceeds_its_timeout_is_killed() -> None:
    """After the timeout, a shell and its children are killed."""
    started = time.monotonic()
    endless = comparison.Competitor("endless", ["sh", "-c", "sleep 60; true"], timeout=1)
    with pytest.raises(comparison.CompetitorError, match="endless took longer than 1 s"):
        comparison.measure_once(endless)
    assert time.monotonic() - started < 30


def test_invalid_json_is_a_failure() -> None:
    """A competitor whose last line is not valid JSON has failed."""
    with pytest.raises(comparison.CompetitorError, match=r"odd: .*\{ no JSON"):
        comparison.measure_once(comparison.Competitor("odd", ["echo", "{ no JSON"]))


def test_a_run_that_did_nothing_is_a_failure() -> None:
    """A competitor that exits with 0 without having done its task has failed."""

    def check(_: object) -> None:
        raise ValueError("no file")

    with pytest.raises(comparison.CompetitorError, match="ours: no file"):
        comparison.compare([comparison.Competitor("ours", ["true"], check=check)], 1)
