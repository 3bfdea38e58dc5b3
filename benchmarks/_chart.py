"""The results as a chart for the README."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from benchmarks._comparison import Row
from benchmarks._scenario import Result

_PANELS = {
    "large": "call",
    "large-tls": "call",
    "throttled": "call",
    "listing": "call",
    "small": "call",
    "unpacking": "seconds",
}
_OURS, _VERIFIED, _UNVERIFIED = "#1f6feb", "#57606a", "#d0d7de"
_TITLE_WIDTH = 48


def draw(results: Mapping[str, Result], path: Path) -> None:
    """Draw a panel for each scenario, with a bar for the seconds of each competitor."""
    import matplotlib as mpl

    mpl.use("svg")
    # Without a fixed salt, the ids in the SVG are random, and equal results give different files.
    mpl.rcParams.update({"svg.hashsalt": "ghartifacts_async", "svg.fonttype": "none"})
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    panels = [name for name in _PANELS if name in results]
    figure, axes = pyplot.subplots(
        (len(panels) + 1) // 2, 2, figsize=(12, 10), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, panels, strict=False):
        result = results[name]
        shown = [
            (row, seconds)
            for row in reversed(result.rows)
            if row.role != "reference" and (seconds := row.median(_PANELS[name])) is not None
        ]
        bars = axis.barh(
            [row.name for row, _ in shown],
            [seconds for _, seconds in shown],
            color=[_color(row) for row, _ in shown],
        )
        axis.bar_label(bars, fmt="%.2f s", padding=3, fontsize=8)
        axis.set_title(textwrap.fill(result.title, _TITLE_WIDTH), fontsize=9)
        axis.margins(x=0.18)
        axis.tick_params(labelsize=8)
        axis.xaxis.set_visible(False)
        for side in ("top", "right", "bottom"):
            axis.spines[side].set_visible(False)
    figure.legend(
        handles=[
            Patch(color=_OURS, label="ghartifacts_async (verifies downloads)"),
            Patch(color=_VERIFIED, label="others that verify, or download nothing"),
            Patch(color=_UNVERIFIED, label="others that verify nothing"),
        ],
        loc="outside lower center",
        ncols=3,
        fontsize=9,
        frameon=False,
    )
    # "tight" enlarges the picture where a text would be clipped.
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def _color(row: Row) -> str:
    if row.role == "ours":
        return _OURS
    return _UNVERIFIED if row.verifies is False else _VERIFIED
