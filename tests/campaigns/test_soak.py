"""A short soak, and the rule by which `benchmarks.campaigns.soak` finds growth."""

from __future__ import annotations

import sys

import pytest

from tests.values import share

OPERATIONS = share(60, least=30)
NO_CHECKOUT = "the campaign is in benchmarks/, which only a checkout of the repository has"


@pytest.mark.skipif(sys.platform != "linux", reason="the campaign reads /proc")
async def test_mixed_operations_end_or_raise_errors_of_the_library() -> None:
    """Mixed operations under faults succeed, are cancelled, or raise an error of the library."""
    campaign = pytest.importorskip("benchmarks.campaigns.soak", reason=NO_CHECKOUT)
    outcomes, samples = await campaign.soak(OPERATIONS, 1)
    assert outcomes.total() == OPERATIONS
    assert outcomes["done"] > OPERATIONS / 3
    assert samples[-1].operations == OPERATIONS
    assert samples[-1].tasks == samples[0].tasks


def test_growth_is_found() -> None:
    """Memory, files, tasks or threads that grow are a failure; those that only vary are not."""
    campaign = pytest.importorskip("benchmarks.campaigns.soak", reason=NO_CHECKOUT)

    def samples(*, per_step: int) -> list[object]:
        numbers = [(100 + per_step * step + step % 2) for step in range(20)]
        return [campaign.Sample(n, n * 2**20, n, n, n) for n in numbers]

    assert campaign.growth(samples(per_step=0)) == []
    found = campaign.growth(samples(per_step=5))
    assert [text.split()[0] for text in found] == ["memory", "files", "tasks", "threads"]
