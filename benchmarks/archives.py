"""Inside an archive: what a member costs of a large one, a long list of names, and unpacking.

The member and the names are counted by FakeGitHub's log and in a child process. Unpacking is set
beside ``unzip -q``: both find the archive on the disk, are child processes and alternate after a
warm-up, and what counts is the ratio of one run. A call is timed within its process as well, for a
service does not start Python anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from attrs import define, field

from ghartifacts_async import Client
from ghartifacts_async.testing import FakeGitHub
from tests.contract.archives import write_huge
from tests.forge import Part, deflate, forge

REPOSITORY = "octo-org/octo-docs"

_PEAK = """
import asyncio, json, sys, time
from pathlib import Path

def told(**values):
    # Not ru_maxrss, which a child takes over from its parent.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(json.dumps({"peak_kib": int(status["VmHWM"].split()[0]), **values}))
"""

NAMES = (
    _PEAK
    + """
from ghartifacts_async import Client

async def main(url, token, repository):
    async with Client(token, base_url=url) as gh:
        start = time.perf_counter()
        async with gh.repo(repository).open_artifact(1) as archive:
            names = archive.names()
        told(seconds=time.perf_counter() - start, names=len(names))

asyncio.run(main(*sys.argv[1:]))
"""
)

UNPACK = (
    _PEAK
    + """
from ghartifacts_async import Artifact, Budget, Digest, Download
from ghartifacts_async._archive import Unpacking, extract
from ghartifacts_async._disk import Disk

async def beat(longest):
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.005)
        longest[0] = max(longest[0], loop.time() - before - 0.005)

async def main(archive, target):
    async def there(_):
        artifact = Artifact(1, "", "", 0, "", "", False)
        return Download(artifact, Path(archive), 0, Digest("sha256", ""), False)

    longest = [0.0]
    heart = asyncio.create_task(beat(longest))
    disk = Disk()
    start = time.perf_counter()
    wanted = Unpacking.of(target, None, 0, "error", False, Budget())
    files = await extract(disk, there, wanted)
    seconds = time.perf_counter() - start
    await disk.close()
    heart.cancel()
    told(seconds=seconds, files=len(files), lag=longest[0])

