"""The command line: ``python -m benchmarks``."""

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

from benchmarks import _chart, _machine, _report, _targets
from benchmarks._scenario import Context, Result, SkippedError
from benchmarks._targets import Verdict
from benchmarks.scenarios import SCENARIOS

_MEMORY_DISK = Path("/dev/shm")
_REQUIRED_BYTES = 12 * 2**30


def main() -> None:
    """Run the benchmarks. The exit status is 1 if this library failed in a scenario."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare the library with its alternatives. A full run takes about half an "
        "hour and writes benchmarks/RESULTS.md, the chart and the table in README.md.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a shorter run with smaller sizes and no warm-up"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SCENARIOS,
        metavar="NAME",
        help=f"run only some of the scenarios: {', '.join(SCENARIOS)}",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        help="directory for temporary files (default: /dev/shm, if it has room)",
    )
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("the benchmarks need Linux: they read /proc and the kernel's accounting")
    if options.directory is not None and not options.directory.is_dir():
        parser.error(f"--directory: {options.directory} is not a directory")
    # Clean up after SIGTERM as after Ctrl-C.
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
    selected = options.only or list(SCENARIOS)
    for name in selected:
        started = time.perf_counter()
        print(f"{name} …", end=" ", flush=True, file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=parent) as directory:
            context = Context(Path(directory), options.quick)
            try:
                results[name] = SCENARIOS[name](context)
            except SkippedError as error:
                context.skipped.append(str(error))
            except Exception as error:  # Record the failure, and measure the other scenarios.
                failed.add(name)
                context.skipped.append(f"{type(error).__name__}: {error}")
        skipped += [f"{name}: {one}" for one in context.skipped]
        print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    machine["files"] = f"in {parent or tempfile.gettempdir()}"
    if options.quick:
        machine["mode"] = "quick: no warm-up, and sizes that are too small for the targets"
    verdicts = list(_targets.verdicts(results, selected, failed, quick=options.quick))
    text = "\n\n".join(_report.paragraphs(machine, results, verdicts, skipped))
    if options.json:
        print(_json(machine, results, verdicts, skipped))
    else:
        print(text)
    if not (options.quick or options.only):
        _report.write(text, verdicts, machine)
        try:
            _chart.draw(results, _report.RESULTS.with_name("results.svg"))
        except ImportError as missing:
            print(f"no chart is drawn: {missing}", file=sys.stderr)
    return bool(failed)


def _json(
    machine: dict[str, str], results: dict[str, Result], verdicts: list[Verdict], skipped: list[str]
) -> str:
    everything = {
        "machine": machine,
        "results": {name: attrs.asdict(result) for name, result in results.items()},
        "bars": [attrs.asdict(verdict) for verdict in verdicts],
        "skipped": skipped,
    }
    return json.dumps(everything, indent=1)


def _default_directory() -> Path | None:
    """Return /dev/shm if it has room, because the speed of a disk would dominate the times."""
    if _MEMORY_DISK.is_dir() and os.access(_MEMORY_DISK, os.W_OK):
        return _MEMORY_DISK if shutil.disk_usage(_MEMORY_DISK).free > _REQUIRED_BYTES else None
    return None


if __name__ == "__main__":
    main()
