"""Reports: targets, tables, and the files that are written."""

from __future__ import annotations

from pathlib import Path

import pytest

WHY = "the benchmarks are only in a source checkout"
targets = pytest.importorskip("benchmarks._targets", reason=WHY)
comparison = pytest.importorskip("benchmarks._comparison", reason=WHY)
report = pytest.importorskip("benchmarks._report", reason=WHY)
scenario = pytest.importorskip("benchmarks._scenario", reason=WHY)


def result(**figures: float) -> object:
    """Return a result with two competitors."""
    ours = comparison.Row(
        "ours", "ours", seconds=[2.0, 1.0, 3.0], ratios=[1.0] * 3, reported={"MiB": [4.0]}
    )
    theirs = comparison.Row("theirs", seconds=[4.0], ratios=[2.0])
    columns = (scenario.WALL, scenario.RATIO, scenario.Column("KiB", "MiB", 0, 1024))
    return scenario.Result(
        "a comparison", columns, [ours, theirs], figures, ["A note."], "a profile"
    )


def test_a_figure_is_compared_with_its_target() -> None:
    """A target is met or not met. It is not checked in a quick run or without a measurement."""
    results = {"memory": result(**{"peak MiB": 63.9}), "startup": result(**{"over aiohttp": 75.6})}
    selected = [*results, "member", "kills"]
    memory, *others, startup, kills = targets.verdicts(results, selected, ["kills"], quick=False)
    assert (memory.figure, memory.met) == ("64 MiB", True)
    assert (startup.figure, startup.met) == ("76 ms", False)
    assert (kills.figure, kills.met) == ("failed", False)
    assert {(one.figure, one.met) for one in others} == {("not measured", None)}
    assert {one.met for one in targets.verdicts(results, results, [], quick=True)} == {None}


def test_rounding_never_improves_a_figure() -> None:
    """A printed figure is never better than the measured one."""
    results = {"large": result(openssl=1.19999, aria2c=1.7, pycurl=0.7501, earlier=5, cpu=0.8001)}
    openssl, aria2c, pycurl, _, cpu = targets.verdicts(results, results, [], quick=False)
    assert (openssl.figure, openssl.met) == ("1.19 × ours", False)
    assert (aria2c.figure, aria2c.met) == ("1.70 × ours", True)
    assert pycurl.figure == "0.75 × ours"
    assert (cpu.figure, cpu.met) == ("0.81 ×", False)


def test_tables_are_padded() -> None:
    """A table shows medians and ranges in the unit of the column. Missing figures are blank."""
    assert report.result_text(result()).splitlines() == [
        "|        |                s | × ours |   KiB |",
        "| :----- | ---------------: | -----: | ----: |",
        "| ours   | 2.00 (1.00–3.00) |   1.00 | 4,096 |",
        "| theirs |             4.00 |   2.00 |       |",
        "",
        "A note.",
    ]


def test_a_pipe_does_not_end_a_cell() -> None:
    """A command with a pipe stays in one cell."""
    assert report.table(["what", "s"], [["curl | tee", "1"]]).splitlines()[2] == (
        "| curl \\| tee | 1 |"
    )


def test_a_missed_target_comes_with_its_profile() -> None:
    """The profile of a scenario is shown only if it misses a target."""
    results = {"memory": result(**{"peak MiB": 90}), "startup": result(**{"over aiohttp": 4})}
    found = list(targets.verdicts(results, results, [], quick=False))
    text = "\n\n".join(
        report.paragraphs({"date": "today"}, results, found, ["theirs: not installed"])
    )
    assert text.count("a profile") == 1
    assert text.index("## memory") < text.index("a profile") < text.index("## startup")
    assert text.endswith("## Skipped\n\n- theirs: not installed")


def test_a_full_run_writes_the_results_and_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full run replaces the results that the previous run has written, and nothing else."""
    readme = tmp_path / "README.md"
    begin, end = "<!-- python -m benchmarks writes from here -->", "<!-- to here -->"
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(report, "README", readme)
    results = {"memory": result(**{"peak MiB": 50})}
    found = list(targets.verdicts(results, results, [], quick=False))
    machine = {"date": "today", "machine": "small", "Python": "new"}
    for _ in range(2):
        report.write("the text", found, machine)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{begin}\n| what")
    assert text.endswith(f"today, small, new.\n{end}\nafter\n")
    assert "50 MiB | met |" in text
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8").endswith("the text\n")


def test_the_readme_shows_what_the_last_run_wrote() -> None:
    """The performance table in the README is identical to that in the results."""
    text = report.README.read_text(encoding="utf-8")
    inside = text.split("writes from here -->\n")[1].split("<!-- to here")[0]
    table = inside.split("\n\n")[0]
    assert table.count("\n") > 10
    assert table in report.RESULTS.read_text(encoding="utf-8")
