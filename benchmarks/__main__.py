"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import attrs

from benchmarks import _bars, _chart, _machine, _report
from benchmarks._race import FailedError
from benchmarks._scenario import Result, Stage
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
    machine = _machine.describe()
    results: dict[str, Result] = {}
    failed = False
    with tempfile.TemporaryDirectory(dir=options.directory or _default_directory()) as directory:
        stage = Stage(Path(directory), options.quick)
        for name in options.only or SCENARIOS:
            began = time.perf_counter()
            print(f"{name} …", end=" ", flush=True, file=sys.stderr)
            try:
                results[name] = SCENARIOS[name](stage)
            except FailedError as error:
                failed = True
                stage.skipped.append(f"{name}: {error}")
            print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    machine["files"] = f"in {Path(directory).parent}"
    if options.quick:
        machine["pass"] = "quick: smaller than what the bars are about, which are not judged"
    bars = list(_bars.bars(results, quick=options.quick))
    text = "\n\n".join(_report.whole(machine, results, bars, stage.skipped))
    if options.json:
        everything = {
            "machine": machine,
            "results": {name: attrs.asdict(result) for name, result in results.items()},
            "bars": [attrs.asdict(bar) for bar in bars],
            "skipped": stage.skipped,
        }
        print(json.dumps(everything, indent=1))
    else:
        print(text)
    if not (options.quick or options.only or failed):
        _chart.draw(results, _report.RESULTS.with_name("results.svg"))
        _report.write(text, bars, machine)
    sys.exit(failed)


def _default_directory() -> Path | None:
    """Memory, where there is room: a disk's own pace would drown everything else."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM else None
    return None


if __name__ == "__main__":
    main()
