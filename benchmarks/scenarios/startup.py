"""What an import costs."""

from __future__ import annotations

import sys

from benchmarks._race import Entry
from benchmarks._scenario import PEAK, RATIO, Column, Result, Stage, named
from benchmarks.scenarios.large import OURS


def play(stage: Stage) -> Result:
    """Each in a Python of its own, with what was compiled before."""

    def entry(name: str, imports: str) -> Entry:
        return Entry(name, [sys.executable, "-c", imports])

    rows = stage.race(
        [
            (entry(OURS, "from ghartifacts_async import Client"), ()),
            (entry("aiohttp", "import aiohttp"), ()),
            (entry("httpx", "import httpx"), ["py:httpx"]),
            (entry("gidgethub", "import gidgethub.aiohttp"), ["py:gidgethub"]),
            (entry("PyGithub", "import github"), ["py:PyGithub"]),
            (entry("githubkit", "from githubkit import GitHub; g = GitHub(); g.rest.actions"),
             ["py:githubkit"]),
            (entry("Python alone", "pass"), ()),
        ],
        stage.runs(20, 3),
    )  # fmt: skip
    aiohttp = named(rows, "aiohttp")
    assert aiohttp is not None
    over = [ours - theirs for ours, theirs in zip(rows[0].seconds, aiohttp.seconds, strict=True)]
    milliseconds = sorted(over)[len(over) // 2] * 1e3
    return Result(
        "import",
        (Column("ms", "seconds", 0, 1e3), RATIO, Column("CPU ms", "cpu", 0, 1e3), PEAK),
        rows,
        {"over aiohttp": milliseconds},
    )
