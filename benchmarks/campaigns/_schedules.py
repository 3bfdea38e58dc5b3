"""What a fault campaign draws: a payload, a target, and a story of runs with their faults.

A schedule follows from a seed and a number alone, so that one that fails can be played again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal

from attrs import frozen

from ghartifacts_async.models import IfExists
from ghartifacts_async.testing import BlobFault, Fault

How = Literal["through", "cancelled", "closed"]
There = Literal["nothing", "other", "same"]
Named = tuple[str, Any]

_SIZES = [0, 1, 2, 100, 4096, *(2**16 + d for d in (-1, 0, 1)), *(2**20 + d for d in (-1, 0, 1))]
_MOMENTS = [0.001, 0.1, 1.0, 5.0, 31.0, 70.0]
_UNTOLD = frozenset({"flip"})
_PASSING: list[Named] = [
    ("5xx", BlobFault.status(503)),
    ("reset", BlobFault.reset(after=0)),
    ("truncate", BlobFault.truncate(after=0)),
    ("expire", BlobFault.expire()),
]
_HIDE_A_CHANGE = frozenset({"etag"})


@frozen
class Run:
    """One call of the download, by a client of its own.

    Attributes:
        how: Whether it may come to its end, is cancelled, or its client is closed.
        seconds: When it is ended, on the loop's clock, or ``None``.
        turns: Otherwise after how many turns of the loop.
        again: After how many more turns it is cancelled once more, or ``None``.
        faults: What the requests to the store meet, one after another; ``None`` is nothing.
        api_faults: What the calls for a URL meet.
        url_ttl: Seconds for which the store takes a URL.
        twin: Whether a second client downloads to the same target at the same time.
        keep_partial: As in `Repo.download_artifact`.
        connections: As there.
        by_id: Whether the artifact is given by its id.
        durable: As there.
        changed: Whether another payload was put in the artifact's place before.
        each_once: What the first request from each byte on meets, which no run may fail at.
        full_after: After how many batches the disk is full, or ``None``.
    """

    how: How
    seconds: float | None
    turns: int
    again: int | None
    faults: tuple[Named | None, ...]
    api_faults: tuple[Named | None, ...]
    url_ttl: float
    twin: bool
    keep_partial: bool
    connections: int | None
    by_id: bool
    durable: bool
    changed: bool
    each_once: Named | None = None
    full_after: int | None = None

    @property
    def bearable(self) -> bool:
        """Whether it is to succeed."""
        wrong = self.faults or self.api_faults or self.full_after is not None
        return self.how == "through" and not wrong

    @property
    def healthy(self) -> bool:
        """Whether nothing goes wrong in it."""
        return self.bearable and self.each_once is None


@frozen
class Schedule:
    """One story, the last run of which is healthy.

    Attributes:
        seed: Of the campaign.
        number: In the campaign.
        size: Bytes of the payload; of what a zip holds where there is no digest.
        digest: Whether GitHub knows one.
        raw: Whether the payload is no zip.
        into: A directory that is there, one that is not, or a file.
        there: What lies at the target before: nothing, something else, or the payload.
        if_exists: As in `Repo.download_artifact`.
        pieces: Into how many pieces a payload is cut at most, ``None`` for what the library does.
        runs: The story.
    """

    seed: int
    number: int
    size: int
    digest: bool
    raw: bool
    into: Literal["directory", "new", "file"]
    there: There
    if_exists: IfExists
    pieces: int | None
    runs: tuple[Run, ...]

    @property
    def content_seed(self) -> str:
        """What the payload's bytes follow from."""
        return f"{self.seed}/{self.number}/content"


def draw(seed: int, number: int) -> Schedule:
    """The schedule of this number."""
    rng = random.Random(f"{seed}/{number}")
    size = _size(rng)
    digest = rng.random() < 0.7
    there: list[There] = ["nothing", "nothing", "nothing", "nothing", "other", "same"]
    exists: list[IfExists] = ["verify", "verify", "verify", "verify", "replace", "replace", "error"]
    # Nobody could tell a changed payload whose ETag is kept back, nor bits of one without digest.
    changing = not digest and rng.random() < 0.2
    without = (frozenset() if digest else _UNTOLD) | (_HIDE_A_CHANGE if changing else frozenset())
    count = rng.choice([0, 1, 1, 1, 2, 2, 3, 5])
    runs = [_run(rng, size, without, changing) for _ in range(count)]
    return Schedule(
        seed,
        number,
        size,
        digest,
        raw=rng.random() < 0.2,
        into=rng.choice(["directory", "new", "file", "file"]),
        there=rng.choice(there),
        if_exists=rng.choice(exists),
        pieces=rng.choice([None, 3, 8, 8, 20, 40]),
        runs=(*runs, _last_run(rng, changing)),
    )


