"""A listing that changes while it is read: what stays is found once, whatever comes and goes."""

from __future__ import annotations

import functools
import itertools
import random
from collections import deque

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArtifactPage, UnexpectedReply
from ghartifacts_async._api.pagination import PagePlan, Window
from tests.values import artifact, examples

numbered = functools.cache(lambda number: artifact(id=number))


@define(slots=False)
class Changing:
    """A list of ids in one order that never changes, of which some come and others go."""

    ids: list[int]
    descending: bool
    chance: random.Random
    stayed: set[int] = field(init=False)
    uploaded: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stayed = set(self.ids)
        self.uploaded = max(self.ids, default=0)

    def upload(self, count: int) -> None:
        """Add the newest in front, or at the end of an ascending list; or some elsewhere."""
        elsewhere = self.chance.randrange(len(self.ids) + 1) if self.chance.random() < 0.1 else None
        for _ in range(count):
            self.uploaded += 1
            where = 0 if self.descending else len(self.ids)
            self.ids.insert(where if elsewhere is None else elsewhere, self.uploaded)

    def delete(self, start: int, count: int) -> None:
        """Take some out that stand side by side."""
        self.stayed -= set(self.ids[start : start + count])
        del self.ids[start : start + count]

    def change(self) -> None:
        """Do one of the things that people and retention do."""
        chance = self.chance
        size = chance.choice([1, 1, 1, 2, 3, chance.randrange(1, 60)])
        match chance.choice(["upload", "delete", "both", "nothing", "nothing"]):
            case "upload":
                self.upload(size)
            case "delete":
                self.delete(chance.randrange(len(self.ids) + 1), size)
            case "both":
                # The total stays as it was.
                before = len(self.ids)
                self.delete(chance.randrange(len(self.ids) + 1), size)
                self.upload(before - len(self.ids))
            case _:
                pass

    def answer(self, window: Window) -> tuple[ArtifactPage, bool]:
        """The page as it is now, and whether there is a next one."""
        ids = self.ids[window.start : window.stop]
        page = ArtifactPage(len(self.ids), tuple(map(numbered, ids)))
        return page, window.stop < len(self.ids)


def read(listing: Changing, *, first: int, most: int, calm: float) -> tuple[list[int], int]:
    """Read it as `ArtifactListing` does, answers coming in any order; ids, and number of calls."""
    chance = listing.chance
    walk = PagePlan(first, descending=listing.descending)
    asked: deque[Window] = deque()
    answers: dict[Window, tuple[ArtifactPage, bool]] = {}
    found: list[int] = []
    calls, width = 0, 1
    while not walk.done:
        while len(asked) < width and (window := walk.next_window()) is not None:
            asked.append(window)
            calls += 1
        assert calls < 2_000, "it never ends"
        while asked[0] not in answers:
            window = chance.choice([one for one in asked if one not in answers])
            answers[window] = listing.answer(window)
            # Nobody catches up with what grows faster than it can be read.
            if calls < 500 and chance.random() > calm:
                listing.change()
        head = asked.popleft()
        new = walk.accept(head, *answers.pop(head))
        if new is None:
            asked.clear()
            answers.clear()
            width = 1
        else:
            found += [one.id for one in new]
            width = min(2 * width, most)
    return found, calls


@examples(2000)
@given(
    st.integers(0, 1500),
    st.sampled_from([1, 2, 5, 19, 20, 30, 99, 100]),
    st.sampled_from([1, 2, 8, 16]),
    st.booleans(),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.integers(0, 2**32),
)
def test_what_stays_is_found_once(
    count: int, first: int, most: int, descending: bool, calm: float, seed: int
) -> None:
    """Whatever is uploaded and deleted meanwhile, what stays is found, and nothing twice."""
    chance = random.Random(seed)
    # Ids that are nearly in order, as those of several attempts of a run are.
    ids = sorted(range(1, count + 1), key=lambda one: one + chance.choice([0, 0, 0, 5]))
    listing = Changing(ids[::-1] if descending else ids, descending, chance)
    found, _ = read(listing, first=first, most=most, calm=calm)
    assert len(found) == len(set(found))
    assert listing.stayed <= set(found)


