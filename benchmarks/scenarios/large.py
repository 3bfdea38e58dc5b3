"""Download of one large artifact from nginx to disk."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks._comparison import Competitor, Role
from benchmarks._programs import fetchers
from benchmarks._scenario import (
    CALL,
    CALL_RATIO,
    CPU,
    OURS,
    PEAK,
    RATIO,
    WALL,
    Context,
    Result,
    figures,
    payload,
    remover,
    size_check,
)
from benchmarks._servers import github


def http(context: Context) -> Result:
    """Download by http."""
    return _play(context, context.choose(2**30, 2**27), context.choose(5), tls=False)


def https(context: Context) -> Result:
    """Download by https."""
    return _play(context, context.choose(2**30, 2**27), context.choose(3), tls=True)


def _play(context: Context, size: int, runs: int, *, tls: bool) -> Result:
    source, target = context.directory / "source.zip", context.directory / "target.zip"
    payload(source, size)
    with github(source, tls=tls) as server:
        # Competitors that have no option for a CA file read this environment variable.
        trust = {"SSL_CERT_FILE": server.ca} if server.ca else {}
        arguments = (server.url, server.token, target, server.ca)
        entries: list[tuple[Competitor, Sequence[str]]] = []

        def add(
            name: str, command: list[str], *needs: str, role: Role = "theirs", most: int = 100
        ) -> Competitor:
            entry = Competitor(
                name, command, role, remover(target), size_check(target, size), trust, most
            )
            entries.append((entry, needs))
            return entry

        def client(name: str, *more: object) -> list[str]:
            return context.client(name, "fetch", *arguments, *more)

        ours = add(f"{OURS}, connections=1", client("ours", 1), role="ours")
        add(f"{OURS}, with defaults", client("ours", 0), role="ours")
        for name, shell, needs in fetchers(server, target):
            add(name, ["sh", "-c", shell], *needs)
        add("aiohttp and aiofiles", client("recipe"), "py:aiofiles")
        add("httpx, streamed", client("httpx"), "py:httpx")
        add("pycurl", client("pycurl"), "py:pycurl")
        if not tls:
            add("obstore", client("obstore"), "py:obstore")
        add("githubkit, streamed", client("githubkit", "stream"), "py:githubkit", most=3)
        add("githubkit", client("githubkit"), "py:githubkit", most=3)
        hashing = context.client("ours", "digest", source)
        entries.append((Competitor("SHA-256 only", hashing, "reference"), ()))
        rows = context.compare(entries, runs)
        profile = context.profile(ours)
    if tls:
        context.skipped.append("obstore: it has no option for a custom CA certificate")
    start = (rows[0].median("seconds") or 0.0) - (rows[0].median("call") or 0.0)
    hashed = rows[-1].median("call") or 0.0
    notes = [
        server.note,
        "This library verifies the SHA-256 of the file on disk; the others verify nothing.",
        "githubkit without streaming holds the whole body in memory.",
        f"This library's seconds include {start:.2f} s for interpreter startup and imports.",
        f"Computing the SHA-256 of the file takes at least {hashed:.2f} s of one core.",
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
