"""Results in words: tables that a terminal shows as well as a page does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks._bars import Bar
from benchmarks._race import ROOT, Row
from benchmarks._scenario import Column, Result

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
README = ROOT / "README.md"

_BEGIN = "<!-- python -m benchmarks writes from here -->"
_END = "<!-- to here -->"
_HEAD = """# Results

`python -m benchmarks` wrote this, and writes it anew. Medians (least–most) of alternating runs
after a warm-up, whole processes; × ours is the median of the ratios of each round; a call is the
library's call alone, without the start of Python and its imports; peak is that of the largest
process. Where there is https, it is the store's. Ours runs without a pace: it would keep to
GitHub's 900 calls a minute, which none of the others does."""
_MET = {True: "met", False: "**not met**", None: "–"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, padded, the first column of which is text."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]

    def padded(line: Sequence[str]) -> str:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |"

    rule = [f":{'-' * (widths[0] - 1)}", *[f"{'-' * (width - 1)}:" for width in widths[1:]]]
    return "\n".join([padded(lines[0]), f"| {' | '.join(rule)} |", *map(padded, lines[1:])])


def bars_table(found: Iterable[Bar]) -> str:
    """The bars."""
    rows = [(bar.what, bar.wanted, bar.figure, _MET[bar.met]) for bar in found]
    return table(("what", "bar", "measured", "met"), rows)


def result_text(result: Result) -> str:
    """A scenario: its table, and what there is to say to it."""
    head = ["", *[column.title for column in result.columns]]
    rows = [[row.name, *[_cell(row, column) for column in result.columns]] for row in result.rows]
    return "\n\n".join([table(head, rows), *filter(None, [" ".join(result.notes)])])


def _cell(row: Row, column: Column) -> str:
    median, values = row.median(column.figure), row.values(column.figure)
    if median is None:
        return ""
    digits, factor = column.digits, column.factor
    cell = f"{median * factor:,.{digits}f}"
    if len(values) > 1 and column.figure in {"seconds", "call"}:
        cell += f" ({min(values) * factor:,.{digits}f}–{max(values) * factor:,.{digits}f})"
    return cell


def whole(
    machine: Mapping[str, str],
    results: Mapping[str, Result],
    found: Sequence[Bar],
    skipped: Sequence[str],
) -> Iterator[str]:
    """All of it, in paragraphs."""
    yield "\n".join(f"- {what}: {value}" for what, value in machine.items())
    yield bars_table(found)
    for name, result in results.items():
        yield f"## {name}: {result.title}"
        yield result_text(result)
        missed = any(bar.scenario == name and bar.met is False for bar in found)
        if missed and result.profile:
            yield "Where the time of ours goes, on the thread of the event loop, under cProfile:"
            yield f"```text\n{result.profile}\n```"
    if skipped:
        yield "## Skipped"
        yield "\n".join(f"- {one}" for one in skipped)


def write(text: str, found: Sequence[Bar], machine: Mapping[str, str]) -> None:
    """Write what the project shows of a full run."""
    RESULTS.write_text(
        f"{_HEAD}\n\n![Seconds that each takes](results.svg)\n\n{text}\n",
        encoding="utf-8",
    )
    before, rest = README.read_text(encoding="utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    where = f"{machine['date']}, {machine['machine']}, {machine['Python']}."
    inside = f"{bars_table(found)}\n\n{where}"
    README.write_text(f"{before}{_BEGIN}\n{inside}\n{_END}{after}", encoding="utf-8")
