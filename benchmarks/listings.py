"""A long listing from far away: beside githubkit, and how much memory the longest one takes.

Server and competitors are processes of their own, and alternate after a warm-up. githubkit is
skipped where it is not installed (its 0.16.1 needs ``hishel<2``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys

OURS = """
import asyncio, json, sys, time
from ghartifacts_async import Client, Limits

def memory(what):
    # Not ru_maxrss, which a child takes over from its parent.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status[what].split()[0])

async def main(url, concurrency):
    async with Client("token", base_url=url, limits=Limits.off()) as gh:
        before, start, first, count = memory("VmRSS"), time.perf_counter(), None, 0
        async for artifact in gh.repo("o/r").list_artifacts(concurrency=int(concurrency)):
            first = first or time.perf_counter() - start
            count += 1
        seconds = time.perf_counter() - start
        grown = memory("VmHWM") - before
        told = {"count": count, "seconds": seconds, "first": first, "grown_kib": grown}
        print(json.dumps(told | {"calls": gh.stats.calls}))

asyncio.run(main(*sys.argv[1:]))
"""

GITHUBKIT = """
import asyncio, json, sys, time
from githubkit import GitHub
from githubkit.config import Config

async def main(url, _):
    async with GitHub("token", base_url=url, http_cache=False) as github:
        start, first, count = time.perf_counter(), None, 0
        api = github.rest.actions.async_list_artifacts_for_repo
        take = lambda answer: answer.parsed_data.artifacts
        pages = github.rest.paginate(api, map_func=take, owner="o", repo="r", per_page=100)
        async for artifact in pages:
            first = first or time.perf_counter() - start
            count += 1
        print(json.dumps({"count": count, "seconds": time.perf_counter() - start, "first": first}))

asyncio.run(main(*sys.argv[1:]))
"""


def run(source: str, url: str, concurrency: int) -> dict[str, float]:
    """What one reading of the listing tells of itself."""
    command = [sys.executable, "-c", source, url, str(concurrency)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listings", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="artifacts in the listing")
    parser.add_argument("--latency", type=float, default=0.04, help="seconds of each answer")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[8, 16], help="pages at once")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each")
    options = parser.parse_args()
    competitors = {f"ghartifacts_async, {n} at once": (OURS, n) for n in options.concurrency}
    if importlib.util.find_spec("githubkit") is None:
        print("githubkit: skipped, it is not installed")
    else:
        competitors["githubkit"] = (GITHUBKIT, 1)
    told: dict[str, list[dict[str, float]]] = {name: [] for name in competitors}
    command = [sys.executable, "-m", "benchmarks._distant"]
    command += [str(options.count), "0", str(options.latency)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        for counted in range(options.runs + 1):
            for name, (source, concurrency) in competitors.items():
                one = run(source, url, concurrency)
                assert one["count"] == options.count, one
                told[name] += [one] if counted else []
        server.terminate()
    ours = told[next(iter(told))]
    print(f"{options.count} artifacts, {options.latency * 1e3:.0f} ms an answer")
    print(f"{'':28} {'median':>8} {'first item':>11} {'/ ours':>7}")
    for name, runs in told.items():
        ratio = statistics.median(
            theirs["seconds"] / mine["seconds"] for theirs, mine in zip(runs, ours, strict=True)
        )
        seconds, first = (
            statistics.median(one[key] for one in runs) for key in ("seconds", "first")
        )
        print(f"{name:28} {seconds:6.2f} s {first * 1e3:8.0f} ms {ratio:7.2f}", end="")
        if "calls" in runs[0]:
            grown = max(one["grown_kib"] for one in runs) / 1024
            print(f"  {runs[0]['calls']:.0f} calls, peak RSS grew by {grown:.1f} MiB", end="")
        print()


if __name__ == "__main__":
    main()
