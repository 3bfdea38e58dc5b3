"""The scenarios, one module each. `SCENARIOS` has them by name, in the order of execution."""

from __future__ import annotations

from benchmarks._scenario import Scenario
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

SCENARIOS: dict[str, Scenario] = {
    "large": large.http,
    "large-tls": large.https,
    "throttled": throttled.run_scenario,
    "listing": listing.run_scenario,
    "small": small.run_scenario,
    "memory": memory.run_scenario,
    "member": member.run_scenario,
    "unpacking": unpacking.run_scenario,
    "startup": startup.run_scenario,
    "loop": loop.run_scenario,
    "polling": polling.run_scenario,
    "parsing": parsing.run_scenario,
    "faults": campaigns.faults,
    "kills": campaigns.kills,
}
