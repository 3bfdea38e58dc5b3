"""Reading a listing that changes: artifacts that remain are found exactly once."""

from __future__ import annotations

import functools
import itertools
import random
from collections import deque
from collections.abc import Callable

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Artifact, ArtifactPage, UnexpectedReply
from ghartifacts_async._api.pagination import PagePlan, Window
from tests.values import artifact, examples

numbered = functools.cache(lambda number: artifact(id=number))


@define(slots=False)
class ChangingListing:
    """A list of ids that changes at random while the order of the remaining ids stays the same."""

    ids: list[int]
    descending: bool
    rng: random.Random
    stayed: set[int] = field(init=False)
    uploaded: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stayed = set(self.ids)
        self.uploaded = max(self.ids, default=0)

    def upload(self, count: int) -> None:
        """Add new ids at the newest end of the list, or sometimes elsewhere."""
        elsewhere = self.rng.randrange(len(self.ids) + 1) if self.rng.random() < 0.1 else None
        for _ in range(count):
            self.uploaded += 1
            where = 0 if self.descending else len(self.ids)
            self.ids.insert(where if elsewhere is None else elsewhere, self.uploaded)

    def delete(self, start: int, count: int) -> None:
        """Delete `count` consecutive ids."""
        self.stayed -= set(self.ids[start : start + count])
        del self.ids[start : start + count]

    def change(self) -> None:
        """Upload ids, delete ids, do both, or do nothing, at random."""
        rng = self.rng
        size = rng.choice([1, 1, 1, 2, 3, rng.randrange(1, 60)])
        match rng.choice(["upload", "delete", "both", "nothing", "nothing"]):
            case "upload":
                self.upload(size)
            case "delete":
                self.delete(rng.randrange(len(self.ids) + 1), size)
            case "both":
                # The total does not change.
                before = len(self.ids)
                self.delete(rng.randrange(len(self.ids) + 1), size)
                self.upload(before - len(self.ids))
            case _:
                pass

    def answer(self, window: Window) -> tuple[ArtifactPage, bool]:
        """Return the page for a window (a page number and size), and whether another follows."""
        ids = self.ids[window.start : window.stop]
        page = ArtifactPage(len(self.ids), tuple(map(numbered, ids)))
        return page, window.stop < len(self.ids)


def read_all(
    listing: ChangingListing, *, max_size: int, most: int, calm: float
) -> tuple[list[int], int]:
    """Read a listing as `ArtifactListing` does, with responses in random order.

    Args:
        listing: The listing.
        max_size: The maximum number of artifacts on a page.
        most: The maximum number of concurrent requests.
        calm: The probability that the listing does not change after a response.

    Returns:
        The ids, and the number of calls.
    """
    rng = listing.rng
    walk = PagePlan[Artifact](max_size, descending=listing.descending)
    requested: deque[Window] = deque()
    responses: dict[Window, tuple[ArtifactPage, bool]] = {}
    found: list[int] = []
    calls, width = 0, 1
    while not walk.done:
        while len(requested) < width and (window := walk.next_window()) is not None:
            requested.append(window)
            calls += 1
        assert calls < 2_000, "the listing does not end"
        while requested[0] not in responses:
            window = rng.choice([w for w in requested if w not in responses])
            responses[window] = listing.answer(window)
            # Changes must stop: a list that grows faster than it is read never ends.
            if calls < 500 and rng.random() > calm:
                listing.change()
        head = requested.popleft()
        new = walk.accept(head, *responses.pop(head))
        if new is None:
            requested.clear()
            responses.clear()
            width = 1
        else:
            found += [listed.id for listed in new]
            width = min(2 * width, most)
    return found, calls


