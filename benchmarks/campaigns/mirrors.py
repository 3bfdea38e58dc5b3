"""The mirror campaign: a mirror in a child process that is killed at random, and run again.

Whatever the moment: what lies at a final path is exact; each run goes on where the last was killed,
and asks for nothing that was published; the last one but one ends complete, and the last asks the
store for nothing at all.
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
_PATIENCE = 300.0
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
    """What a campaign has met.

    Attributes:
        kills: How many processes were killed.
        artifacts: How many there were, expired ones among them.
        downloads: Requests to the store.
        linked: Files that share their content with another.
        seconds: How long it took.
    """

    kills: int = 0
    artifacts: int = 0
    downloads: int = 0
    linked: int = 0
    seconds: float = 0.0


async def campaign(kills: int, artifacts: int, seed: int, directory: Path) -> Losses:
    """Kill so many mirrors of so many artifacts, and let one end.

    Raises:
        BrokenPromiseError: The library did not keep what it promises.
    """
    rng = random.Random(seed)
    losses, began = Losses(artifacts=artifacts), time.perf_counter()
    async with FakeGitHub(limits=None) as fake:
        contents = _fill(fake, artifacts, rng)
        live = {one.id: one for one in fake.artifacts(REPOSITORY) if not one.expired}
        for number in range(kills):
            published = _published(directory)
            target = len(live) * (number + 1) // (kills + 1)
            fake.clear_requests()
            losses.kills += await _killed(fake, directory, target, rng)
            await _check(fake, directory, live, contents, published, losses)
        published = _published(directory)
        fake.clear_requests()
        told = await _child(fake, directory)
        await _check(fake, directory, live, contents, published, losses)
        if sum(told) != artifacts or told[3] != artifacts - len(live):
            raise BrokenPromiseError(f"the last run but one told of {told}")
        if missing := live.keys() - _published(directory):
            raise BrokenPromiseError(f"{len(missing)} artifacts are missing")
        fake.clear_requests()
        if await _child(fake, directory) != [0, 0, len(live), artifacts - len(live)]:
            raise BrokenPromiseError("the last run had something to do")
        if fake.requests_to("blob"):
            raise BrokenPromiseError("the last run asked the store")
        _check_traces(directory, len(live))
    losses.linked = len(live) - len({contents[number] for number in live})
    losses.seconds = time.perf_counter() - began
    return losses


def _fill(fake: FakeGitHub, count: int, rng: random.Random) -> dict[int, bytes]:
    """Artifacts of several kinds: of equal content, raw, without a digest, expired."""
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


async def _child(fake: FakeGitHub, directory: Path) -> list[int]:
    """Let one come to its end; what it tells."""
    process = await _spawn(fake, directory)
    out, error = await asyncio.wait_for(process.communicate(), _PATIENCE)
    if process.returncode != 0:
        raise BrokenPromiseError(f"the child ended with {process.returncode}: {error.decode()}")
    told: list[int] = json.loads(out)
    return told


async def _killed(fake: FakeGitHub, directory: Path, target: int, rng: random.Random) -> bool:
    """Kill one when about so many are there; whether it had not ended."""
    process = await _spawn(fake, directory)
    target, after = int(target * (0.5 + rng.random())), rng.random() ** 2 * 0.1
    ends = asyncio.ensure_future(process.communicate())
    while not ends.done() and len(_published(directory)) < target:  # noqa: ASYNC110 - a child cannot tell
        await asyncio.sleep(0.002)
    await asyncio.wait([ends], timeout=after)
    if process.returncode is None:
        process.kill()
    _, error = await asyncio.wait_for(ends, _PATIENCE)
    if process.returncode not in {0, -9}:
        raise BrokenPromiseError(f"the child ended by itself: {error.decode()}")
    return process.returncode == -9


async def _spawn(fake: FakeGitHub, directory: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, fake.url, fake.token, REPOSITORY, str(directory),
        cwd=_ROOT, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip


def _published(directory: Path) -> set[int]:
    """Ids of the artifacts that are at their final paths."""
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
    """Make sure that what is there is exact, and that nothing of it was asked for again."""
    await fake.settled()
    asked = Counter(
        int(one.path.split("/")[-2]) for one in fake.requests if one.path.endswith("/zip")
    )
    losses.downloads += len(fake.requests_to("blob"))
    if again := asked.keys() & published:
        raise BrokenPromiseError(f"published, and asked for again: {sorted(again)}")
    for number, path in _files(directory).items():
        if number not in live or path.read_bytes() != contents[number]:
            raise BrokenPromiseError(f"{path.name} is not what it should be")


def _check_traces(directory: Path, count: int) -> None:
    """Make sure that nothing lies there but the artifacts and their manifest."""
    names = {path.name for path in directory.iterdir()}
    if len(names) != count + 1 or any(name.startswith(".") for name in names):
        raise BrokenPromiseError(f"stray files: {sorted(n for n in names if n[0] == '.')}")


def main() -> None:
    """Run it; end with an error where a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaigns.mirrors", description=__doc__
    )
    parser.add_argument("--kills", type=int, default=10, help="how many")
    parser.add_argument("--artifacts", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of what is random but the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = campaign(options.kills, options.artifacts, options.seed, Path(directory))
        losses = asyncio.run(work)
    for name, value in (
        ("kills", losses.kills),
        ("artifacts", losses.artifacts),
        ("of equal content", losses.linked),
        ("requests to the store", losses.downloads),
        ("seconds", f"{losses.seconds:.1f}"),
    ):
        print(f"{name:24} {value:>12}")


if __name__ == "__main__":
    main()
