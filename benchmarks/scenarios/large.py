"""Download of one large artifact from nginx to disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from benchmarks._comparison import Competitor, Role
from benchmarks._earlier import COMMIT, extract_earlier
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
    SkippedError,
    figures,
    payload,
    remover,
    size_check,
)
from benchmarks._servers import github

_EARLIER = f"{OURS} at {COMMIT}, connections=1"


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
            name: str,
            command: list[str],
            *needs: str,
            role: Role = "theirs",
            most: int = 100,
            verifies: bool = False,
        ) -> Competitor:
            entry = Competitor(
                name,
                command,
                role,
                remover(target),
                size_check(target, size),
                trust,
                most,
                verifies=verifies,
                is_program=command[0] == "sh",
            )
            entries.append((entry, needs))
            return entry

        def client(name: str, *more: object) -> list[str]:
            return context.client(name, "fetch", *arguments, *more)

        ours = add(f"{OURS}, connections=1", client("ours", 1), role="ours", verifies=True)
        add(f"{OURS}, defaults", client("ours", 0), role="ours", verifies=True)
        try:
            before = context.client("earlier", "fetch", extract_earlier(context.directory))
            add(_EARLIER, [*before, *map(str, arguments), "1"], verifies=True)
        except SkippedError as reason:
            context.skipped.append(f"{_EARLIER}: {reason}")
        with source.open("rb") as file:
            expected = hashlib.file_digest(file, "sha256").hexdigest()
        for name, shell, needs, verifies in fetchers(server, target, expected):
            add(name, ["sh", "-c", shell], *needs, verifies=verifies)
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
        "This library, `openssl dgst` and `aria2c --checksum` verify the SHA-256.",
        "The others verify nothing.",
        "githubkit without streaming holds the whole body in memory.",
        f"This library's seconds include {start:.2f} s for interpreter startup and imports.",
        f"Computing the SHA-256 of the file takes at least {hashed:.2f} s of one core.",
    ]
    return Result(
        f"{size / 2**30:g} GiB by {'https' if tls else 'http'} to disk",
        (WALL, RATIO, CALL, CALL_RATIO, CPU, PEAK),
        rows,
        {
            **figures(
                rows,
                "call_ratios",
                openssl="curl | tee | openssl dgst",
                aria2c="aria2c -x8 --checksum",
                pycurl="pycurl",
                earlier=_EARLIER,
            ),
            **{key: 1 / ratio for key, ratio in figures(rows, "cpu_ratios", cpu=_EARLIER).items()},
        },
        notes,
        profile,
    )