@examples(2000)
@given(
    st.integers(0, 1500),
    st.sampled_from([10, 19, 20, 30, 99, 100]),
    st.sampled_from([1, 2, 8, 16]),
    st.booleans(),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.integers(0, 2**32),
)
def test_remaining_artifacts_are_found_once(
    count: int, max_size: int, most: int, descending: bool, calm: float, seed: int
) -> None:
    """Artifacts that are not deleted are found exactly once while others come and go."""
    rng = random.Random(seed)
    # Ids are nearly in order, like those of several attempts of a run.
    ids = sorted(range(1, count + 1), key=lambda number: number + rng.choice([0, 0, 0, 5]))
    listing = ChangingListing(ids[::-1] if descending else ids, descending, rng)
    found, _ = read_all(listing, max_size=max_size, most=most, calm=calm)
    assert len(found) == len(set(found))
    assert listing.stayed <= set(found)


@pytest.mark.parametrize("direction", ["desc", "asc"])
@pytest.mark.parametrize(
    ("count", "expected_calls"),
    [(0, 1), (1, 1), (100, 1), (101, 2), (190, 2), (196, 2), (1000, 12), (10_000, 115)],
)
def test_an_unchanged_listing_takes_few_calls(
    count: int, expected_calls: int, direction: str
) -> None:
    """An unchanged listing is read in order, with about a seventh more calls than pages."""
    ids = list(range(1, count + 1))
    listing = ChangingListing(
        ids[::-1] if direction == "desc" else ids, direction == "desc", random.Random(1)
    )
    found, calls = read_all(listing, max_size=100, most=8, calm=1)
    assert found == listing.ids
    assert calls == expected_calls


@pytest.mark.parametrize("most", [1, 8, 16])
@pytest.mark.parametrize("deleted", [1, 2, 5, 20])
def test_steady_deletions_cost_little(most: int, deleted: int) -> None:
    """Steady deletions, which shift all pages, cost few additional calls."""
    listing = ChangingListing(list(range(10_000, 0, -1)), True, random.Random(2))
    listing.change = lambda: listing.delete(0, deleted)  # type: ignore[method-assign]
    found, calls = read_all(listing, max_size=100, most=most, calm=0)
    assert listing.stayed <= set(found)
    assert calls < 8 * 115


def test_a_large_deletion_costs_little() -> None:
    """If half of the artifacts read so far are deleted, reading takes only a few more calls."""
    listing = ChangingListing(list(range(10_000, 0, -1)), True, random.Random(3))
    responses = itertools.count()
    listing.change = lambda: listing.delete(0, 3000 * (next(responses) == 60))  # type: ignore[method-assign]
    found, calls = read_all(listing, max_size=100, most=8, calm=0)
    assert listing.stayed <= set(found)
    assert calls < 115 + 30


@pytest.mark.parametrize("cap", [10, 20, 30, 50, 99])
@pytest.mark.parametrize("max_size", [1, 2, 25, 100])
def test_a_server_with_smaller_pages_is_read_completely(cap: int, max_size: int) -> None:
    """A listing is complete even if the server returns fewer artifacts per page than requested."""
    listing = ChangingListing(list(range(1000, 0, -1)), True, random.Random(4))
    plain = listing.answer

    def capped(window: Window) -> tuple[ArtifactPage, bool]:
        return plain(Window(window.number, min(cap, window.size)))

    listing.answer = capped  # type: ignore[method-assign]
    found, calls = read_all(listing, max_size=max_size, most=8, calm=1)
    assert found == listing.ids
    assert calls < 3 * 1000 / min(cap, max_size)


def test_pages_that_never_overlap_raise() -> None:
    """A server whose pages never overlap raises UnexpectedReply instead of looping forever."""
    walk = PagePlan[Artifact](100, descending=True)
    ids = iter(range(10**6))
    calls = 0

    def read_on() -> None:
        nonlocal calls
        while (window := walk.next_window()) is not None:
            calls += 1
            start = 0 if window.number == 1 else next(ids) * 100
            page = tuple(numbered(number) for number in range(start, start + 100))
            walk.accept(window, ArtifactPage(10_000, page), True)

    with pytest.raises(UnexpectedReply, match="100 were received so far") as caught:
        read_on()
    assert caught.value.status == 200
    assert calls < 400


