"""The fault campaign: random schedules of faults, cancellations and restarts of a download.

After each run of a schedule the final path is as it was before or exact to the byte, and nothing of
the download is left but what the next one goes on with; the last run, in which nothing goes wrong,
succeeds. Seconds of waiting cost nothing: the clock jumps.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from benchmarks.campaigns._schedules import draw
from benchmarks.campaigns._stories import Tally, play
from benchmarks.campaigns._traces import BrokenPromiseError, descriptors, nothing_unraisable
from tests.clock import FastLoop

_CHUNK = 25
_REAL_SECONDS = 60.0
_TELL_EVERY = 1000


def play_one(seed: int, number: int, tally: Tally) -> str | None:
    """Play the schedule of this number; what went wrong, ``None`` if nothing did."""
    schedule = draw(seed, number)
    lost: list[str] = []
    before = descriptors()
    try:
        with (
            tempfile.TemporaryDirectory() as directory,
            _bounded(_REAL_SECONDS),
            nothing_unraisable() as unraisable,
            asyncio.Runner(loop_factory=FastLoop) as runner,
        ):
            runner.get_loop().set_exception_handler(
                lambda _, context: lost.append(str(context.get("exception", context["message"])))
            )
            runner.run(play(schedule, Path(directory), tally))
        if told := [*unraisable, *lost]:
            raise BrokenPromiseError(f"nobody could catch: {told}")
        if still_open := descriptors() - before:
            raise BrokenPromiseError(f"descriptors are left: {sorted(still_open)}")
    except Exception:
        return traceback.format_exc()
    return None


def play_many(seed: int, numbers: Iterable[int]) -> tuple[Tally, dict[int, str]]:
    """Play schedules one after another; what was met, and what went wrong in which."""
    tally = Tally()
    # What is there already is not looked at after each schedule.
    gc.collect()
    gc.freeze()
    try:
        played = {number: play_one(seed, number, tally) for number in numbers}
    finally:
        gc.unfreeze()
    return tally, {number: failure for number, failure in played.items() if failure is not None}


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raise where it takes longer in earnest: a loop whose clock jumps may spin for ever."""

    def ring(_: int, __: FrameType | None) -> None:
        raise BrokenPromiseError(f"it is at work after {seconds} seconds")

    handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def _campaign(seed: int, numbers: list[int], jobs: int) -> tuple[Tally, dict[int, str]]:
    tally, failures = Tally(), dict[int, str]()
    chunks = [numbers[at : at + _CHUNK] for at in range(0, len(numbers), _CHUNK)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for done in as_completed(pool.submit(play_many, seed, chunk) for chunk in chunks):
            met, failed = done.result()
            before = tally.schedules
            tally.add(met)
            if tally.schedules // _TELL_EVERY > before // _TELL_EVERY:
                print(f"{tally.schedules} of {len(numbers)} played", file=sys.stderr)
            failures |= failed
            for number, failure in failed.items():
                _tell(seed, number, failure)
    return tally, failures


def _tell(seed: int, number: int, failure: str) -> None:
    print(f"\nschedule {number} of seed {seed}:\n{failure}", file=sys.stderr)
    print(
        f"again: python -m benchmarks.campaigns.faults --seed {seed} --only {number}",
        file=sys.stderr,
    )


def _table(tally: Tally, failures: int, seconds: float) -> None:
    rows: list[tuple[str, object]] = [
        ("schedules", tally.schedules),
        ("of these failed", failures),
        ("downloads begun", tally.runs),
        ("bytes received", f"{tally.received:,}"),
        ("bytes resumed", f"{tally.resumed:,}"),
        ("faults met", tally.faults.total()),
        ("seconds", f"{seconds:.1f}"),
    ]
    counters: list[tuple[str, Counter[str]]] = [
        ("ended as", tally.outcomes),
        ("met", tally.faults),
    ]
    for title, counter in counters:
        rows += [(f"{title} {name}", count) for name, count in counter.most_common()]
    for name, value in rows:
        print(f"{name:32} {value:>16}")


def main() -> None:
    """Run it; exit with 1 where a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.faults", description=__doc__
    )
    parser.add_argument("--schedules", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="what they follow from")
    parser.add_argument("--only", type=int, help="the number of the one to play, told in full")
    parser.add_argument("--json", action="store_true", help="print JSON, in a line")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args()
    began = time.perf_counter()
    if options.only is None:
        numbers = list(range(options.schedules))
        tally, failures = _campaign(options.seed, numbers, options.jobs)
    else:
        print(draw(options.seed, options.only))
        tally, failures = play_many(options.seed, [options.only])
        for number, failure in failures.items():
            _tell(options.seed, number, failure)
    if options.json:
        told = {"failed": len(failures), "faults": tally.faults.total()}
        print(json.dumps({**told, "received": tally.received, "resumed": tally.resumed}))
    else:
        _table(tally, len(failures), time.perf_counter() - began)
    # In JSON, who reads it judges.
    sys.exit(bool(failures) and not options.json)


if __name__ == "__main__":
    main()
