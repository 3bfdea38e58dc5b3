"""A slice of each campaign; the whole ones are in benchmarks/, which a wheel does not have."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

WHY = "the campaigns are in benchmarks/ of a checkout, and this is none"
SCHEDULES = 150
KILLS = 10
MIRRORED = 120


@pytest.mark.skipif(sys.platform == "win32", reason="a schedule is bounded by SIGALRM")
def test_faults() -> None:
    """Whatever the store does and whenever a download is ended, nothing is lost or left."""
    faults = pytest.importorskip("benchmarks.campaigns.faults", reason=WHY)
    tally, failures = faults.play_many(4, range(SCHEDULES))
    assert failures == {}
    assert tally.schedules == SCHEDULES
    assert tally.resumed
    assert tally.faults.total() > SCHEDULES


def test_the_same_seed_draws_the_same_schedules() -> None:
    """A failing schedule can be played again by its seed and number."""
    schedules = pytest.importorskip("benchmarks.campaigns._schedules", reason=WHY)
    assert schedules.draw(4, 7) == schedules.draw(4, 7)
    assert schedules.draw(4, 7) != schedules.draw(4, 8)
    assert schedules.draw(4, 7) != schedules.draw(5, 7)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_kills(tmp_path: Path) -> None:
    """A process that is killed while it downloads leaves what the next one goes on with."""
    kills = pytest.importorskip("benchmarks.campaigns.kills", reason=WHY)
    losses = asyncio.run(kills.campaign(KILLS, 4, tmp_path))
    assert losses.kills == KILLS
    assert losses.artifacts
    assert losses.again < losses.received


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_mirrors(tmp_path: Path) -> None:
    """A mirror that is killed again and again ends complete, and fetches nothing twice."""
    mirrors = pytest.importorskip("benchmarks.campaigns.mirrors", reason=WHY)
    losses = asyncio.run(mirrors.campaign(3, MIRRORED, 4, tmp_path))
    assert losses.kills
    assert losses.linked
    assert losses.downloads < MIRRORED + 3 * 16
