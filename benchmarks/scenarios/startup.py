"""The time that it takes to import each library."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks._comparison import ROOT, Competitor, Role
from benchmarks._scenario import OURS, PEAK, PROFILE_LINES, RATIO, Column, Context, Result

_IMPORT = "from ghartifacts_async import Client"
_OPENED = f"""
import asyncio
{_IMPORT}
async def main():
    async with Client("token"):
        pass
asyncio.run(main())
"""


def run_scenario(context: Context) -> Result:
    """Import each library in a new interpreter. The warm-up has written the bytecode files."""

    def entry(name: str, source: str, role: Role = "theirs") -> Competitor:
        return Competitor(name, [sys.executable, "-c", source], role)

    rows = context.compare(
        [
            (entry(OURS, _IMPORT, "ours"), ()),
            (entry(f"{OURS}, and opening a client", _OPENED, "ours"), ()),
            (entry("aiohttp", "import aiohttp"), ()),
            (entry("httpx", "import httpx"), ["py:httpx"]),
            (entry("gidgethub", "import gidgethub.aiohttp"), ["py:gidgethub"]),
            (entry("PyGithub", "import github"), ["py:PyGithub"]),
            (
                entry("githubkit", "from githubkit import GitHub; g = GitHub(); g.rest.actions"),
                ["py:githubkit"],
            ),
            (entry("Python only", "pass", "reference"), ()),
        ],
        context.choose(20, 3),
    )
    aiohttp = next(row for row in rows if row.name == "aiohttp")
    over = [ours - theirs for ours, theirs in zip(rows[0].seconds, aiohttp.seconds, strict=True)]
    return Result(
        "import",
        (Column("ms", "seconds", 0, 1e3), RATIO, Column("CPU ms", "cpu", 0, 1e3), PEAK),
        rows,
        {"over aiohttp": statistics.median(over) * 1e3},
        profile="" if context.quick else _slowest(),
    )


def _slowest() -> str:
    """Return the modules that this library imports in addition to aiohttp's, slowest first."""
    source = f"import aiohttp, sys; print(file=sys.stderr); {_IMPORT}"
    command = [sys.executable, "-X", "importtime", "-c", source]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.split("|") for line in done.stderr.split("\n\n")[1].splitlines()]
    most = sorted(lines, key=lambda line: -int(line[0].rpartition(":")[2]))[:PROFILE_LINES]
    times = [(int(own.rpartition(":")[2]), name.strip()) for own, _, name in most]
    return "\n".join(f"{microseconds / 1e3:6.1f} ms  {name}" for microseconds, name in times)
