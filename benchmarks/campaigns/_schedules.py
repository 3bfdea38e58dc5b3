"""Random schedules of a fault campaign: a payload, a target, and runs with their faults.

A schedule depends only on a seed and a number, so a failing schedule can be reproduced.
"""

from __future__ import annotations

import random
from typing import Literal

from attrs import frozen

from benchmarks.campaigns._faults import (
    NamedFault,
    api_fault,
    behaviour,
    blob_fault,
    fault_sequence,
)
from ghartifacts_async.models import IfExists
from ghartifacts_async.testing import BlobFault

Ending = Literal["completed", "cancelled", "closed"]
Existing = Literal["nothing", "other", "same"]

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
        behaviour: What responses are like that have no other fault: each gets one of these at
            random. The run must succeed in spite of them.
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
    behaviour: tuple[NamedFault, ...] = ()

    @property
    def must_succeed(self) -> bool:
        """Whether the library promises that the run succeeds."""
        may_fail = self.faults or self.api_faults or self.disk_full_after is not None
        return self.ending == "completed" and not may_fail

    @property
    def fault_free(self) -> bool:
        """Whether the run has no fault, so that no byte must be received in vain."""
        refuses_ranges = any(name == "refuse ranges" for name, _ in self.behaviour)
        return self.must_succeed and self.first_request_fault is None and not refuses_ranges


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
        tls: Whether the API and the store are called over HTTPS.
        buffers: Size in bytes of the largest buffers that bodies of any length are received into.
            If it is None, aiohttp receives them.
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
    tls: bool
    buffers: int | None
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
    # Without a digest, no client can detect a flipped bit, or that replicas have the same bytes.
    # Without an ETag as well, no client can detect that the payload was replaced.
    replacing = not digest and rng.random() < 0.2
    excluded = frozenset() if digest else _UNDETECTABLE
    excluded |= _HIDES_REPLACEMENT if replacing else frozenset()
    count = rng.choice([0, 1, 1, 1, 2, 2, 3, 5])
    runs = [_run(rng, size, digest, excluded, replacing) for _ in range(count)]
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
        tls=rng.random() < 0.5,
        buffers=max(64, size // rng.choice([2, 8, 50])) if rng.random() < 0.5 else None,
        runs=(*runs, _last_run(rng, size, digest, replacing)),
    )


def _size(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(_SIZES)
    if kind < 0.9:
        return rng.randrange(2**18)
    return rng.randrange(3 * 2**20)


def _run(
    rng: random.Random, size: int, digest: bool, excluded: frozenset[str], replacing: bool
) -> Run:
    ending: Ending = rng.choice(["completed", "completed", "cancelled", "closed"])
    seconds = rng.choice(_MOMENTS) * rng.random() if rng.random() < 0.5 else None
    count = rng.choice([0, 1, 2, 4, 12])
    faults = fault_sequence(rng, count, lambda rng: blob_fault(rng, size, excluded))
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
        else fault_sequence(rng, rng.choice([0, 0, 1, 3]), api_fault),
        url_ttl=rng.choice([60, 60, 60, 5, 1]),
        concurrent=rng.random() < 0.1,
        keep_partial=rng.random() < 0.9,
        connections=rng.choice([None, *range(1, 9)]),
        by_id=rng.random() < 0.2,
        durable=rng.random() < 0.05,
        payload_replaced=replacing and rng.random() < 0.4,
        first_request_fault=first_request_fault,
        disk_full_after=disk_full_after,
        behaviour=_behaviour(rng, size, digest),
    )


def _last_run(rng: random.Random, size: int, digest: bool, replacing: bool) -> Run:
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
        behaviour=_behaviour(rng, size, digest),
    )


def _behaviour(rng: random.Random, size: int, digest: bool) -> tuple[NamedFault, ...]:
    return behaviour(rng, size, replicas=digest) if rng.random() < 0.3 else ()
