"""The JSON of a page of a hundred artifacts, turned into values."""

from __future__ import annotations

import json
from urllib.request import urlopen

from benchmarks._race import Entry
from benchmarks._scenario import CALL_RATIO, CPU, PEAK, Column, Result, Stage
from benchmarks._servers import distant
from benchmarks.scenarios.large import OURS


def play(stage: Stage) -> Result:
    """One page, again and again."""
    page, times = stage.directory / "page.json", stage.runs(2000, 500)
    with distant(100, 0, 0.0) as url, urlopen(f"{url}/artifacts?per_page=100") as answer:
        page.write_bytes(answer.read())
    assert len(json.loads(page.read_bytes())["artifacts"]) == 100

    def entry(name: str, client: str) -> Entry:
        return Entry(name, stage.client(client, "parsing", page, times))

    rows = stage.race(
        [
            (entry(OURS, "ours"), ()),
            (entry("githubkit", "githubkit"), ["py:githubkit"]),
            (entry("PyGithub", "pygithub"), ["py:PyGithub"]),
        ],
        stage.runs(5),
    )
    page.unlink()
    return Result(
        "a page of 100 artifacts parsed",
        (Column("ms a page", "call", 2, 1e3 / times), CALL_RATIO, CPU, PEAK),
        rows,
        notes=["PyGithub parses a field when it is asked for; here that is the name alone."],
    )
