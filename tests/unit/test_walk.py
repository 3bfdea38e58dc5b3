"""A listing that changes while it is read: what stays is found once, whatever comes and goes."""

from __future__ import annotations

import functools
import random
from collections import deque

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArtifactPage
from ghartifacts_async._sansio.pages import Walk, Window

from .values import artifact, examples

numbered = functools.cache(lambda number: artifact(id=number))


@define
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
        """Add the newest: in front, or at the end of an ascending list."""
        for _ in range(count):
            self.uploaded += 1
            self.ids.insert(0 if self.descending else len(self.ids), self.uploaded)

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


def read(listing: Changing, *, first: int, width: int, calm: float) -> tuple[list[int], int]:
    """Read it as `ArtifactListing` does, answers coming in any order; ids, and number of calls."""
    chance = listing.chance
    walk = Walk(first, descending=listing.descending)
    asked: deque[Window] = deque()
    answers: dict[Window, tuple[ArtifactPage, bool]] = {}
    found: list[int] = []
    calls = 0
    while not walk.done:
        while len(asked) < width and (window := walk.ahead()) is not None:
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
        new = walk.take(head, *answers.pop(head))
        if new is None:
            asked.clear()
            answers.clear()
        else:
            found += [one.id for one in new]
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
    count: int, first: int, width: int, descending: bool, calm: float, seed: int
) -> None:
    """Whatever is uploaded and deleted meanwhile, what stays is found, and nothing twice."""
    chance = random.Random(seed)
    # Ids that are nearly in order, as those of several attempts of a run are.
    ids = sorted(range(1, count + 1), key=lambda one: one + chance.choice([0, 0, 0, 5]))
    listing = Changing(ids[::-1] if descending else ids, descending, chance)
    found, _ = read(listing, first=first, width=width, calm=calm)
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
    found, made = read(listing, first=100, width=8, calm=1)
    assert found == listing.ids
    assert made == calls


def test_a_deletion_costs_little() -> None:
    """Where a page slips to the left, it is what was asked for ahead that is asked for again."""
    chance = random.Random(2)
    listing = Changing(list(range(5000, 0, -1)), True, chance)
    walk = Walk(100, descending=True)
    found: list[int] = []
    calls = 0
    while not walk.done:
        window = walk.ahead()
        assert window is not None
        calls += 1
        new = walk.take(window, *listing.answer(window))
        found += [one.id for one in new or ()]
        listing.delete(0, 5)
    assert listing.stayed <= set(found)
    assert calls < 3 * 58


def test_an_endless_flood_in_front_is_left_behind() -> None:
    """What is uploaded during the listing need not be read for it to end."""
    listing = Changing(list(range(500, 0, -1)), True, random.Random(3))
    walk = Walk(100, descending=True)
    calls = 0
    while not walk.done:
        window = walk.ahead()
        assert window is not None
        walk.take(window, *listing.answer(window))
        listing.upload(60)
        calls += 1
        assert calls < 60