asyncio.run(main(*sys.argv[1:]))
"""
)


@define
class Timed:
    """One way to unpack.

    Attributes:
        command: What is run.
        walls: Seconds of each counted run.
        calls: Seconds of each within its process, where that tells.
        told: What the last run printed.
    """

    command: list[str]
    walls: list[float] = field(factory=list)
    calls: list[float] = field(factory=list)
    told: dict[str, float] = field(factory=dict)

    def run(self, counted: bool) -> None:
        """Run it once."""
        start = time.perf_counter()
        done = subprocess.run(self.command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        self.told = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        if counted:
            self.walls.append(seconds)
            self.calls.append(self.told.get("seconds", seconds))


async def one_member(directory: Path) -> None:
    """Print what 100 KiB of a gibibyte cost."""
    path, member = directory / "huge.zip", os.urandom(100 * 1024)
    write_huge(path, 2**30, member)
    for digest in ("sha256:" + "0" * 64, None):
        async with FakeGitHub() as fake:
            fake.add_artifact(REPOSITORY, "huge", path, digest=digest)
            async with (
                Client(fake.token, base_url=fake.url) as gh,
                gh.repo(REPOSITORY).open_artifact(1) as archive,
            ):
                start = time.perf_counter()
                if await archive.read("report.bin") != member:
                    raise SystemExit("other bytes")
                seconds = time.perf_counter() - start
            await fake.settled()
            log = fake.requests_to("blob")
            moved = sum(request.bytes_sent or 0 for request in log)
            what = "with a digest" if digest else "without one"
            print(
                f"100 KiB of 1 GiB, {what}: {len(log)} requests to the store, "
                f"{moved / 1024:.1f} KiB moved, the member in {seconds * 1e3:.0f} ms"
            )


async def long_list(directory: Path, members: int, runs: int) -> None:
    """Print what the names of a long archive cost."""
    path = directory / "long.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(members):
            archive.writestr(f"build/output/module_{number // 100}/file_{number}.o", b"")
    async with FakeGitHub(limits=None) as fake:
        fake.add_artifact(REPOSITORY, "long", path)
        command = [sys.executable, "-c", NAMES, fake.url, fake.token, REPOSITORY]
        timed = Timed(command)
        for run in range(runs + 1):
            await asyncio.to_thread(timed.run, bool(run))
    if timed.told["names"] != members:
        raise SystemExit("other names")
    print(
        f"names of {members:,} members: {statistics.median(timed.calls):.2f} s "
        f"({min(timed.calls):.2f}-{max(timed.calls):.2f}), "
        f"peak RSS {timed.told['peak_kib'] / 1024:.0f} MiB"
    )


def write_tree(path: Path, files: int, size: int) -> None:
    """An archive of so many files and bytes, as compressible as source code."""
    chance = random.Random(6)
    words = [chance.randbytes(chance.randint(2, 9)).hex() for _ in range(4000)]
    kinds = []
    for _ in range(20):
        text = " ".join(chance.choices(words, k=size // files // 8)).encode()[: size // files]
        text = text.ljust(size // files, b"\n")
        kinds.append((text, deflate(text)))
    parts = []
    for number in range(files):
        text, packed = kinds[number % len(kinds)]
        parts.append(Part(f"src/{number % 70}/file_{number}.txt", text, packed=packed))
    path.write_bytes(forge(*parts))


def unpacking(directory: Path, options: argparse.Namespace) -> None:
    """Print how unpacking compares with ``unzip -q``."""
    path, target = directory / "tree.zip", directory / "out"
    size = int(options.gib * 2**30)
    write_tree(path, options.files, size)
    ours = Timed([sys.executable, "-c", UNPACK, str(path), str(target)])
    ways = {"ghartifacts_async": ours}
    if shutil.which("unzip") is None:
        print("unzip: skipped, it is not installed")
    else:
        ways["unzip -q"] = Timed(["unzip", "-q", str(path), "-d", str(target)])
    for run in range(options.runs + 1):
        for way in ways.values():
            way.run(bool(run))
            count = sum(1 for each in target.rglob("*") if each.is_file())
            if count != options.files:
                raise SystemExit(f"{way.command[0]}: {count} files")
            shutil.rmtree(target)
    print(
        f"{options.gib:g} GiB in {options.files:,} files, {path.stat().st_size / 2**20:.0f} MiB "
        f"packed; {platform.python_implementation()} {platform.python_version()}, "
        f"{os.cpu_count()} CPUs"
    )
    print(f"{'':20} {'process':>9} {'spread':>13} {'/ ours':>7} {'call':>9} {'/ ours':>7}")
    for name, way in ways.items():
        ratios = [
            statistics.median(one / other for one, other in zip(theirs, mine, strict=True))
            for theirs, mine in ((way.walls, ours.walls), (way.calls, ours.calls))
        ]
        spread = f"{min(way.walls):.2f}-{max(way.walls):.2f}"
        print(
            f"{name:20} {statistics.median(way.walls):7.2f} s {spread:>13} {ratios[0]:7.2f} "
            f"{statistics.median(way.calls):7.2f} s {ratios[1]:7.2f}"
        )
    told = ours.told
    print(f"peak RSS {told['peak_kib'] / 1024:.0f} MiB, longest lag {told['lag'] * 1e3:.0f} ms")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archives", description=__doc__)
    parser.add_argument("--gib", type=float, default=1.0, help="unpacked bytes of the tree")
    parser.add_argument("--files", type=int, default=5000, help="files of the tree")
    parser.add_argument("--members", type=int, default=66_000, help="of the long archive")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each")
    parser.add_argument("--directory", type=Path, help="where the files lie, e.g. /dev/shm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        asyncio.run(one_member(directory))
        asyncio.run(long_list(directory, options.members, options.runs))
        unpacking(directory, options)


if __name__ == "__main__":
    main()
