"""The mirror campaign: kill a mirroring child process at random moments, and run it again.

After every kill, each file at a final path must be correct, and the next run must not request it
again. The last two runs are not killed: the first of them must complete the mirror, and the second
must make no request to the blob store.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

from attrs import define

from benchmarks.campaigns._leftovers import BrokenPromiseError
from ghartifacts_async.testing import FakeArtifact, FakeGitHub

REPOSITORY = "octo-org/octo-docs"

_ROOT = Path(__file__).parents[2]
_TIMEOUT = 300.0
"""Seconds that a child process may take."""

_NAME = re.compile(r"[^.].*-([0-9]+)(?:\.zip|\.json)?")
_SIZES = [0, 1, 700, 20_000, 300_000, 1_500_000]
_WEIGHTS = [1, 5, 60, 30, 3, 1]

CHILD = """
import asyncio, json, sys
from ghartifacts_async import Client, RateLimitPolicy

async def main(url, token, repository, directory):
    async with Client(token, base_url=url, rate_limits=RateLimitPolicy.unlimited()) as gh:
        report = await gh.repo(repository).mirror(directory, concurrency=16)
        report.raise_for_errors()
        print(json.dumps([report.downloaded, report.linked, report.skipped, report.expired]))

asyncio.run(main(*sys.argv[1:]))
"""


@define
class Losses:
    """The results of a campaign.

    Attributes:
        kills: Number of processes that were killed.
        artifacts: Number of artifacts, including expired ones.
        downloads: Number of requests to the blob store.
        linked: Number of artifacts that need no download, because another one has equal content.
        seconds: Duration in seconds.
    """

    kills: int = 0
    artifacts: int = 0
    downloads: int = 0
    linked: int = 0
    seconds: float = 0.0


async def campaign(kills: int, artifacts: int, seed: int, directory: Path) -> Losses:
    """Run a mirror until it is complete, killing it several times.

    Args:
        kills: Number of runs to kill.
        artifacts: Number of artifacts, including expired ones.
        seed: Seed of the contents, and of the moments of the kills.
        directory: The mirror's directory, which must be empty.

    Raises:
        BrokenPromiseError: A file is wrong or missing, or was requested again.
    """
    rng = random.Random(seed)
    losses, started_at = Losses(artifacts=artifacts), time.perf_counter()
    async with FakeGitHub(limits=None) as fake:
        contents = _fill(fake, artifacts, rng)
        live = {
            artifact.id: artifact for artifact in fake.artifacts(REPOSITORY) if not artifact.expired
        }
        for number in range(kills):
            published = _published(directory)
            target = len(live) * (number + 1) // (kills + 1)
            fake.clear_requests()
            losses.kills += await _run_and_kill(fake, directory, target, rng)
            await _check(fake, directory, live, contents, published, losses)
        published = _published(directory)
        fake.clear_requests()
        reported = await _run(fake, directory)
        await _check(fake, directory, live, contents, published, losses)
        if sum(reported) != artifacts or reported[3] != artifacts - len(live):
            raise BrokenPromiseError(f"the run that was not killed reported {reported}")
        if missing := live.keys() - _published(directory):
            raise BrokenPromiseError(f"{len(missing)} artifacts are missing from the mirror")
        fake.clear_requests()
        if await _run(fake, directory) != [0, 0, len(live), artifacts - len(live)]:
            raise BrokenPromiseError("a run on the complete mirror did not skip every artifact")
        if fake.requests_to("blob"):
            raise BrokenPromiseError("a run on the complete mirror made blob requests")
        _check_no_other_files(directory, len(live))
    losses.linked = len(live) - len({contents[number] for number in live})
    losses.seconds = time.perf_counter() - started_at
    return losses


def _fill(fake: FakeGitHub, count: int, rng: random.Random) -> dict[int, bytes]:
    """Add random artifacts, and return their contents by id.

    Some have equal content, some are not zips, some have no digest, and some have expired.
    """
    contents: dict[int, bytes] = {}
    for _ in range(count):
        content = rng.randbytes(rng.choices(_SIZES, _WEIGHTS)[0])
        if contents and rng.random() < 0.2:
            content = rng.choice(list(contents.values()))
        raw = rng.choice([None, None, None, "report.json", "tool"])
        added = fake.add_artifact(
            REPOSITORY,
            raw or rng.choice(["dist", "logs", "cov/../x"]),
            content,
            raw=raw,
            digest=rng.choice(["auto"] * 9 + [None]),
            expired=rng.random() < 0.02,
        )
        contents[added.id] = content
    return contents


async def _run(fake: FakeGitHub, directory: Path) -> list[int]:
    """Run a mirror until it ends. Return its counts: downloaded, linked, skipped and expired."""
    process = await _spawn(fake, directory)
    out, error = await asyncio.wait_for(process.communicate(), _TIMEOUT)
    if process.returncode != 0:
        raise BrokenPromiseError(
            f"the child process exited with {process.returncode}: {error.decode()}"
        )
    reported: list[int] = json.loads(out)
    return reported


async def _run_and_kill(fake: FakeGitHub, directory: Path, target: int, rng: random.Random) -> bool:
    """Run a mirror, and kill it as soon as it has about `target` files.

    Returns:
        True if it was killed, False if it finished before.
    """
    process = await _spawn(fake, directory)
    target, delay = int(target * (0.5 + rng.random())), rng.random() ** 2 * 0.1
    end = asyncio.ensure_future(process.communicate())
    while not end.done() and len(_published(directory)) < target:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.002)
    await asyncio.wait([end], timeout=delay)
    if process.returncode is None:
        process.kill()
    _, error = await asyncio.wait_for(end, _TIMEOUT)
    if process.returncode not in {0, -9}:
        raise BrokenPromiseError(f"the child process failed: {error.decode()}")
    return process.returncode == -9


async def _spawn(fake: FakeGitHub, directory: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, fake.url, fake.token, REPOSITORY, str(directory),
        cwd=_ROOT, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


def _published(directory: Path) -> set[int]:
    """Return the ids of the artifacts whose files are at their final paths."""
    return set(_files(directory))


def _files(directory: Path) -> dict[int, Path]:
    found = ((path, _NAME.fullmatch(path.name)) for path in directory.iterdir())
    return {int(match[1]): path for path, match in found if match}


async def _check(
    fake: FakeGitHub,
    directory: Path,
    live: dict[int, FakeArtifact],
    contents: dict[int, bytes],
    published: set[int],
    losses: Losses,
) -> None:
    """Check that all files are correct, and that files of earlier runs were not requested again."""
    await fake.wait_until_idle()
    requested = Counter(
        int(request.path.split("/")[-2])
        for request in fake.requests
        if request.path.endswith("/zip")
    )
    losses.downloads += len(fake.requests_to("blob"))
    if repeated := requested.keys() & published:
        raise BrokenPromiseError(f"artifacts requested again: {sorted(repeated)}")
    for number, path in _files(directory).items():
        if number not in live or path.read_bytes() != contents[number]:
            raise BrokenPromiseError(
                f"{path.name} has wrong content or is not an unexpired artifact"
            )


def _check_no_other_files(directory: Path, count: int) -> None:
    """Check that the directory contains only the artifacts and the manifest."""
    names = {path.name for path in directory.iterdir()}
    if len(names) != count + 1 or any(name.startswith(".") for name in names):
        raise BrokenPromiseError(f"unexpected files: {sorted(n for n in names if n[0] == '.')}")


def main() -> None:
    """Run the campaign from the command line and print its results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.mirrors", description=__doc__
    )
    parser.add_argument("--kills", type=int, default=10, help="number of runs to kill")
    parser.add_argument("--artifacts", type=int, default=2000, help="number of artifacts")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        coroutine = campaign(options.kills, options.artifacts, options.seed, Path(directory))
        losses = asyncio.run(coroutine)
    for name, value in (
        ("kills", losses.kills),
        ("artifacts", losses.artifacts),
        ("with equal content", losses.linked),
        ("requests to the store", losses.downloads),
        ("seconds", f"{losses.seconds:.1f}"),
    ):
        print(f"{name:24} {value:>12}")


if __name__ == "__main__":
    main()
