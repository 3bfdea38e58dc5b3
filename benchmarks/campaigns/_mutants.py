"""Campaigns that check mutants. Each can be built again from the campaign's seed and its number."""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable

Play = Callable[[int, int], str]
"""Builds the mutant of a seed and a number, checks it, and returns the name of the outcome."""


def play_many(
    play: Play, seed: int, numbers: Iterable[int], *, until: float = float("inf")
) -> tuple[Counter[str], dict[int, str]]:
    """Check the mutants with these numbers.

    Args:
        play: Checks one mutant.
        seed: The seed of the campaign.
        numbers: The numbers of the mutants.
        until: Time on the monotonic clock at which to stop.

    Returns:
        How often each outcome occurred, and the traceback of each failure by number.
    """
    outcomes, failures = Counter[str](), dict[int, str]()
    for number in numbers:
        if time.monotonic() > until:
            break
        try:
            outcomes[play(seed, number)] += 1
        except Exception:
            failures[number] = traceback.format_exc()
    return outcomes, failures


def argument_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of the options that these campaigns share.

    Args:
        name: Name of the campaign's module.
        description: What the campaign does.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.campaigns.{name}", description=description
    )
    parser.add_argument("--seconds", type=int, default=60, help="duration of the campaign")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--only", type=int, help="check only the mutant with this number")
    return parser


def run_campaign(play: Play, options: argparse.Namespace) -> None:
    """Run a campaign and print its outcomes and failures.

    Raises:
        SystemExit: A mutant failed.
    """
    numbers = range(sys.maxsize) if options.only is None else [options.only]
    start = time.monotonic()
    outcomes, failures = play_many(play, options.seed, numbers, until=start + options.seconds)
    for number, failure in failures.items():
        print(f"\nmutant {number} of seed {options.seed}:\n{failure}", file=sys.stderr)
    print(f"seed {options.seed}: {outcomes.total()} mutants in {time.monotonic() - start:.0f} s")
    for outcome, count in outcomes.most_common():
        print(f"{count:>10}  {outcome}")
    if failures:
        raise SystemExit(f"{len(failures)} failures")
