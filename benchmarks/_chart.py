"""The results as a chart for the README."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks._scenario import Result

_PANELS = {
    "large": "seconds",
    "throttled": "seconds",
    "listing": "call",
    "small": "call",
    "unpacking": "seconds",
    "startup": "seconds",
}
_OURS, _OTHERS = "#1f6feb", "#8c959f"


def draw(results: Mapping[str, Result], path: Path) -> None:
    """Draw a panel for each scenario, with a bar for the seconds of each competitor."""
    import matplotlib as mpl

    mpl.use("svg")
    # Without a fixed salt, the ids in the SVG are random, and equal results give different files.
    mpl.rcParams.update({"svg.hashsalt": "ghartifacts_async", "svg.fonttype": "none"})
    from matplotlib import pyplot

    panels = [name for name in _PANELS if name in results]
    figure, axes = pyplot.subplots((len(panels) + 1) // 2, 2, figsize=(11, 9), squeeze=False)
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
            color=[_OURS if row.role == "ours" else _OTHERS for row, _ in shown],
        )
        axis.bar_label(bars, fmt="%.2f s", padding=3, fontsize=8)
        axis.set_title(result.title, fontsize=9)
        axis.margins(x=0.18)
        axis.tick_params(labelsize=8)
        axis.xaxis.set_visible(False)
        for side in ("top", "right", "bottom"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
