"""The kill campaign: kill a child process during a download, and let the next child resume it.

Half of the artifacts are downloaded over TLS. Each child is killed at a random moment: while it
starts, after some bytes, or near the last byte.
Bytes that a killed child has received but not recorded in its journal are fetched again. For each
connection, these are at most two batches: one that was being written and one that was being filled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from attrs import asdict, define

from benchmarks.campaigns._kill_child import COUNTER_BYTES, ByteCounter
from benchmarks.campaigns._leftovers import BrokenPromiseError, PartFiles
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async.testing import BlobFault, FakeArtifact, FakeGitHub, LoggedRequest

REPOSITORY = "octo-org/octo-docs"

_ROOT = Path(__file__).parents[2]
_SIZES = [8 * 2**20, 16 * 2**20 + 1, 32 * 2**20]
_BYTES_PER_SECOND = 24 * 2**20
_MEAN_BYTES_BETWEEN_KILLS = 2 * 2**20
_POLL_INTERVAL = 0.001
_TIMEOUT = 60.0


@define
class Losses:
    """Counts of a campaign.

    Attributes:
        kills: Killed processes.
        early: Kills before the first byte.
        late: Kills after all bytes were on disk or the file was published.
        artifacts: Artifacts whose download was completed in the end, exact to the byte.
        received: Received bytes.
        again: Received bytes that had to be fetched again.
        most: Largest number of bytes to fetch again after one kill.
        most_each: Largest number of bytes to fetch again after one kill, per connection.
    """

    kills: int = 0
    early: int = 0
    late: int = 0
    artifacts: int = 0
    received: int = 0
    again: int = 0
    most: int = 0
    most_each: float = 0.0


async def campaign(kills: int, seed: int, directory: Path) -> Losses:
    """Kill a number of child processes, and complete the downloads that they have started.

    Raises:
        BrokenPromiseError: The library has broken a promise.
    """
    rng = random.Random(seed)
    losses = Losses()
    async with FakeGitHub() as plain, FakeGitHub(tls=True) as secure:
        while losses.kills < kills:
            fake = rng.choice([plain, secure])
            content = rng.randbytes(rng.choice(_SIZES))
            artifact = fake.add_artifact(REPOSITORY, "dist", content)
            target = directory / f"{artifact.id}.zip"
            download = _Download(fake, artifact, content, target, losses, rng)
            while not await download.child(kill=losses.kills < kills):
                pass
            download.check_end()
            target.unlink()
            fake.delete_artifact(artifact.id)
    return losses


class _Download:
    """The download of one artifact by several child processes."""

    def __init__(
        self,
        fake: FakeGitHub,
        artifact: FakeArtifact,
        content: bytes,
        target: Path,
        losses: Losses,
        rng: random.Random,
    ) -> None:
        self._fake = fake
        self._artifact = artifact
        self._content = content
        self._target = target
        self._losses = losses
        self._rng = rng
        self._kept = 0

    async def child(self, *, kill: bool) -> bool:
        """Let a new child continue the download, and kill the child if `kill` is true.

        Returns:
            Whether the child completed the download.
        """
        connections = self._rng.randint(1, 8)
        rate = _BYTES_PER_SECOND / connections

        def slow(_: LoggedRequest) -> BlobFault:
            return BlobFault.throttle(rate)

        self._fake.clear_faults()
        self._fake.fail_blobs_when(slow)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "counter")
            path.write_bytes(bytes(COUNTER_BYTES))
            counter = ByteCounter(path)
            try:
                process = await self._spawn(path, connections)
                if kill:
                    await self._kill(process, counter)
                _, error_output = await asyncio.wait_for(process.communicate(), _TIMEOUT)
                received, largest = counter.read()
            finally:
                counter.close()
        self._losses.received += received
        if process.returncode == 0:
            return True
        if not kill or process.returncode != -9:
            status, output = process.returncode, error_output.decode()
            raise BrokenPromiseError(f"the child failed with exit status {status}: {output}")
        self._losses.kills += 1
        self._losses.early += not received
        await self._check_killed(connections, received, largest)
        return False

    def check_end(self) -> None:
        """Check that the file is exact and that no other file is left."""
        if self._target.read_bytes() != self._content:
            raise BrokenPromiseError("the downloaded file differs from the payload")
        if left := [path for path in self._target.parent.iterdir() if path != self._target]:
            raise BrokenPromiseError(f"stray files: {left}")
        self._losses.artifacts += 1

    async def _spawn(self, counter: Path, connections: int) -> Process:
        fake = self._fake
        environment = dict(os.environ)
        if fake.url.startswith("https:"):
            environment["SSL_CERT_FILE"] = str(fake.ca_file)
        arguments = (counter, fake.url, fake.token, REPOSITORY, self._artifact.id, self._target)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.campaigns._kill_child",
            *map(str, (*arguments, connections)),
            cwd=_ROOT,
            env=environment,
            stderr=PIPE,
        )

    async def _kill(self, process: Process, counter: ByteCounter) -> None:
        """Kill the child at a random moment, unless it exits before."""
        rng, missing = self._rng, len(self._content) - self._kept
        kind, delay, deadline = rng.random(), 0.02 * rng.random(), time.monotonic() + _TIMEOUT
        threshold = 1 + int(rng.expovariate(1 / _MEAN_BYTES_BETWEEN_KILLS))
        if kind < 0.1:
            threshold, deadline = missing + 1, time.monotonic() + 0.6 * rng.random()
        elif kind < 0.3:
            threshold, delay = missing, 0.1 * rng.random() ** 2
        while process.returncode is None and time.monotonic() < deadline:
            if counter.read()[0] >= threshold:
                await asyncio.sleep(delay)
                break
            await asyncio.sleep(_POLL_INTERVAL)
        if process.returncode is None:
            process.kill()

    async def _check_killed(self, connections: int, received: int, largest: int) -> None:
        if self._target.exists():
            self._losses.late += 1
            if self._target.read_bytes() != self._content:
                raise BrokenPromiseError("the target is neither absent nor exact")
            return
        parts = PartFiles(self._target.parent)
        if wrong := parts.false_records([self._content]):
            raise BrokenPromiseError(f"a journal records bytes that are not on disk: {wrong}")
        again = self._kept + received - parts.total
        self._losses.late += parts.total == len(self._content)
        self._kept = parts.total
        disk = IoThreads()
        disk.writers = connections
        # The last chunk of a batch may exceed the batch's size limit.
        bound = connections * 2 * (disk.batch_bytes + largest)
        await disk.close()
        if not 0 <= again <= bound:
            raise BrokenPromiseError(
                f"{again} bytes must be fetched again, but at most {bound} are allowed"
            )
        self._losses.again += again
        self._losses.most = max(self._losses.most, again)
        self._losses.most_each = max(self._losses.most_each, again / connections)


def _table(losses: Losses, seconds: float) -> None:
    mean = losses.again / max(1, losses.kills)
    rows: list[tuple[str, object]] = [
        ("kills", losses.kills),
        ("kills before the first byte", losses.early),
        ("kills after the last byte", losses.late),
        ("exact artifacts", losses.artifacts),
        ("bytes received", f"{losses.received:,}"),
        ("bytes fetched again", f"{losses.again:,}"),
        ("  per kill, mean", f"{mean:,.0f}"),
        ("  per kill, maximum", f"{losses.most:,}"),
        ("  per kill and connection, maximum", f"{losses.most_each:,.0f}"),
        ("  the same, in MiB", f"{losses.most_each / 2**20:.3f}"),
        ("seconds", f"{seconds:.1f}"),
    ]
    for name, value in rows:
        print(f"{name:34} {value:>16}")


def main() -> None:
    """Run the campaign. Raise an error if a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.kills", description=__doc__
    )
    parser.add_argument("--kills", type=int, default=200, help="number of kills")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        losses = asyncio.run(campaign(options.kills, options.seed, Path(directory)))
    if options.json:
        print(json.dumps(asdict(losses)))
    else:
        _table(losses, time.perf_counter() - started)


if __name__ == "__main__":
    main()