def _size(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(_SIZES)
    if kind < 0.9:
        return rng.randrange(2**18)
    return rng.randrange(3 * 2**20)


def _run(rng: random.Random, size: int, without: frozenset[str], changing: bool) -> Run:
    how: How = rng.choice(["through", "through", "cancelled", "closed"])
    seconds = rng.choice(_MOMENTS) * rng.random() if rng.random() < 0.5 else None
    count = rng.choice([0, 1, 2, 4, 12])
    faults = _mixed(rng, count, lambda rng: _blob_fault(rng, size, without))
    each_once: Named | None = None
    full_after: int | None = None
    story = rng.random()
    if story < 0.25 and size > 1:
        # A slow store, and nobody waits for the end.
        how, seconds = rng.choice(["cancelled", "closed"]), 2 * rng.random()
        faults = (*faults, *[("throttle", BlobFault.throttle(size / 2))] * 99)
    elif story < 0.4:
        # A store that fails for good.
        faults = (*faults, *[("4xx", BlobFault.status(404))] * 9)
    elif story < 0.45:
        how, faults, each_once = "through", (), rng.choice(_PASSING)
    elif story < 0.5:
        full_after = rng.choice([0, 1, 2, 5, 20])
    return Run(
        how,
        seconds,
        turns=int(1000 ** rng.random()) - 1,
        again=rng.randrange(20) if rng.random() < 0.3 else None,
        faults=faults,
        api_faults=() if each_once else _mixed(rng, rng.choice([0, 0, 1, 3]), _api_fault),
        url_ttl=rng.choice([60, 60, 60, 5, 1]),
        twin=rng.random() < 0.1,
        keep_partial=rng.random() < 0.9,
        connections=rng.choice([None, *range(1, 9)]),
        by_id=rng.random() < 0.2,
        durable=rng.random() < 0.05,
        changed=changing and rng.random() < 0.4,
        each_once=each_once,
        full_after=full_after,
    )


def _last_run(rng: random.Random, changing: bool) -> Run:
    return Run(
        "through",
        seconds=None,
        turns=0,
        again=None,
        faults=(),
        api_faults=(),
        url_ttl=60,
        twin=rng.random() < 0.1,
        keep_partial=True,
        connections=rng.choice([None, *range(1, 9)]),
        by_id=rng.random() < 0.2,
        durable=False,
        changed=changing and rng.random() < 0.4,
    )


def _mixed(
    rng: random.Random, count: int, make: Callable[[random.Random], Named]
) -> tuple[Named | None, ...]:
    """So many faults, with requests between them that meet none."""
    mixed: list[Named | None] = []
    for _ in range(count):
        mixed += [None] * rng.choice([0, 0, 1, 3])
        mixed += [make(rng)] * rng.choice([1, 1, 1, 2, 9])
    return tuple(mixed)


def _blob_fault(rng: random.Random, size: int, without: frozenset[str]) -> Named:
    kinds = [kind for kind in _BLOB_FAULTS if kind not in without]
    name = rng.choice(kinds)
    fault = _BLOB_FAULTS[name](rng, max(1, size))
    if rng.random() < 0.25:
        other = rng.choice(kinds)
        try:
            return f"{name} & {other}", fault & _BLOB_FAULTS[other](rng, max(1, size))
        except ValueError:
            # They contradict each other.
            pass
    return name, fault


def _somewhere(rng: random.Random, size: int) -> int:
    """A position, early ones as probable as late ones."""
    return int(size ** rng.random()) if rng.random() < 0.5 else rng.randrange(size)


def _content_range(rng: random.Random, size: int) -> str | None:
    if rng.random() < 0.2:
        return None
    first = _somewhere(rng, size)
    last = first + _somewhere(rng, size)
    total = rng.choice([size, size + 1, last + 1])
    return rng.choice([f"bytes {first}-{last}/{total}", f"bytes {first}-{last}/*", "bytes */1"])


_BLOB_FAULTS: dict[str, Callable[[random.Random, int], BlobFault]] = {
    "truncate": lambda rng, size: BlobFault.truncate(after=_somewhere(rng, size)),
    "reset": lambda rng, size: BlobFault.reset(after=_somewhere(rng, size)),
    "stall": lambda rng, size: BlobFault.stall(after=_somewhere(rng, size)),
    "throttle": lambda rng, size: BlobFault.throttle(max(10, size / rng.choice([0.3, 2, 9]))),
    "drip": lambda rng, _: BlobFault.throttle(rng.choice([0.3, 2])),
    "flip": lambda rng, size: BlobFault.flip(at=_somewhere(rng, size)),
    "length": lambda rng, size: BlobFault.length(rng.choice([None, _somewhere(rng, 2 * size)])),
    "chunked": lambda _, __: BlobFault.chunked(),
    "content-range": lambda rng, size: BlobFault.content_range(_content_range(rng, size)),
    "etag": lambda rng, _: BlobFault.etag(rng.choice([None, '"other"', 'W/"weak"'])),
    "ignore-range": lambda _, __: BlobFault.ignore_range(),
    "expire": lambda _, __: BlobFault.expire(),
    "5xx": lambda rng, _: BlobFault.status(rng.choice([500, 502, 503, 504])),
    "4xx": lambda rng, _: BlobFault.status(rng.choice([400, 401, 403, 404, 412, 416, 429])),
    "retry-after": lambda rng, _: BlobFault.status(503, retry_after=rng.choice([0, 1, 7, 50, 300])),
    "dropped": lambda _, __: BlobFault.dropped(),
}


def _api_fault(rng: random.Random) -> Named:
    name = rng.choice(list(_API_FAULTS))
    return name, _API_FAULTS[name](rng)


_API_FAULTS: dict[str, Callable[[random.Random], Fault]] = {
    "API 5xx": lambda rng: Fault(rng.choice([500, 502, 503, 504])),
    "API html": lambda _: Fault.html(),
    "API dropped": lambda _: Fault.dropped(),
    "API cut": lambda _: Fault.cut(),
    "API limit": lambda rng: Fault.secondary_limit(rng.choice([None, 1, 60])),
    "API 404": lambda _: Fault(404),
}
