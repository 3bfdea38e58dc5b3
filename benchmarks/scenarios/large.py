"""One large artifact to disk, from nginx: ours verifies it, of the others only who says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks._programs import fetchers
from benchmarks._race import Entry
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    PEAK,
    RATIO,
    WALL,
    Result,
    Stage,
    named,
    ratio,
    remover,
)
from benchmarks._servers import github

OURS = "ghartifacts_async"


def payload(path: Path, size: int) -> None:
    """Bytes that are neither all zeros, which some disks do not store, nor slow to make."""
    block = os.urandom(2**20)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def http(stage: Stage) -> Result:
    """By http."""
    return _play(stage, tls=False)


def https(stage: Stage) -> Result:
    """By https."""
    return _play(stage, tls=True)


def _play(stage: Stage, *, tls: bool) -> Result:
    size = stage.runs(2**30, 2**27)
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    payload(source, size)
    with github(source, tls=tls) as server:

        def right_size(_: object) -> None:
            if target.stat().st_size != size:
                raise ValueError(f"{target.stat().st_size} bytes are there")

        def entry(name: str, command: Sequence[str], most_runs: int = 100) -> Entry:
            # Who knows no option for it reads the environment.
            trust = {"SSL_CERT_FILE": server.ca} if server.ca else {}
            before = remover(target)
            return Entry(name, command, before, right_size, trust, most_runs)

        arguments = (server.url, server.token, target, server.ca)
        entries: list[tuple[Entry, Sequence[str]]] = []
        for connections, shown in ((1, f"{OURS}, 1 connection"), (0, f"{OURS}, as it is")):
            command = stage.client("ours", "fetch", *arguments, connections)
            entries.append((entry(shown, command), ()))
        for name, shell, needs in fetchers(server, target):
            entries.append((entry(name, ["sh", "-c", shell]), needs))
        for name, client, needs in (
            ("aiohttp and aiofiles", "recipe", ["py:aiofiles"]),
            ("httpx, streamed", "httpx", ["py:httpx"]),
            ("pycurl", "pycurl", ["py:pycurl"]),
            *([] if tls else [("obstore", "obstore", ["py:obstore"])]),
        ):
            entries.append((entry(name, stage.client(client, "fetch", *arguments)), needs))
        slow = entry("githubkit", stage.client("githubkit", "fetch", *arguments), most_runs=3)
        entries.append((slow, ["py:githubkit"]))
        alone = Entry("SHA-256 of it alone", stage.client("ours", "digest", source))
        entries.append((alone, ()))
        rows = stage.race(entries, stage.runs(5))
        profile = stage.profile(entries[0][0])
    source.unlink()
    remover(target)()
    figures = {}
    for name, key in (
        ("curl", "curl"),
        ("curl && openssl dgst", "openssl"),
        ("curl && sha256sum", "sha256sum"),
        ("githubkit", "githubkit"),
    ):
        if (row := named(rows, name)) is not None:
            figures[key] = ratio(rows[0], row)
    start = (rows[0].median("seconds") or 0.0) - (rows[0].median("call") or 0.0)
    hashed = rows[-1].median("call") or 0.0
    parts = f"Of the seconds of ours, {start:.2f} are the start of Python and its imports"
    return Result(
        f"{size / 2**30:g} GiB by {'https' if tls else 'http'} to disk",
        (WALL, RATIO, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        figures,
        [
            "Ours verifies the SHA-256 of what is on disk; the others verify nothing.",
            f"{parts}, and one core's SHA-256 takes {hashed:.2f} at the least.",
        ],
        profile,
    )
