"""Parsing the JSON of a listing's page with a hundred artifacts."""

from __future__ import annotations

import json
from urllib.request import ProxyHandler, build_opener

from benchmarks._comparison import Competitor, Role
from benchmarks._scenario import CALL_RATIO, CPU, OURS, PEAK, Column, Context, Result
from benchmarks._servers import latency_server


def run_scenario(context: Context) -> Result:
    """Parse the same page many times."""
    page, times = context.directory / "page.json", context.choose(2000, 500)
    opener = build_opener(ProxyHandler({}))
    with latency_server(100, 0, 0.0) as url, opener.open(f"{url}/artifacts?per_page=100") as answer:
        page.write_bytes(answer.read())
    assert len(json.loads(page.read_bytes())["artifacts"]) == 100

    def entry(name: str, client: str, role: Role = "theirs") -> Competitor:
        return Competitor(name, context.client(client, "parsing", page, times), role)

    rows = context.compare(
        [
            (entry(OURS, "ours", "ours"), ()),
            (entry("githubkit", "githubkit"), ["py:githubkit"]),
            (entry("PyGithub", "pygithub"), ["py:PyGithub"]),
        ],
        context.choose(5),
    )
    return Result(
        "a page of 100 artifacts parsed",
        (Column("ms per page", "call", 2, 1e3 / times), CALL_RATIO, CPU, PEAK),
        rows,
        notes=["PyGithub parses a field when it is read; here only the name is read."],
    )
