"""One large artifact from nginx to disk: verified downloads beside the programs people would use.

Every competitor is a child process; they alternate after a warm-up, and what counts is the ratio of
one run. nginx serves the blob (http, or https with ``--tls``, each answer at ``--throttle`` MB/s),
FakeGitHub redirects to it. Programs that are missing are named and skipped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from ghartifacts_async.testing import FakeGitHub
from tests.stores.nginx import Nginx

REPOSITORY = "octo-org/octo-docs"
PATIENCE = 86_400.0

CHILD = """
import asyncio, json, ssl, sys
import aiohttp
from ghartifacts_async import Client

async def beat(longest):
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.005)
        longest[0] = max(longest[0], loop.time() - before - 0.005)

async def main(url, token, repository, target, connections, ca):
    longest = [0.0]
    heart = asyncio.create_task(beat(longest))
    trust = ssl.create_default_context(cafile=ca) if ca else True
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with Client(token, base_url=url, session=session) as gh:
            repo = gh.repo(repository)
            download = await repo.download_artifact(
                1, target, connections=int(connections) or None, if_exists="replace"
            )
            assert download.verified
    heart.cancel()
    # Not ru_maxrss, which a child takes over from its parent.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(json.dumps({"peak_kib": int(status["VmHWM"].split()[0]), "lag": longest[0]}))

asyncio.run(main(*sys.argv[1:]))
"""


@define
class Competitor:
    """One way to get the artifact.

    Attributes:
        command: What is run, once the signed URL is known.
        walls: Seconds of each counted run.
        cpus: CPU seconds of each, its children included.
        told: What the last run printed.
    """

    command: Callable[[str], list[str]]
    walls: list[float] = field(factory=list)
    cpus: list[float] = field(factory=list)
    told: str = ""

    def run(self, url: str, counted: bool) -> None:
        """Run it once."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command(url), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        self.told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.command('URL')[0]} failed with {process.returncode}")
        if counted:
            self.walls.append(time.perf_counter() - start)
            self.cpus.append(usage.ru_utime + usage.ru_stime)


def competitors(
    fake: FakeGitHub, target: str, ca: str, connections: list[int]
) -> dict[str, Competitor]:
    """All that can run here."""
    found: dict[str, Competitor] = {}
    for number in connections:
        name = f"ghartifacts_async, {number or 'default'} conn."
        command = [sys.executable, "-c", CHILD, fake.url, fake.token, REPOSITORY, target]
        found[name] = Competitor(lambda _, full=[*command, str(number), ca]: full)  # type: ignore[misc]
    trust = ["--cacert", ca] if ca else []
    api = f"{fake.url}/repos/{REPOSITORY}/actions/artifacts/1/zip"
    curl = ["curl", "-sSfL", *trust, "-H", f"Authorization: Bearer {fake.token}", "-o", target, api]
    shell = " ".join(f"'{part}'" for part in curl)

    def add(name: str, command: Callable[[str], list[str]], *programs: str) -> None:
        missing = [program for program in programs if shutil.which(program) is None]
        if missing:
            print(f"{name}: skipped, {missing[0]} is not installed")
        else:
            found[name] = Competitor(command)

    add("curl, unverified", lambda _: curl, "curl")
    digest = f"openssl dgst -sha256 '{target}'"
    add("curl && openssl dgst", lambda _: ["sh", "-c", f"{shell} && {digest}"], "curl", "openssl")
    add("curl && sha256sum", lambda _: ["sh", "-c", f"{shell} && sha256sum '{target}'"], "curl")
    path = Path(target)
    aria2 = [
        "aria2c",
        "-q",
        "-x8",
        "-s8",
        "-k1M",
        "--file-allocation=none",
        "--allow-overwrite=true",
    ]
    aria2 += [f"--ca-certificate={ca}"] if ca else []
    aria2 += [f"--dir={path.parent}", f"--out={path.name}"]
    add("aria2c -x8, unverified", lambda url: [*aria2, url], "aria2c")
    return found


async def compare(options: argparse.Namespace, directory: Path) -> None:
    """Print what each takes, and how that compares."""
    source = directory / "source.zip"
    size = int(options.gib * 2**30)
    with source.open("wb") as file:
        # Neither all zeros, which some file systems do not store, nor slow to make.
        block = os.urandom(2**20)
        for _ in range(size // len(block)):
            file.write(block)
    target = str(directory / "target.zip")
    rate = int(options.throttle * 1e6)
    with Nginx(limit_rate=rate, tls=options.tls) as store:
        await store.put("blob.zip", source)
        async with FakeGitHub(limits=None) as fake:
            fake.add_artifact(
                REPOSITORY, "large", source, location=lambda _: store.signed_url("blob.zip")
            )
            ca = str(store.ca) if store.ca else ""
            all_of_them = competitors(fake, target, ca, options.connections)
            for run in range(options.runs + 1):
                for competitor in all_of_them.values():
                    Path(target).unlink(missing_ok=True)
                    url = store.signed_url("blob.zip", PATIENCE)
                    await asyncio.to_thread(competitor.run, url, bool(run))
    report(all_of_them)


def report(measured: dict[str, Competitor]) -> None:
    """Print the table."""
    ours = next(iter(measured.values()))
    print(
        f"\n{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs"
    )
    print(f"{'':32} {'median':>8} {'spread':>13} {'CPU':>7} {'/ ours':>7}")
    for name, one in measured.items():
        median = statistics.median(one.walls)
        pairs = zip(one.walls, ours.walls, strict=True)
        ratio = statistics.median(theirs / mine for theirs, mine in pairs)
        spread = f"{min(one.walls):.2f}-{max(one.walls):.2f}"
        line = f"{name:32} {median:6.2f} s {spread:>13} {statistics.median(one.cpus):5.2f} s"
        print(f"{line} {ratio:7.2f}", end="")
        if one.told.startswith("{"):
            told = json.loads(one.told)
            memory, lag = told["peak_kib"] / 1024, told["lag"] * 1e3
            print(f"  peak RSS {memory:.0f} MiB, longest lag {lag:.0f} ms")
        else:
            print()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0, help="size of the artifact")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each")
    parser.add_argument("--throttle", type=float, default=0, help="MB/s of each answer")
    parser.add_argument("--tls", action="store_true", help="https")
    parser.add_argument("--connections", type=int, nargs="+", default=[0], help="0 for the default")
    parser.add_argument("--directory", type=Path, help="where the files lie, e.g. /dev/shm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        asyncio.run(compare(options, Path(directory)))


if __name__ == "__main__":
    main()
