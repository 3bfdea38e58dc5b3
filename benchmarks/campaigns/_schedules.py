"""Random schedules of a fault campaign: a payload, a target, and runs with their faults.

A schedule depends only on a seed and a number, so a failing schedule can be reproduced.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal

from attrs import frozen

from ghartifacts_async.models import IfExists
from ghartifacts_async.testing import BlobFault, Fault

Ending = Literal["completed", "cancelled", "closed"]
Existing = Literal["nothing", "other", "same"]
NamedFault = tuple[str, Any]

_SIZES = [0, 1, 2, 100, 4096, *(2**16 + d for d in (-1, 0, 1)), *(2**20 + d for d in (-1, 0, 1))]
_MOMENTS = [0.001, 0.1, 1.0, 5.0, 31.0, 70.0]
_UNDETECTABLE = frozenset({"flip"})
_TRANSIENT: list[NamedFault] = [
    ("5xx", BlobFault.status(503)),
    ("reset", BlobFault.reset(after=0)),
    ("truncate", BlobFault.truncate(after=0)),
    ("expire", BlobFault.expire()),
]
_HIDES_REPLACEMENT = frozenset({"etag"})


@frozen
class Run:
    """One download with a new client.

    Attributes:
        ending: Whether the download may complete, is cancelled, or its client is closed.
        seconds: Seconds, on the event loop's clock, after which the download is ended. If it is
            None, `iterations` applies instead.
        iterations: Iterations of the event loop after which the download is ended.
        cancel_again_after: Iterations of the event loop between the cancellation and a second
            cancellation. None cancels only once.
        faults: Faults of consecutive requests to the store. None is a request without a fault.
        api_faults: Faults of consecutive calls for a signed URL.
        url_ttl: Seconds for which a signed URL is valid.
        concurrent: Whether a second client downloads to the same target at the same time.
        keep_partial: The argument of `Repo.download_artifact`.
        connections: The argument of `Repo.download_artifact`.
        by_id: Whether the download gets the artifact's id instead of an `Artifact`.
        durable: The argument of `Repo.download_artifact`.
        payload_replaced: Whether the artifact's payload is replaced before the run.
        first_request_fault: A fault of the first request from each offset of the payload, or None.
            Later requests from the offset succeed, so the run must succeed.
        disk_full_after: Number of writes after which the disk is full, or None.
    """

    ending: Ending
    seconds: float | None
    iterations: int
    cancel_again_after: int | None
    faults: tuple[NamedFault | None, ...]
    api_faults: tuple[NamedFault | None, ...]
    url_ttl: float
    concurrent: bool
    keep_partial: bool
    connections: int | None
    by_id: bool
    durable: bool
    payload_replaced: bool
    first_request_fault: NamedFault | None = None
    disk_full_after: int | None = None

    @property
    def must_succeed(self) -> bool:
        """Whether the library promises that the run succeeds."""
        may_fail = self.faults or self.api_faults or self.disk_full_after is not None
        return self.ending == "completed" and not may_fail

    @property
    def fault_free(self) -> bool:
        """Whether the run has no fault at all."""
        return self.must_succeed and self.first_request_fault is None


@frozen
class Schedule:
    """A sequence of runs, the last of which is free of faults.

    Attributes:
        seed: The seed of the campaign.
        number: The number of the schedule in the campaign.
        size: Size of the payload in bytes. For a zip without a digest, size of its only member.
        digest: Whether GitHub has recorded a digest.
        raw: Whether the payload is not a zip.
        into: Whether the destination is an existing directory, a new directory, or a file.
        existing: What exists at the target before the first run: nothing, another file, or the
            payload.
        if_exists: The argument of `Repo.download_artifact`.
        segments: Maximum number of segments of the payload, or None for the library's default.
        runs: The runs.
    """

    seed: int
    number: int
    size: int
    digest: bool
    raw: bool
    into: Literal["directory", "new", "file"]
    existing: Existing
    if_exists: IfExists
    segments: int | None
    runs: tuple[Run, ...]

    @property
    def content_seed(self) -> str:
        """The seed of the payload's bytes."""
        return f"{self.seed}/{self.number}/content"


def draw(seed: int, number: int) -> Schedule:
    """Return the schedule with this number in the campaign with this seed."""
    rng = random.Random(f"{seed}/{number}")
    size = _size(rng)
    digest = rng.random() < 0.7
    existing: list[Existing] = ["nothing", "nothing", "nothing", "nothing", "other", "same"]
    exists: list[IfExists] = ["verify", "verify", "verify", "verify", "replace", "replace", "error"]
    # Without a digest, no client can detect a flipped bit. Without an ETag as well, no client can
    # detect that the payload was replaced.
    replacing = not digest and rng.random() < 0.2
    excluded = frozenset() if digest else _UNDETECTABLE
    excluded |= _HIDES_REPLACEMENT if replacing else frozenset()
    count = rng.choice([0, 1, 1, 1, 2, 2, 3, 5])
    runs = [_run(rng, size, excluded, replacing) for _ in range(count)]
    return Schedule(
        seed,
        number,
        size,
        digest,
        raw=rng.random() < 0.2,
        into=rng.choice(["directory", "new", "file", "file"]),
        existing=rng.choice(existing),
        if_exists=rng.choice(exists),
        segments=rng.choice([None, 3, 8, 8, 20, 40]),
        runs=(*runs, _last_run(rng, replacing)),
    )


