"""The performance targets, and the comparison of the results with them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from attrs import frozen

from benchmarks._earlier import COMMIT
from benchmarks._scenario import Result


@frozen
class Verdict:
    """The comparison of a result with a target.

    Attributes:
        scenario: The scenario that measures the figure.
        what: A description of the figure.
        target: The target in words.
        figure: The measured figure, rounded so that it never looks better than it is.
        met: Whether the target is met, or None if it was not checked.
    """

    scenario: str
    what: str
    target: str
    figure: str
    met: bool | None


@frozen
class _Target:
    """A performance target: a figure of at least `least`, or of at most `most`."""

    scenario: str
    what: str
    target: str
    key: str
    unit: str
    least: float | None = None
    most: float | None = None
    digits: int = 2

    def met(self, figure: float) -> bool:
        """Return True if the figure meets the target."""
        if self.least is not None:
            return figure >= self.least
        return self.most is None or figure <= self.most

    def format(self, figure: float) -> str:
        """Format the figure, rounded so that it never looks better than it is."""
        scale = 10.0**self.digits
        # Remove floating-point errors first, so that 1.4 does not become 1.39.
        exact = round(figure * scale, 6)
        rounded = math.floor(exact) if self.least is not None else math.ceil(exact)
        return f"{rounded / scale:.{self.digits}f} {self.unit}"


_HTTP = "1 GiB by http to disk, verified, connections=1"
_HTTPS = "1 GiB by https to disk, verified, connections=1"
_THROTTLED = "30 MB/s per connection, connections=8"
_LISTED = "10,000 artifacts listed, 40 ms latency, defaults"
_SMALL = "1,000 × 64 KiB, 40 + 40 ms latency, concurrency=32"
_MEMBER = "a member of 100 KiB from a 1 GiB artifact"
_OURS = "× ours"

_TARGETS = [
    _Target("large", _HTTP, "curl | tee | openssl dgst: 1.2 ×", "openssl", _OURS, least=1.2),
    _Target("large", _HTTP, "aria2c -x8 --checksum: 1.7 ×", "aria2c", _OURS, least=1.7),
    _Target("large", _HTTP, "pycurl, unverified: 0.75 ×", "pycurl", _OURS, least=0.75),
    _Target("large", _HTTP, f"commit {COMMIT}: 1.3 ×", "earlier", _OURS, least=1.3),
    _Target("large", _HTTP, f"0.8 × the CPU s of {COMMIT}", "cpu", "×", most=0.8),
    _Target("large-tls", _HTTPS, "curl | tee | openssl dgst: 1.3 ×", "openssl", _OURS, least=1.3),
    _Target("large-tls", _HTTPS, "aria2c -x8 --checksum: 1.3 ×", "aria2c", _OURS, least=1.3),
    _Target("large-tls", _HTTPS, f"commit {COMMIT}: 1.3 ×", "earlier", _OURS, least=1.3),
    _Target("large-tls", _HTTPS, f"0.8 × the CPU s of {COMMIT}", "cpu", "×", most=0.8),
    _Target("memory", "memory of one download up to 8 GiB", "at most 64 MiB", "peak MiB", "MiB",
          most=64, digits=0),
    _Target("memory", "memory of 8 concurrent downloads", "at most 96 MiB", "eight MiB", "MiB",
          most=96, digits=0),
    _Target("throttled", _THROTTLED, "one connection: 7.5 ×", "one", _OURS, least=7.5),
    _Target("throttled", _THROTTLED, "aria2c -x8: over 1 ×", "aria2c", _OURS, least=1),
    _Target("listing", _LISTED, "page by page: 8 ×", "pages", _OURS, least=8),
    _Target("small", _SMALL, "at most 1.15 × the minimum", "floor", "×", most=1.15),
    _Target("member", _MEMBER, "at most 3 requests", "requests", "requests", most=3, digits=0),
    _Target("member", _MEMBER, "at most 256 KiB received", "KiB", "KiB", most=256, digits=0),
    _Target("startup", "import, in addition to aiohttp", "at most 75 ms", "over aiohttp", "ms",
          most=75, digits=0),
    _Target("loop", "longest callback while 8 downloads run", "at most 25 ms",
          "longest callback ms", "ms", most=25, digits=0),
    _Target("faults", "10,000 random fault schedules", "no broken promise", "broken", "broken",
          most=0, digits=0),
    _Target("kills", "200 × SIGKILL, then resumed", "no broken promise", "broken", "broken",
          most=0, digits=0),
]  # fmt: skip


def verdicts(
    results: Mapping[str, Result],
    selected: Collection[str],
    failed: Collection[str],
    *,
    quick: bool,
) -> Iterator[Verdict]:
    """Compare the results of the selected scenarios with their targets.

    Args:
        results: The results, by scenario.
        selected: The scenarios that were selected.
        failed: The scenarios in which this library failed.
        quick: Whether this was a quick run, whose sizes are too small for the targets.
    """
    for target in _TARGETS:
        if target.scenario not in selected:
            continue
        figures = results[target.scenario].figures if target.scenario in results else {}
        text, met = "not measured", None
        if target.scenario in failed:
            text, met = "failed", False
        elif target.key in figures:
            figure = figures[target.key]
            text, met = target.format(figure), None if quick else target.met(figure)
        yield Verdict(target.scenario, target.what, target.target, text, met)
