"""The fault campaign: random schedules of faults, cancellations and restarts of a download.

After each run of a schedule, the target must be unchanged or exact to the byte, and only the
part file and the journal, from which the next run resumes, may be left. The last run of each
schedule has no faults and must succeed. Waiting takes no real time, because the clock of the event
loop jumps to the next timer.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
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
from typing import Any

from benchmarks.campaigns._conditions import captured
from benchmarks.campaigns._executions import Tally, execute
from benchmarks.campaigns._leftovers import BrokenPromiseError, descriptors, unraisable_errors
from benchmarks.campaigns._schedules import draw
from tests.clock import FastLoop

_SCHEDULES_PER_TASK = 25
_REAL_SECONDS = 60.0
_REPORT_EVERY = 1000


def execute_one(seed: int, number: int, tally: Tally) -> str | None:
    """Execute the schedule with this number.

    Returns:
        The traceback of the failure, or None if the library kept its promises.
    """
    schedule = draw(seed, number)
    lost: list[str] = []
    before = descriptors()
    try:
        with (
            tempfile.TemporaryDirectory() as directory,
            _time_limit(_REAL_SECONDS),
            unraisable_errors() as unraisable,
            captured("asyncio", logging.ERROR) as in_loop,
            captured("aiohttp", logging.ERROR) as in_http,
            asyncio.Runner(loop_factory=FastLoop) as runner,
        ):
            runner.get_loop().set_exception_handler(
                lambda _, context: lost.extend(_lost_exceptions(context))
            )
            runner.run(execute(schedule, Path(directory), tally))
        if messages := [*unraisable, *lost, *in_loop, *in_http]:
            raise BrokenPromiseError(f"exceptions that no caller could catch: {messages}")
        if still_open := descriptors() - before:
            raise BrokenPromiseError(f"file descriptors are still open: {sorted(still_open)}")
    except Exception:
        return traceback.format_exc()
    return None


def execute_many(seed: int, numbers: Iterable[int]) -> tuple[Tally, dict[int, str]]:
    """Execute schedules one after another.

    Returns:
        The counts, and the tracebacks of the failed schedules by their numbers.
    """
    tally = Tally()
    # Garbage is collected after each schedule. Freezing the existing objects makes that faster.
    gc.collect()
    gc.freeze()
    try:
        failures = {number: execute_one(seed, number, tally) for number in numbers}
    finally:
        gc.unfreeze()
    return tally, {number: failure for number, failure in failures.items() if failure is not None}


def _lost_exceptions(context: dict[str, Any]) -> list[str]:
    """Return what the event loop reports to its exception handler as an exception."""
    # In its debug mode, asyncio also reports a client that closes a connection to FakeGitHub
    # during the TLS handshake.
    if context["message"] == "Error on transport creation for incoming connection":
        return []
    return [str(context.get("exception", context["message"]))]


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise an error after some real seconds: a loop whose clock jumps could spin forever."""

    def on_alarm(_: int, __: FrameType | None) -> None:
        raise BrokenPromiseError(f"the schedule is still running after {seconds} real seconds")

    handler = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def _campaign(seed: int, numbers: list[int], jobs: int) -> tuple[Tally, dict[int, str]]:
    tally, failures = Tally(), dict[int, str]()
    chunks = [
        numbers[at : at + _SCHEDULES_PER_TASK] for at in range(0, len(numbers), _SCHEDULES_PER_TASK)
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for future in as_completed(pool.submit(execute_many, seed, chunk) for chunk in chunks):
            counts, failed = future.result()
            before = tally.schedules
            tally.add(counts)
            if tally.schedules // _REPORT_EVERY > before // _REPORT_EVERY:
                print(f"{tally.schedules} of {len(numbers)} schedules executed", file=sys.stderr)
            failures |= failed
            for number, failure in failed.items():
                _print_failure(seed, number, failure)
    return tally, failures


def _print_failure(seed: int, number: int, failure: str) -> None:
    print(f"\nschedule {number} of seed {seed}:\n{failure}", file=sys.stderr)
    print(
        f"reproduce: python -m benchmarks.campaigns.faults --seed {seed} --only {number}",
        file=sys.stderr,
    )


def _table(tally: Tally, failures: int, seconds: float) -> None:
    rows: list[tuple[str, object]] = [
        ("schedules", tally.schedules),
        ("failed schedules", failures),
        ("downloads started", tally.runs),
        ("bytes received", f"{tally.received:,}"),
        ("bytes resumed", f"{tally.resumed:,}"),
        ("faults injected", tally.faults.total()),
        ("seconds", f"{seconds:.1f}"),
    ]
    counters: list[tuple[str, Counter[str]]] = [
        ("bytes into buffers,", tally.buffered),
        ("outcome", tally.outcomes),
        ("fault", tally.faults),
    ]
    for title, counter in counters:
        rows += [(f"{title} {name}", count) for name, count in counter.most_common()]
    for name, value in rows:
        print(f"{name:32} {value:>16}")


def main() -> None:
    """Run the campaign. The exit status is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.faults", description=__doc__
    )
    parser.add_argument("--schedules", type=int, default=1000, help="number of schedules")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random schedules")
    parser.add_argument("--only", type=int, help="execute only the schedule with this number")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="number of processes")
    options = parser.parse_args()
    started = time.perf_counter()
    if options.only is None:
        numbers = list(range(options.schedules))
        tally, failures = _campaign(options.seed, numbers, options.jobs)
    else:
        print(draw(options.seed, options.only))
        tally, failures = execute_many(options.seed, [options.only])
        for number, failure in failures.items():
            _print_failure(options.seed, number, failure)
    if options.json:
        counts = {"failed": len(failures), "faults": tally.faults.total()}
        print(json.dumps({**counts, "received": tally.received, "resumed": tally.resumed}))
    else:
        _table(tally, len(failures), time.perf_counter() - started)
    # With --json, the caller reads the number of failed schedules from the output instead.
    sys.exit(bool(failures) and not options.json)


if __name__ == "__main__":
    main()