def test_steady_uploads_do_not_keep_a_listing_from_ending() -> None:
    """A listing ends although artifacts are uploaded faster than they are read."""
    listing = ChangingListing(list(range(500, 0, -1)), True, random.Random(5))
    listing.change = lambda: listing.upload(60)  # type: ignore[method-assign]
    found, calls = read_all(listing, max_size=100, most=1, calm=0)
    assert listing.stayed <= set(found)
    assert calls < 60


def reads(answer: Callable[[Window], tuple[ArtifactPage, bool]]) -> tuple[list[int], int]:
    """Read a listing that a function serves, one request at a time."""
    listing = ChangingListing([], True, random.Random(6))
    listing.answer = answer  # type: ignore[method-assign, assignment]
    return read_all(listing, max_size=100, most=1, calm=1)


def leaving_out(
    count: int, hidden: Callable[[int], bool]
) -> Callable[[Window], tuple[ArtifactPage, bool]]:
    """Return a server that cuts pages of `count` items first, and then leaves items out."""
    ids = range(count, 0, -1)

    def answer(window: Window) -> tuple[ArtifactPage, bool]:
        shown = (number for number in ids[window.start : window.stop] if not hidden(number))
        return ArtifactPage(count, tuple(map(numbered, shown))), window.stop < count

    return answer


HIDDEN: dict[str, Callable[[int], bool]] = {
    "none": lambda _: False,
    "one of the first page": lambda number: number == 2995,
    "90 of the first page": lambda number: 2905 < number <= 2995,
    "98 of the first page": lambda number: 2902 < number <= 3000,
    "the first page": lambda number: number > 2900,
    "the first 500": lambda number: number > 2500,
    "every other": lambda number: number % 2 == 1,
    "all but every tenth": lambda number: number % 10 != 0,
    "a page in the middle": lambda number: 1400 < number <= 1500,
    "250 in the middle": lambda number: 1400 < number <= 1650,
    "the last page": lambda number: number <= 100,
    "the last 250": lambda number: number <= 250,
    "all": lambda _: True,
}


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_a_server_that_leaves_items_out_is_read_to_the_end(hidden: Callable[[int], bool]) -> None:
    """If a server omits items of its pages, all others are still listed, each exactly once."""
    found, calls = reads(leaving_out(3000, hidden))
    assert found == [number for number in range(3000, 0, -1) if not hidden(number)]
    assert calls < 100


@examples(300)
@given(
    st.integers(0, 1200),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(1, 400)), max_size=4),
    st.sampled_from([1, 10, 30, 100]),
    st.sampled_from([1, 4, 16]),
)
def test_any_stretch_may_be_left_out(
    count: int, stretches: list[tuple[int, int]], max_size: int, most: int
) -> None:
    """If stretches of a listing are left out, the rest is read exactly once."""
    out = {number for start, size in stretches for number in range(start, start + size)}
    listing = ChangingListing([], True, random.Random(7))
    listing.answer = leaving_out(count, out.__contains__)  # type: ignore[method-assign, assignment]
    found, _ = read_all(listing, max_size=max_size, most=most, calm=1)
    assert found == [number for number in range(count, 0, -1) if number not in out]


@pytest.mark.parametrize("total", [100, 1, 10**15])
def test_repeated_pages_end_a_listing(total: int) -> None:
    """A server that repeats a page forever ends the listing with an error after three repeats."""
    calls = 0

    def repeat(_: Window) -> tuple[ArtifactPage, bool]:
        nonlocal calls
        calls += 1
        return ArtifactPage(total, tuple(map(numbered, range(100, 0, -1)))), True

    with pytest.raises(UnexpectedReply, match="does not end: 3 pages in a row contain only items"):
        reads(repeat)
    assert calls == 4


def test_empty_pages_end_a_listing() -> None:
    """A server that promises more but sends only empty pages ends the listing with an error."""
    calls = 0

    def nothing(_: Window) -> tuple[ArtifactPage, bool]:
        nonlocal calls
        calls += 1
        return ArtifactPage(10**15, ()), True

    with pytest.raises(UnexpectedReply, match="300 pages in a row contain no items") as caught:
        reads(nothing)
    assert caught.value.status == 200
    assert calls == 300
