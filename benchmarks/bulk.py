"""A thousand small artifacts from far away: how near the floor that latency sets they come.

Each artifact takes a call and a blob, so with so many at a time none can do it in less than
``count / at once * 2 * latency``. Client and server are processes of their own; the listing is read
beforehand, and not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).parents[1]

CHILD = """
import asyncio, json, sys, time
from ghartifacts_async import Client, Limits

async def main(url, directory, at_once):
    async with Client("token", base_url=url, limits=Limits.off()) as gh:
        repo = gh.repo("octo-org/octo-docs")
        artifacts = await repo.list_artifacts().collect()
        began, cpu = time.perf_counter(), time.process_time()
        outcomes = repo.download_artifacts(artifacts, directory, concurrency=int(at_once))
        async for outcome in outcomes:
            assert outcome.result().verified
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    # Not ru_maxrss, which a child takes over from its parent.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = int(status["VmHWM"].split()[0])
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_kib": peak}))

asyncio.run(main(*sys.argv[1:]))
"""


def run(url: str, directory: Path, at_once: int) -> dict[str, float]:
    """Download all of them once."""
    with tempfile.TemporaryDirectory(dir=directory) as target:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, url, target, str(at_once)],
            stdout=subprocess.PIPE,
            check=True,
            cwd=_ROOT,
        )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> None:
    """Run it, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many artifacts")
    parser.add_argument("--kib", type=int, default=64, help="size of each")
    parser.add_argument("--at-once", type=int, default=32, help="downloads at a time")
    parser.add_argument("--latency", type=float, default=0.04, help="seconds of each answer")
    parser.add_argument("--runs", type=int, default=5, help="counted runs")
    parser.add_argument("--directory", type=Path, help="where the files lie, e.g. /dev/shm")
    options = parser.parse_args()
    served = (options.count, options.kib * 2**10, options.latency)
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._distant", *map(str, served)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        runs = [run(url, options.directory, options.at_once) for _ in range(options.runs + 1)][1:]
    finally:
        server.stdin.close()
        server.wait(timeout=60)
        server.stdout.close()
    floor = -(-options.count // options.at_once) * 2 * options.latency
    walls = [one["seconds"] for one in runs]
    median = statistics.median(walls)
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs")
    print(f"{options.count} artifacts of {options.kib} KiB, {options.at_once} at a time")
    print(f"floor     {floor:6.2f} s")
    print(f"median    {median:6.2f} s, {min(walls):.2f}-{max(walls):.2f}: {median / floor:.2f}")
    print(f"CPU       {statistics.median(one['cpu'] for one in runs):6.2f} s")
    print(f"peak RSS  {max(one['peak_kib'] for one in runs) / 1024:6.0f} MiB")


if __name__ == "__main__":
    main()
