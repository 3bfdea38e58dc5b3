"""The design's bars, held against what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import frozen

from benchmarks._scenario import Result

Figures = Mapping[str, float]


@frozen
class Bar:
    """One bar.

    Attributes:
        scenario: That measures it.
        what: Is measured.
        wanted: The bar.
        figure: What was measured.
        met: Whether the one is in keeping with the other; ``None`` after a quick pass, whose sizes
            are not those of the bars.
    """

    scenario: str
    what: str
    wanted: str
    figure: str
    met: bool | None


@frozen
class _Rule:
    scenario: str
    what: str
    wanted: str
    key: str
    shown: str
    met: Callable[[float], bool]


_GIB = "1 GiB over loopback to disk, verified"
_THROTTLED = "30 MB/s a connection, 8 ranges"
_LISTED = "10,000 artifacts listed at 40 ms"
_SMALL = "1,000 × 64 KiB at 40 + 40 ms, 32 at once"
_MEMBER = "a member of 100 KiB of a 1 GiB artifact"

_RULES = [
    _Rule("large", _GIB, "not slower than curl", "curl", "{:.2f} × ours", lambda x: x >= 1),
    _Rule("large", _GIB, "curl && openssl dgst: 1.4 ×", "openssl", "{:.2f} × ours",
          lambda x: x >= 1.4),
    _Rule("large", _GIB, "curl && sha256sum: 3 ×", "sha256sum", "{:.2f} × ours", lambda x: x >= 3),
    _Rule("large", _GIB, "githubkit: 5 ×", "githubkit", "{:.2f} × ours", lambda x: x >= 5),
    _Rule("memory", "memory at any size, any connections", "at most 64 MiB", "peak MiB",
          "{:.0f} MiB", lambda x: x <= 64),
    _Rule("throttled", _THROTTLED, "one stream: 7.5 ×", "one stream", "{:.2f} × ours",
          lambda x: x >= 7.5),
    _Rule("throttled", _THROTTLED, "ahead of aria2c -x8", "aria2c", "{:.2f} × ours",
          lambda x: x > 1),
    _Rule("listing", _LISTED, "at most 0.5 s", "seconds", "{:.2f} s", lambda x: x <= 0.5),
    _Rule("listing", _LISTED, "githubkit: 9 ×", "githubkit", "{:.1f} × ours", lambda x: x >= 9),
    _Rule("small", _SMALL, "at most 1.15 × the floor", "floor", "{:.2f} ×", lambda x: x <= 1.15),
    _Rule("small", _SMALL, "githubkit: 2.5 ×", "githubkit", "{:.2f} × ours", lambda x: x >= 2.5),
    _Rule("member", _MEMBER, "at most 3 requests", "requests", "{:.0f}", lambda x: x <= 3),
    _Rule("member", _MEMBER, "at most 256 KiB moved", "KiB", "{:.0f} KiB", lambda x: x <= 256),
    _Rule("startup", "import, over that of aiohttp", "at most 40 ms", "over aiohttp", "{:.0f} ms",
          lambda x: x <= 40),
    _Rule("loop", "longest callback while 8 downloads run", "at most 50 ms",
          "longest callback ms", "{:.0f} ms", lambda x: x <= 50),
    _Rule("faults", "10,000 random fault schedules", "no promise broken", "failed", "{:.0f} broken",
          lambda x: x == 0),
    _Rule("kills", "200 × SIGKILL, then gone on with", "one batch (1 MiB) a connection again",
          "most", "{:.2f} MiB", lambda x: x <= 1),
]  # fmt: skip


def bars(results: Mapping[str, Result], *, quick: bool) -> Iterator[Bar]:
    """The bars of what was measured."""
    for rule in _RULES:
        figures = results[rule.scenario].figures if rule.scenario in results else {}
        if rule.key in figures:
            figure = figures[rule.key]
            met = None if quick else rule.met(figure)
            yield Bar(rule.scenario, rule.what, rule.wanted, rule.shown.format(figure), met)
