"""Reports: bars, tables, and what is written into the project."""

from __future__ import annotations

from pathlib import Path

import pytest

WHY = "the benchmarks are in benchmarks/ of a checkout, and this is none"
bars = pytest.importorskip("benchmarks._bars", reason=WHY)
race = pytest.importorskip("benchmarks._race", reason=WHY)
report = pytest.importorskip("benchmarks._report", reason=WHY)
scenario = pytest.importorskip("benchmarks._scenario", reason=WHY)


def result(**figures: float) -> object:
    """Of a race of two."""
    ours = race.Row("ours", "ours", seconds=[2.0, 1.0, 3.0], ratios=[1.0] * 3, told={"MiB": [4.0]})
    theirs = race.Row("theirs", seconds=[4.0], ratios=[2.0])
    columns = (scenario.WALL, scenario.RATIO, scenario.Column("KiB", "MiB", 0, 1024))
    return scenario.Result("a race", columns, [ours, theirs], figures, ["A note."], "a profile")


def test_a_figure_is_held_against_its_bar() -> None:
    """A bar is met, not met, or not judged: after a quick pass, or where nothing was measured."""
    results = {"memory": result(**{"peak MiB": 63.9}), "startup": result(**{"over aiohttp": 40.6})}
    asked = [*results, "member", "kills"]
    memory, *members, startup, kills = bars.bars(results, asked, ["kills"], quick=False)
    assert (memory.figure, memory.met) == ("64 MiB", True)
    assert (startup.figure, startup.met) == ("41 ms", False)
    assert (kills.figure, kills.met) == ("failed", False)
    assert {(bar.figure, bar.met) for bar in members} == {("not measured", None)}
    assert {bar.met for bar in bars.bars(results, results, [], quick=True)} == {None}


def test_a_figure_is_rounded_to_the_worse() -> None:
    """What is shown is never better than what was measured."""
    result_of_large = {"large": result(curl=0.9999, openssl=1.4, sha256sum=3.001, githubkit=5)}
    curl, openssl, sha256sum, _ = bars.bars(result_of_large, result_of_large, [], quick=False)
    assert (curl.figure, curl.met) == ("0.99 × ours", False)
    assert (openssl.figure, openssl.met) == ("1.40 × ours", True)
    assert sha256sum.figure == "3.00 × ours"


def test_tables_are_read_in_a_terminal_too() -> None:
    """A table has medians with their range, in its own units, and blanks for what is not known."""
    assert report.result_text(result()).splitlines() == [
        "|        |                s | × ours |   KiB |",
        "| :----- | ---------------: | -----: | ----: |",
        "| ours   | 2.00 (1.00–3.00) |   1.00 | 4,096 |",
        "| theirs |             4.00 |   2.00 |       |",
        "",
        "A note.",
    ]


def test_a_missed_bar_comes_with_its_profile() -> None:
    """The profile of a scenario is shown where one of its bars is not met, and only there."""
    results = {"memory": result(**{"peak MiB": 90}), "startup": result(**{"over aiohttp": 4})}
    found = list(bars.bars(results, results, [], quick=False))
    text = "\n\n".join(report.whole({"date": "today"}, results, found, ["theirs: not here"]))
    assert text.count("a profile") == 1
    assert text.index("## memory") < text.index("a profile") < text.index("## startup")
    assert text.endswith("## Skipped\n\n- theirs: not here")


def test_a_full_run_writes_its_page_and_the_readmes_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run writes takes the place of what the run before wrote, and of nothing else."""
    readme = tmp_path / "README.md"
    begin, end = "<!-- python -m benchmarks writes from here -->", "<!-- to here -->"
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(report, "README", readme)
    results = {"memory": result(**{"peak MiB": 50})}
    found = list(bars.bars(results, results, [], quick=False))
    machine = {"date": "today", "machine": "small", "Python": "new"}
    for _ in range(2):
        report.write("the text", found, machine)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{begin}\n| what")
    assert text.endswith(f"today, small, new.\n{end}\nafter\n")
    assert "50 MiB | met |" in text
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8").endswith("the text\n")


def test_the_readme_shows_what_the_last_run_wrote() -> None:
    """The README's table of performance is the one of the results, to the letter."""
    text = report.README.read_text(encoding="utf-8")
    inside = text.split("writes from here -->\n")[1].split("<!-- to here")[0]
    table = inside.split("\n\n")[0]
    assert table.count("\n") > 10
    assert table in report.RESULTS.read_text(encoding="utf-8")
