"""What is measured, a file each; `SCENARIOS` has them by name, in order."""

from __future__ import annotations

from benchmarks._scenario import Play
from benchmarks.scenarios import (
    campaigns,
    large,
    listing,
    loop,
    member,
    memory,
    parsing,
    polling,
    small,
    startup,
    throttled,
    unpacking,
)

SCENARIOS: dict[str, Play] = {
    "large": large.http,
    "large-tls": large.https,
    "throttled": throttled.play,
    "listing": listing.play,
    "small": small.play,
    "memory": memory.play,
    "member": member.play,
    "unpacking": unpacking.play,
    "startup": startup.play,
    "loop": loop.play,
    "polling": polling.play,
    "parsing": parsing.play,
    "faults": campaigns.faults,
    "kills": campaigns.kills,
}
