"""The results as Markdown. Tables are padded, so that they are also readable in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks._comparison import ROOT, Row
from benchmarks._scenario import Column, Result
from benchmarks._targets import Verdict

RESULTS = ROOT / "benchmarks" / "RESULTS.md"
README = ROOT / "README.md"

_BEGIN = "<!-- python -m benchmarks writes from here -->"
_END = "<!-- to here -->"
_HEAD = """# Results

`python -m benchmarks` writes this file. After a warm-up, the competitors run alternately, each in
its own process. A figure is the median of all runs, with minimum and maximum in parentheses.
`× ours` is a competitor's time divided by this library's time in the same round (also a median).
`call` is the time of the library call alone, without interpreter startup and imports; of a program
such as curl, it is the time of the whole run. The targets compare calls. `peak` is the peak memory
of the largest process. In scenarios with https, only the blob store uses https. This library runs
with `RateLimitPolicy.unlimited()`. By default, it keeps to GitHub's limit of 900 calls a minute,
which no competitor does.

Three targets of earlier results cannot be met on two cores by any program that verifies what it
downloads: to be as fast as curl, which verifies nothing; 1.4 × as fast as `curl && openssl dgst`;
and 5 × as fast as githubkit. Computing the SHA-256 alone takes about as long as curl takes for
everything. They are replaced by targets against programs that verify as well, and against this
library at an earlier commit."""
_MET = {True: "met", False: "**not met**", None: "–"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table. The first column is aligned to the left, the others to the right."""
    lines = [[cell.replace("|", "\\|") for cell in line] for line in [head, *rows]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]

    def padded(line: Sequence[str]) -> str:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |"

    rule = [f":{'-' * (widths[0] - 1)}", *[f"{'-' * (width - 1)}:" for width in widths[1:]]]
    return "\n".join([padded(lines[0]), f"| {' | '.join(rule)} |", *map(padded, lines[1:])])


def targets_table(verdicts: Iterable[Verdict]) -> str:
    """Format a table of the measured figures and their targets."""
    rows = [(one.what, one.target, one.figure, _MET[one.met]) for one in verdicts]
    return table(("what", "target", "measured", "met"), rows)


def result_text(result: Result) -> str:
    """Format the table and the notes of a scenario."""
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


def paragraphs(
    machine: Mapping[str, str],
    results: Mapping[str, Result],
    verdicts: Sequence[Verdict],
    skipped: Sequence[str],
) -> Iterator[str]:
    """Yield the paragraphs of the report."""
    yield "\n".join(f"- {what}: {value}" for what, value in machine.items())
    yield targets_table(verdicts)
    for name, result in results.items():
        yield f"## {name}: {result.title}"
        yield result_text(result)
        missed = any(one.scenario == name and one.met is False for one in verdicts)
        if missed and result.profile:
            yield "Profile of this library in the event loop's thread, by cProfile:"
            yield f"```text\n{result.profile}\n```"
    if skipped:
        yield "## Skipped"
        yield "\n".join(f"- {reason}" for reason in skipped)


def write(text: str, verdicts: Sequence[Verdict], machine: Mapping[str, str]) -> None:
    """Write RESULTS.md, and replace the table in README.md."""
    RESULTS.write_text(
        f"{_HEAD}\n\n![Seconds of each competitor](results.svg)\n\n{text}\n",
        encoding="utf-8",
    )
    before, rest = README.read_text(encoding="utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    origin = f"{machine['date']}, {machine['machine']}, {machine['Python']}."
    inside = f"{targets_table(verdicts)}\n\n{origin}"
    README.write_text(f"{before}{_BEGIN}\n{inside}\n{_END}{after}", encoding="utf-8")
