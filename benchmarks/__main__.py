"""One large download, verified, beside ``curl``, which verifies nothing.

Both are child processes, alternating after a warm-up, and fetch the same bytes from a FakeGitHub in
a third. What counts is the ratio of one run, not a figure of it: machines differ, and drift.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ghartifacts_async.testing import FakeGitHub

REPOSITORY = "octo-org/octo-docs"

CHILD = """
import asyncio, sys
from ghartifacts_async import Client

async def main(url, token, repository, target):
    async with Client(token, base_url=url) as gh:
        download = await gh.repo(repository).download_artifact(1, target)
        assert download.verified

asyncio.run(main(*sys.argv[1:]))
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}")
    wall = time.perf_counter() - start
    return wall, usage.ru_utime + usage.ru_stime


async def compare(size: int, runs: int, directory: Path) -> None:
    """Print what each takes, and the ratio."""
    source = directory / "source.bin"
    with source.open("wb") as file:
        file.truncate(size)
    target = str(directory / "target.bin")
    async with FakeGitHub() as fake:
        fake.add_artifact(REPOSITORY, "large", source)
        api = f"{fake.url}/repos/{REPOSITORY}/actions/artifacts/1/zip"
        commands = {
            "ghartifacts_async": [
                sys.executable, "-c", CHILD, fake.url, fake.token, REPOSITORY, target,
            ],
            "curl": [
                "curl", "-sSfL", "-H", f"Authorization: Bearer {fake.token}", "-o", target, api,
            ],
        }  # fmt: skip
        if shutil.which("curl") is None:
            print("curl: skipped, it is not installed")
            del commands["curl"]
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for run in range(runs + 1):
            for name, command in commands.items():
                result = await asyncio.to_thread(timed, command)
                if run:
                    results[name].append(result)
    for name, measured in results.items():
        wall, cpu = (statistics.median(column) for column in zip(*measured, strict=True))
        print(f"{name:18} {wall:6.2f} s  {cpu:6.2f} s CPU")
    if "curl" in results:
        pairs = zip(results["ghartifacts_async"], results["curl"], strict=True)
        ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
        print(f"verified download / unverified curl: {ratio:.2f} (median of pairs)")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0, help="size of the download")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(compare(int(options.gib * 2**30), options.runs, Path(directory)))


if __name__ == "__main__":
    main()