def _size(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(_SIZES)
    if kind < 0.9:
        return rng.randrange(2**18)
    return rng.randrange(3 * 2**20)


def _run(rng: random.Random, size: int, excluded: frozenset[str], replacing: bool) -> Run:
    ending: Ending = rng.choice(["completed", "completed", "cancelled", "closed"])
    seconds = rng.choice(_MOMENTS) * rng.random() if rng.random() < 0.5 else None
    count = rng.choice([0, 1, 2, 4, 12])
    faults = _fault_sequence(rng, count, lambda rng: _blob_fault(rng, size, excluded))
    first_request_fault: NamedFault | None = None
    disk_full_after: int | None = None
    kind = rng.random()
    if kind < 0.25 and size > 1:
        # The store is slow, and the download is ended early.
        ending, seconds = rng.choice(["cancelled", "closed"]), 2 * rng.random()
        faults = (*faults, *[("throttle", BlobFault.throttle(size / 2))] * 99)
    elif kind < 0.4:
        # The store fails permanently.
        faults = (*faults, *[("4xx", BlobFault.status(404))] * 9)
    elif kind < 0.45:
        ending, faults, first_request_fault = "completed", (), rng.choice(_TRANSIENT)
    elif kind < 0.5:
        disk_full_after = rng.choice([0, 1, 2, 5, 20])
    return Run(
        ending,
        seconds,
        iterations=int(1000 ** rng.random()) - 1,
        cancel_again_after=rng.randrange(20) if rng.random() < 0.3 else None,
        faults=faults,
        api_faults=()
        if first_request_fault
        else _fault_sequence(rng, rng.choice([0, 0, 1, 3]), _api_fault),
        url_ttl=rng.choice([60, 60, 60, 5, 1]),
        concurrent=rng.random() < 0.1,
        keep_partial=rng.random() < 0.9,
        connections=rng.choice([None, *range(1, 9)]),
        by_id=rng.random() < 0.2,
        durable=rng.random() < 0.05,
        payload_replaced=replacing and rng.random() < 0.4,
        first_request_fault=first_request_fault,
        disk_full_after=disk_full_after,
    )


def _last_run(rng: random.Random, replacing: bool) -> Run:
    return Run(
        "completed",
        seconds=None,
        iterations=0,
        cancel_again_after=None,
        faults=(),
        api_faults=(),
        url_ttl=60,
        concurrent=rng.random() < 0.1,
        keep_partial=True,
        connections=rng.choice([None, *range(1, 9)]),
        by_id=rng.random() < 0.2,
        durable=False,
        payload_replaced=replacing and rng.random() < 0.4,
    )


def _fault_sequence(
    rng: random.Random, count: int, make: Callable[[random.Random], NamedFault]
) -> tuple[NamedFault | None, ...]:
    """Draw faults for consecutive requests. None is a request without a fault.

    Args:
        rng: The source of randomness.
        count: Number of faults. Some of them are repeated for several requests.
        make: Draws a fault.
    """
    sequence: list[NamedFault | None] = []
    for _ in range(count):
        sequence += [None] * rng.choice([0, 0, 1, 3])
        sequence += [make(rng)] * rng.choice([1, 1, 1, 2, 9])
    return tuple(sequence)


def _blob_fault(rng: random.Random, size: int, excluded: frozenset[str]) -> NamedFault:
    kinds = [kind for kind in _BLOB_FAULTS if kind not in excluded]
    name = rng.choice(kinds)
    fault = _BLOB_FAULTS[name](rng, max(1, size))
    if rng.random() < 0.25:
        other = rng.choice(kinds)
        try:
            return f"{name} & {other}", fault & _BLOB_FAULTS[other](rng, max(1, size))
        except ValueError:
            pass  # The two faults cannot be combined.
    return name, fault


def _position(rng: random.Random, size: int) -> int:
    """Return a random position in the payload. Positions near the start are more likely."""
    return int(size ** rng.random()) if rng.random() < 0.5 else rng.randrange(size)


def _content_range(rng: random.Random, size: int) -> str | None:
    if rng.random() < 0.2:
        return None
    first = _position(rng, size)
    last = first + _position(rng, size)
    total = rng.choice([size, size + 1, last + 1])
    return rng.choice([f"bytes {first}-{last}/{total}", f"bytes {first}-{last}/*", "bytes */1"])


_BLOB_FAULTS: dict[str, Callable[[random.Random, int], BlobFault]] = {
    "truncate": lambda rng, size: BlobFault.truncate(after=_position(rng, size)),
    "reset": lambda rng, size: BlobFault.reset(after=_position(rng, size)),
    "stall": lambda rng, size: BlobFault.stall(after=_position(rng, size)),
    "throttle": lambda rng, size: BlobFault.throttle(max(10, size / rng.choice([0.3, 2, 9]))),
    "drip": lambda rng, _: BlobFault.throttle(rng.choice([0.3, 2])),
    "flip": lambda rng, size: BlobFault.flip(at=_position(rng, size)),
    "length": lambda rng, size: BlobFault.length(rng.choice([None, _position(rng, 2 * size)])),
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


def _api_fault(rng: random.Random) -> NamedFault:
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
