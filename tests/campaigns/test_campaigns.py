"""Short runs of the fault, kill and mirror campaigns.

``python -m benchmarks.campaigns.faults``, ``.kills`` and ``.mirrors`` run them for longer.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.values import share

WHY = "the campaigns are only in a source checkout"
SCHEDULES = share(150)
KILLS = share(10, least=5)
MIRRORED = 120


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGALRM")
def test_faults() -> None:
    """Under faults, cancellations and restarts, no downloaded byte is lost and nothing leaks."""
    faults = pytest.importorskip("benchmarks.campaigns.faults", reason=WHY)
    tally, failures = faults.execute_many(6, range(SCHEDULES))
    assert failures == {}
    assert tally.schedules == SCHEDULES
    assert tally.resumed
    assert tally.faults.total() > SCHEDULES


def test_the_same_seed_draws_the_same_schedules() -> None:
    """A failing schedule can be reproduced by its seed and number."""
    schedules = pytest.importorskip("benchmarks.campaigns._schedules", reason=WHY)
    assert schedules.draw(4, 7) == schedules.draw(4, 7)
    assert schedules.draw(4, 7) != schedules.draw(4, 8)
    assert schedules.draw(4, 7) != schedules.draw(5, 7)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kills(tmp_path: Path) -> None:
    """If a process is killed during a download, the next process resumes the download."""
    kills = pytest.importorskip("benchmarks.campaigns.kills", reason=WHY)
    losses = asyncio.run(kills.campaign(KILLS, 4, tmp_path))
    assert losses.kills == KILLS
    assert losses.artifacts
    assert losses.again < losses.received


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_mirrors(tmp_path: Path) -> None:
    """A mirror that is killed repeatedly is completed without fetching a finished file again."""
    mirrors = pytest.importorskip("benchmarks.campaigns.mirrors", reason=WHY)
    losses = asyncio.run(mirrors.campaign(3, MIRRORED, 4, tmp_path))
    assert losses.kills
    assert losses.linked
    assert losses.downloads < MIRRORED + 3 * 16
