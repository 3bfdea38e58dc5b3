"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import attrs

from benchmarks import _bars, _chart, _machine, _report
from benchmarks._bars import Bar
from benchmarks._scenario import Result, SkippedError, Stage
from benchmarks.scenarios import SCENARIOS

_MEMORY = Path("/dev/shm")
_ROOM = 12 * 2**30


def main() -> None:
    """Run it; exit with 1 where ours failed at something."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the library beside what a user would pick instead. A full run takes "
        "about half an hour, and writes benchmarks/RESULTS.md, its picture and the README's table.",
    )
    parser.add_argument("--quick", action="store_true", help="a pass of a minute or two, smaller")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--only", nargs="+", choices=SCENARIOS, metavar="NAME", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--directory", type=Path, help="for files (default: memory, with room)")
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("it needs Linux: it reads /proc and the kernel's accounts")
    if options.directory is not None and not options.directory.is_dir():
        parser.error(f"--directory: there is no directory {options.directory}")
    # An end by a signal leaves nothing behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        failed = _run(options)
    except KeyboardInterrupt:
        sys.exit("\ninterrupted")
    sys.exit(failed)


def _run(options: argparse.Namespace) -> bool:
    machine, parent = _machine.describe(), options.directory or _default_directory()
    results: dict[str, Result] = {}
    skipped: list[str] = []
    failed: set[str] = set()
    asked = options.only or list(SCENARIOS)
    for name in asked:
        began = time.perf_counter()
        print(f"{name} …", end=" ", flush=True, file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=parent) as directory:
            stage = Stage(Path(directory), options.quick)
            try:
                results[name] = SCENARIOS[name](stage)
            except SkippedError as error:
                stage.skipped.append(str(error))
            except Exception as error:  # the others are measured all the same
                failed.add(name)
                stage.skipped.append(f"{type(error).__name__}: {error}")
        skipped += [f"{name}: {one}" for one in stage.skipped]
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    machine["files"] = f"in {parent or tempfile.gettempdir()}"
    if options.quick:
        machine["pass"] = "quick: smaller than what the bars are about, which are not judged"
    bars = list(_bars.bars(results, asked, failed, quick=options.quick))
    text = "\n\n".join(_report.whole(machine, results, bars, skipped))
    if options.json:
        print(_json(machine, results, bars, skipped))
    else:
        print(text)
    if not (options.quick or options.only):
        _report.write(text, bars, machine)
        try:
            _chart.draw(results, _report.RESULTS.with_name("results.svg"))
        except ImportError as missing:
            print(f"no picture: {missing}", file=sys.stderr)
    return bool(failed)


def _json(
    machine: dict[str, str], results: dict[str, Result], bars: list[Bar], skipped: list[str]
) -> str:
    everything = {
        "machine": machine,
        "results": {name: attrs.asdict(result) for name, result in results.items()},
        "bars": [attrs.asdict(bar) for bar in bars],
        "skipped": skipped,
    }
    return json.dumps(everything, indent=1)


def _default_directory() -> Path | None:
    """Memory, where there is room: a disk's own pace would drown everything else."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM else None
    return None


if __name__ == "__main__":
    main()
