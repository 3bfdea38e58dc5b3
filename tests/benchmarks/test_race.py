"""Races: who runs when, and what is accounted."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

WHY = "the benchmarks are in benchmarks/ of a checkout, and this is none"
races = pytest.importorskip("benchmarks._race", reason=WHY)


def python(source: str) -> list[str]:
    """A command."""
    return [sys.executable, "-c", source]


def test_competitors_alternate(tmp_path: Path) -> None:
    """Competitors take turns after a warm-up that does not count, a slow one not in each round."""
    log = tmp_path / "log"

    def entry(name: str, most: int = 100) -> object:
        return races.Entry(name, ["sh", "-c", f"printf {name} >> {log}"], most_runs=most)

    rows = races.race([entry("A"), entry("B"), entry("C", 1)], 2)
    assert log.read_text() == "ABCABCAB"
    assert [len(row.seconds) for row in rows] == [2, 2, 1]
    assert rows[0].ratios == [1.0, 1.0]


def test_the_ratio_is_that_of_the_round() -> None:
    """Each run is compared with the first competitor's of the same round, and so are the calls."""
    quick = races.Entry("quick", python('print("{\\"seconds\\": 2}")'))
    slow = races.Entry("slow", python('import time; time.sleep(1); print("{\\"seconds\\": 5}")'))
    _, second = races.race([quick, slow], 1)
    assert second.ratios[0] > 1
    assert second.median("call_ratios") == 2.5
    assert second.median("call") == 5
    assert second.median("nothing of that name") is None


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the kernel's account")
def test_memory_is_the_childs_own() -> None:
    """The peak of a small program is small, however large the process that measures it."""
    ballast = bytearray(b"x") * 2**26
    small = races.alone(races.Entry("small", ["true"]))
    large = races.alone(races.Entry("large", python("bytearray(b'x') * 2**26")))
    assert small.peak_mib[0] < 24
    assert large.peak_mib[0] > 64
    assert len(ballast) == 2**26


def test_a_competitor_that_fails_is_named() -> None:
    """Who cannot do it has no row and stops nobody, and its words show no signed URL."""
    fails = "import sys; sys.exit('403 for http://store/blob.zip?sig=secret')"
    failed: list[str] = []
    entries = [races.Entry("ours", ["true"], "ours"), races.Entry("theirs", python(fails))]
    rows = races.race(entries, 2, failed=failed)
    assert [row.name for row in rows] == ["ours"]
    assert failed == ["theirs ended with 1: 403 for http://store/blob.zip?…"]


def test_a_failure_of_ours_is_no_result() -> None:
    """Where one of ours fails, whichever, there is nothing to show."""
    entries = [races.Entry("ours", ["true"], "ours"), races.Entry("too", ["false"], "ours")]
    with pytest.raises(races.FailedError, match="too ended with 1"):
        races.race(entries, 1, failed=[])


def test_a_run_that_takes_too_long_is_ended() -> None:
    """What a shell has started is ended with it, and no later than it may run."""
    began = time.monotonic()
    endless = races.Entry("endless", ["sh", "-c", "sleep 60; true"], patience=1)
    with pytest.raises(races.FailedError, match="endless took longer than 1 s"):
        races.alone(endless)
    assert time.monotonic() - began < 30


def test_words_that_are_no_figures_are_a_failure() -> None:
    """A competitor that prints something else than JSON where that is expected is named."""
    with pytest.raises(races.FailedError, match=r"odd: .*\{ no JSON"):
        races.alone(races.Entry("odd", ["echo", "{ no JSON"]))


def test_a_run_that_did_nothing_is_a_failure() -> None:
    """A competitor that ends well without having done its task does not win."""

    def check(_: object) -> None:
        raise ValueError("nothing is there")

    with pytest.raises(races.FailedError, match="ours: nothing is there"):
        races.race([races.Entry("ours", ["true"], check=check)], 1)
