"""Reading a listing in pages that are so small that they cannot always overlap."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.test_pagination import ChangingListing, read_all
from tests.values import examples


@examples(300)
@given(st.integers(0, 200), st.integers(1, 9), st.sampled_from([1, 4]), st.integers(0, 2**32))
def test_small_pages_miss_nothing_that_a_deletion_moves(
    count: int, max_size: int, most: int, seed: int
) -> None:
    """Pages too small to overlap always are complete while the newest come and others go."""
    rng = random.Random(seed)
    listing = ChangingListing(list(range(count, 0, -1)), True, rng)

    def change() -> None:
        before = len(listing.ids)
        listing.delete(rng.randrange(before + 1), rng.randrange(4))
        added = rng.choice([0, 0, before - len(listing.ids), rng.randrange(5)])
        listing.uploaded += added
        listing.ids[:0] = range(listing.uploaded, listing.uploaded - added, -1)

    listing.change = change  # type: ignore[method-assign]
    found, _ = read_all(listing, max_size=max_size, most=most, calm=0.5)
    assert len(found) == len(set(found))
    assert listing.stayed <= set(found)


@pytest.mark.parametrize("size", [2, 3, 4, 10])
def test_positions_at_which_no_page_overlaps(size: int) -> None:
    """An unchanged listing is read in order, even if pages are too small to overlap."""
    listing = ChangingListing(list(range(2600, 0, -1)), True, random.Random(8))
    found, calls = read_all(listing, max_size=size, most=8, calm=1)
    assert found == listing.ids
    assert calls < 2 * 2600 / size + 2
