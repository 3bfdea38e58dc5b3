"""The kill campaign: a download in a child process that is killed, and gone on with by the next.

Each kill comes at a random moment: while the child starts, with some of the bytes there, or when
the last of them is. What the killed child had received and its journal does not tell of is fetched
again: per connection at most one batch that was being written and one that was being gathered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from attrs import asdict, define

from benchmarks.campaigns._killed import NOTE_BYTES, Note
from benchmarks.campaigns._traces import BrokenPromiseError, Partials
from ghartifacts_async._disk.threads import IoThreads
from ghartifacts_async.testing import BlobFault, FakeArtifact, FakeGitHub, LoggedRequest

REPOSITORY = "octo-org/octo-docs"

_ROOT = Path(__file__).parents[2]
_SIZES = [8 * 2**20, 16 * 2**20 + 1, 32 * 2**20]
_BYTES_A_SECOND = 24 * 2**20
_BETWEEN_KILLS = 2 * 2**20
_LOOK_EVERY = 0.001
_PATIENCE = 60.0


@define
class Losses:
    """What a campaign has met.

    Attributes:
        kills: How many processes were killed.
        early: Of these, before the first byte.
        late: Of these, with all bytes on disk, or published.
        artifacts: How many were complete in the end, exact to the byte.
        received: Bytes that came.
        again: Bytes that came and were to be fetched again.
        most: The most of them after one kill.
        most_each: The most of them after one kill, per connection.
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
    """Kill so many children, and finish what they began.

    Raises:
        BrokenPromiseError: The library did not keep what it promises.
    """
    rng = random.Random(seed)
    losses = Losses()
    async with FakeGitHub() as fake:
        while losses.kills < kills:
            content = rng.randbytes(rng.choice(_SIZES))
            artifact = fake.add_artifact(REPOSITORY, "dist", content)
            target = directory / f"{artifact.id}.zip"
            story = _Story(fake, artifact, content, target, losses, rng)
            while not await story.child(kill=losses.kills < kills):
                pass
            story.check_end()
            target.unlink()
            fake.delete_artifact(artifact.id)
    return losses


class _Story:
    """One artifact, until it is there."""

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
        self._had = 0

    async def child(self, *, kill: bool) -> bool:
        """Let one go on, and kill it or not; whether it came to its end."""
        connections = self._rng.randint(1, 8)
        pace = _BYTES_A_SECOND / connections

        def slow(_: LoggedRequest) -> BlobFault:
            return BlobFault.throttle(pace)

        self._fake.clear_faults()
        self._fake.fail_blobs_when(slow)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "note")
            path.write_bytes(bytes(NOTE_BYTES))
            note = Note(path)
            try:
                process = await self._spawn(path, connections)
                if kill:
                    await self._kill(process, note)
                _, told = await asyncio.wait_for(process.communicate(), _PATIENCE)
                received, largest = note.read()
            finally:
                note.close()
        self._losses.received += received
        if process.returncode == 0:
            return True
        if not kill or process.returncode != -9:
            raise BrokenPromiseError(f"the child ended by itself: {told.decode()}")
        self._losses.kills += 1
        self._losses.early += not received
        await self._check_killed(connections, received, largest)
        return False

    def check_end(self) -> None:
        """Make sure that it is all there, and nothing else."""
        if self._target.read_bytes() != self._content:
            raise BrokenPromiseError("the final path is not exact")
        if left := [path for path in self._target.parent.iterdir() if path != self._target]:
            raise BrokenPromiseError(f"stray files: {left}")
        self._losses.artifacts += 1

    async def _spawn(self, note: Path, connections: int) -> Process:
        fake = self._fake
        arguments = (note, fake.url, fake.token, REPOSITORY, self._artifact.id, self._target)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.campaigns._killed",
            *map(str, (*arguments, connections)),
            cwd=_ROOT,
            stderr=PIPE,
        )

    async def _kill(self, process: Process, note: Note) -> None:
        """Kill it in a moment, unless it has ended."""
        rng, left = self._rng, len(self._content) - self._had
        kind, after, at = rng.random(), 0.02 * rng.random(), time.monotonic() + _PATIENCE
        threshold = 1 + int(rng.expovariate(1 / _BETWEEN_KILLS))
        if kind < 0.1:
            threshold, at = left + 1, time.monotonic() + 0.6 * rng.random()
        elif kind < 0.3:
            threshold, after = left, 0.1 * rng.random() ** 2
        while process.returncode is None and time.monotonic() < at:
            if note.read()[0] >= threshold:
                await asyncio.sleep(after)
                break
            await asyncio.sleep(_LOOK_EVERY)
        if process.returncode is None:
            process.kill()

    async def _check_killed(self, connections: int, received: int, largest: int) -> None:
        if self._target.exists():
            self._losses.late += 1
            if self._target.read_bytes() != self._content:
                raise BrokenPromiseError("the final path is neither absent nor exact")
            return
        left = Partials(self._target.parent)
        if lies := left.lies([self._content]):
            raise BrokenPromiseError(f"a journal tells of bytes that are not there: {lies}")
        has = left.total
        again = self._had + received - has
        self._losses.late += has == len(self._content)
        self._had = has
        disk = IoThreads()
        disk.writers = connections
        # A batch is full with the read that makes it so.
        bound = connections * 2 * (disk.batch_bytes + largest)
        await disk.close()
        if not 0 <= again <= bound:
            raise BrokenPromiseError(f"{again} bytes are fetched again, {bound} may be")
        self._losses.again += again
        self._losses.most = max(self._losses.most, again)
        self._losses.most_each = max(self._losses.most_each, again / connections)


def _table(losses: Losses, seconds: float) -> None:
    mean = losses.again / max(1, losses.kills)
    rows: list[tuple[str, object]] = [
        ("kills", losses.kills),
        ("of these before the first byte", losses.early),
        ("of these behind the last byte", losses.late),
        ("artifacts, exact in the end", losses.artifacts),
        ("bytes received", f"{losses.received:,}"),
        ("bytes fetched again", f"{losses.again:,}"),
        ("of these per kill, mean", f"{mean:,.0f}"),
        ("of these per kill, at most", f"{losses.most:,}"),
        ("the same, per connection", f"{losses.most_each:,.0f}"),
        ("the same, in MiB", f"{losses.most_each / 2**20:.3f}"),
        ("seconds", f"{seconds:.1f}"),
    ]
    for name, value in rows:
        print(f"{name:32} {value:>16}")


def main() -> None:
    """Run it; end with an error where a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.kills", description=__doc__
    )
    parser.add_argument("--kills", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of what is random but the moments")
    parser.add_argument("--json", action="store_true", help="print JSON, in a line")
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        losses = asyncio.run(campaign(options.kills, options.seed, Path(directory)))
    if options.json:
        print(json.dumps(asdict(losses)))
    else:
        _table(losses, time.perf_counter() - began)


if __name__ == "__main__":
    main()
