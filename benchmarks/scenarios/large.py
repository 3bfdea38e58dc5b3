"""One large artifact to disk, from nginx."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._programs import fetchers
from benchmarks._race import Entry, Role
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    RATIO,
    WALL,
    Result,
    Stage,
    figures,
    payload,
    remover,
    sized,
)
from benchmarks._servers import github


def http(stage: Stage) -> Result:
    """By http."""
    return _play(stage, stage.runs(2**30, 2**27), stage.runs(5), tls=False)


def https(stage: Stage) -> Result:
    """By https."""
    return _play(stage, stage.runs(2**30, 2**27), stage.runs(3), tls=True)


def _play(stage: Stage, size: int, runs: int, *, tls: bool) -> Result:
    source, target = stage.directory / "source.zip", stage.directory / "target.zip"
    payload(source, size)
    with github(source, tls=tls) as server:
        # Who knows no option for it reads the environment.
        trust = {"SSL_CERT_FILE": server.ca} if server.ca else {}
        arguments = (server.url, server.token, target, server.ca)
        entries: list[tuple[Entry, Sequence[str]]] = []

        def add(
            name: str, command: list[str], *needs: str, role: Role = "theirs", most: int = 100
        ) -> Entry:
            entry = Entry(name, command, role, remover(target), sized(target, size), trust, most)
            entries.append((entry, needs))
            return entry

        def client(name: str, *more: object) -> list[str]:
            return stage.client(name, "fetch", *arguments, *more)

        ours = add(f"{OURS}, connections=1", client("ours", 1), role="ours")
        add(f"{OURS}, as it is", client("ours", 0), role="ours")
        for name, shell, needs in fetchers(server, target):
            add(name, ["sh", "-c", shell], *needs)
        add("aiohttp and aiofiles", client("recipe"), "py:aiofiles")
        add("httpx, streamed", client("httpx"), "py:httpx")
        add("pycurl", client("pycurl"), "py:pycurl")
        if not tls:
            add("obstore", client("obstore"), "py:obstore")
        add("githubkit, streamed", client("githubkit", "stream"), "py:githubkit", most=3)
        add("githubkit", client("githubkit"), "py:githubkit", most=3)
        hashing = stage.client("ours", "digest", source)
        entries.append((Entry("SHA-256 of it alone", hashing, "part"), ()))
        rows = stage.race(entries, runs)
        profile = stage.profile(ours)
    if tls:
        stage.skipped.append("obstore: it has no option for a certificate of one's own")
    start = (rows[0].median("seconds") or 0.0) - (rows[0].median("call") or 0.0)
    hashed = rows[-1].median("call") or 0.0
    notes = [
        server.note,
        "Ours compares the SHA-256 of what is on disk with GitHub's; the others compare nothing.",
        "githubkit holds the whole body in memory, as its plain call does.",
        f"Of the seconds of ours, {start:.2f} are the start of Python and its imports.",
        f"SHA-256 of what is on the disk takes one core {hashed:.2f} s more, at the least.",
    ]
    return Result(
        f"{size / 2**30:g} GiB by {'https' if tls else 'http'} to disk",
        (WALL, RATIO, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        figures(
            rows,
            "ratios",
            curl="curl",
            openssl="curl && openssl dgst",
            sha256sum="curl && sha256sum",
            githubkit="githubkit",
        ),
        notes,
        profile,
    )
