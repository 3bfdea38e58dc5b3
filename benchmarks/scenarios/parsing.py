"""The JSON of a page of a hundred artifacts, turned into values."""

from __future__ import annotations

import json
from urllib.request import ProxyHandler, build_opener

from benchmarks._race import Entry, Role
from benchmarks._scenario import CALL_RATIO, CPU, OURS, PEAK, Column, Result, Stage
from benchmarks._servers import distant


def play(stage: Stage) -> Result:
    """One page, again and again."""
    page, times = stage.directory / "page.json", stage.runs(2000, 500)
    opener = build_opener(ProxyHandler({}))
    with distant(100, 0, 0.0) as url, opener.open(f"{url}/artifacts?per_page=100") as answer:
        page.write_bytes(answer.read())
    assert len(json.loads(page.read_bytes())["artifacts"]) == 100

    def entry(name: str, client: str, role: Role = "theirs") -> Entry:
        return Entry(name, stage.client(client, "parsing", page, times), role)

    rows = stage.race(
        [
            (entry(OURS, "ours", "ours"), ()),
            (entry("githubkit", "githubkit"), ["py:githubkit"]),
            (entry("PyGithub", "pygithub"), ["py:PyGithub"]),
        ],
        stage.runs(5),
    )
    return Result(
        "a page of 100 artifacts parsed",
        (Column("ms a page", "call", 2, 1e3 / times), CALL_RATIO, CPU, PEAK),
        rows,
        notes=["PyGithub parses a field when it is asked for; here that is the name alone."],
    )
