"""The design's bars, held against what was measured."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from attrs import frozen

from benchmarks._scenario import Result


@frozen
class Bar:
    """One bar.

    Attributes:
        scenario: That measures it.
        what: Is measured.
        wanted: The bar.
        figure: What was measured, rounded to the worse.
        met: Whether the one is in keeping with the other; ``None`` where that was not judged.
    """

    scenario: str
    what: str
    wanted: str
    figure: str
    met: bool | None


@frozen
class _Rule:
    """A bar as the design has it: a figure is to be `least`, or at most `most`."""

    scenario: str
    what: str
    wanted: str
    key: str
    unit: str
    least: float | None = None
    most: float | None = None
    digits: int = 2

    def met(self, figure: float) -> bool:
        """Whether the figure is in keeping with it."""
        if self.least is not None:
            return figure >= self.least
        return self.most is None or figure <= self.most

    def shown(self, figure: float) -> str:
        """The figure, rounded to the worse: what is shown is what is held against the bar."""
        scale = 10.0**self.digits
        # A rounding error of the figure itself is not to be seen.
        exact = round(figure * scale, 6)
        rounded = math.floor(exact) if self.least is not None else math.ceil(exact)
        return f"{rounded / scale:.{self.digits}f} {self.unit}"


_GIB = "1 GiB over loopback to disk, verified, connections=1"
_THROTTLED = "30 MB/s a connection, connections=8"
_LISTED = "10,000 artifacts listed at 40 ms, concurrency=32"
_SMALL = "1,000 × 64 KiB at 40 + 40 ms, 32 at once"
_MEMBER = "a member of 100 KiB of a 1 GiB artifact"
_OURS = "× ours"

_RULES = [
    _Rule("large", _GIB, "curl: 1 ×", "curl", _OURS, least=1),
    _Rule("large", _GIB, "curl && openssl dgst: 1.4 ×", "openssl", _OURS, least=1.4),
    _Rule("large", _GIB, "curl && sha256sum: 3 ×", "sha256sum", _OURS, least=3),
    _Rule("large", _GIB, "githubkit: 5 ×", "githubkit", _OURS, least=5),
    _Rule("memory", "memory to 8 GiB, at 1, 4 and 8 connections", "at most 64 MiB", "peak MiB",
          "MiB", most=64, digits=0),
    _Rule("throttled", _THROTTLED, "one stream: 7.5 ×", "one", _OURS, least=7.5),
    _Rule("throttled", _THROTTLED, "aria2c -x8: over 1 ×", "aria2c", _OURS, least=1),
    _Rule("listing", _LISTED, "at most 0.5 s", "seconds", "s", most=0.5),
    _Rule("listing", _LISTED, "githubkit: 9 ×", "githubkit", _OURS, least=9),
    _Rule("small", _SMALL, "at most 1.15 × the floor", "floor", "×", most=1.15),
    _Rule("small", _SMALL, "githubkit: 2.5 ×", "githubkit", _OURS, least=2.5),
    _Rule("member", _MEMBER, "at most 3 requests", "requests", "requests", most=3, digits=0),
    _Rule("member", _MEMBER, "at most 256 KiB moved", "KiB", "KiB", most=256, digits=0),
    _Rule("startup", "import, over that of aiohttp", "at most 40 ms", "over aiohttp", "ms",
          most=40, digits=0),
    _Rule("loop", "longest callback while 8 downloads run", "at most 50 ms",
          "longest callback ms", "ms", most=50, digits=0),
    _Rule("faults", "10,000 random fault schedules", "no promise broken", "broken", "broken",
          most=0, digits=0),
    _Rule("kills", "200 × SIGKILL, then gone on with", "a batch (1 MiB) a connection again",
          "most", "bytes", most=2**20, digits=0),
]  # fmt: skip


def bars(
    results: Mapping[str, Result],
    asked: Collection[str],
    failed: Collection[str],
    *,
    quick: bool,
) -> Iterator[Bar]:
    """All bars of the scenarios that were asked for.

    Args:
        results: Of those that were played.
        asked: Which were to be.
        failed: Which of them ours failed in.
        quick: Whether sizes were not those of the bars.
    """
    for rule in _RULES:
        if rule.scenario not in asked:
            continue
        figures = results[rule.scenario].figures if rule.scenario in results else {}
        shown, met = "not measured", None
        if rule.scenario in failed:
            shown, met = "failed", False
        elif rule.key in figures:
            figure = figures[rule.key]
            shown, met = rule.shown(figure), None if quick else rule.met(figure)
        yield Bar(rule.scenario, rule.what, rule.wanted, shown, met)