@pytest.mark.parametrize("direction", ["desc", "asc"])
@pytest.mark.parametrize(
    ("count", "calls"), [(0, 1), (1, 1), (100, 1), (101, 2), (190, 2), (1000, 12), (10_000, 115)]
)
def test_what_does_not_change_takes_few_calls(count: int, calls: int, direction: str) -> None:
    """Where nothing changes the order is kept, and about a seventh of the calls is for safety."""
    ids = list(range(1, count + 1))
    listing = Changing(
        ids[::-1] if direction == "desc" else ids, direction == "desc", random.Random(1)
    )
    found, made = read(listing, first=100, most=8, calm=1)
    assert found == listing.ids
    assert made == calls


@pytest.mark.parametrize("most", [1, 8, 16])
@pytest.mark.parametrize("deleted", [1, 2, 5, 20])
def test_steady_deletions_cost_little(most: int, deleted: int) -> None:
    """Where pages slip to the left all the time, few are asked for in vain."""
    listing = Changing(list(range(10_000, 0, -1)), True, random.Random(2))
    listing.change = lambda: listing.delete(0, deleted)  # type: ignore[method-assign]
    found, calls = read(listing, first=100, most=most, calm=0)
    assert listing.stayed <= set(found)
    assert calls < 8 * 115


def test_a_great_deletion_costs_little() -> None:
    """Where half of what was read is deleted at once, the place is found again in a few calls."""
    listing = Changing(list(range(10_000, 0, -1)), True, random.Random(3))
    answers = itertools.count()
    listing.change = lambda: listing.delete(0, 3000 * (next(answers) == 60))  # type: ignore[method-assign]
    found, calls = read(listing, first=100, most=8, calm=0)
    assert listing.stayed <= set(found)
    assert calls < 115 + 30


@pytest.mark.parametrize("cap", [20, 30, 50, 99])
@pytest.mark.parametrize("first", [1, 25, 100])
def test_a_server_with_smaller_pages_is_read(cap: int, first: int) -> None:
    """A server that never sends as many as are asked for is listed all the same."""
    listing = Changing(list(range(1000, 0, -1)), True, random.Random(4))
    plain = listing.answer

    def capped(window: Window) -> tuple[ArtifactPage, bool]:
        return plain(Window(window.number, min(cap, window.size)))

    listing.answer = capped  # type: ignore[method-assign]
    found, calls = read(listing, first=first, most=8, calm=1)
    assert found == listing.ids
    assert calls < 3 * 1000 / cap


def test_a_listing_that_leads_nowhere_is_told() -> None:
    """A server that answers other questions is an UnexpectedReply, and no endless loop."""
    walk = PagePlan(100, descending=True)
    ids = iter(range(10**6))
    calls = 0

    def read_on() -> None:
        nonlocal calls
        while (window := walk.next_window()) is not None:
            calls += 1
            start = 0 if window.number == 1 else next(ids) * 100
            page = tuple(numbered(one) for one in range(start, start + 100))
            walk.accept(window, ArtifactPage(10_000, page), True)

    with pytest.raises(UnexpectedReply, match="100 were received so far"):
        read_on()
    assert calls < 400


def test_an_id_beyond_all_bounds_is_told() -> None:
    """An id that is none is an UnexpectedReply."""
    walk = PagePlan(100, descending=False)
    window = walk.next_window()
    assert window is not None
    with pytest.raises(UnexpectedReply, match=str(2**70)):
        walk.accept(window, ArtifactPage(1, (artifact(id=2**70),)), False)


def test_a_flood_in_front_is_left_behind() -> None:
    """What is uploaded during the listing need not be read for it to end."""
    listing = Changing(list(range(500, 0, -1)), True, random.Random(5))
    listing.change = lambda: listing.upload(60)  # type: ignore[method-assign]
    found, calls = read(listing, first=100, most=1, calm=0)
    assert listing.stayed <= set(found)
    assert calls < 60
