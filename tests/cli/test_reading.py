"""The commands ``ls``, ``cat`` and ``grep``, which read inside artifacts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.archive.zip_writer import ZipMember, build_zip
from tests.cli.support import Ended, run, run_in_terminal
from tests.support import REPOSITORY

LOG = "".join(f"line {number}\n" for number in range(1, 101))
HOSTILE = "\x1b[2Jevil\x07"


@pytest.fixture(autouse=True)
def artifacts(fake_github: FakeGitHub) -> None:
    """Two artifacts called `logs`, of which the second is newer, and a raw file."""
    fake_github.add_artifact(REPOSITORY, "logs", {"build.log": "old\n"})
    fake_github.add_artifact(
        REPOSITORY,
        "logs",
        {
            "build.log": LOG,
            "deep/er/test.log": "ok\nFAILED test_x\n",
            "data.bin": bytes(range(256)),
        },
    )
    fake_github.add_artifact(REPOSITORY, "report.json", b'{"passed": 3}', raw="report.json")


async def test_ls(fake_github: FakeGitHub) -> None:
    """`ls` lists the members of an artifact that is given by id, URL or name."""
    done = await run(fake_github, "ls", REPOSITORY, "logs")
    assert [row[:2] for row in done.rows()] == [
        ["build.log", str(len(LOG))],
        ["deep/er/test.log", "17"],
        ["data.bin", "256"],
    ]
    url = f"{fake_github.url}/{REPOSITORY}/actions/runs/1/artifacts/1"
    done = await run(fake_github, "ls", url, "--format", "{size} {name}")
    assert done.out == "4 build.log\n"
    done = await run(fake_github, "ls", REPOSITORY, "2", "-m", "**/*.log", "--json")
    assert [line["name"] for line in done.lines()] == ["build.log", "deep/er/test.log"]
    done = await run_in_terminal(fake_github, "ls", REPOSITORY, "2")
    assert done.out.split()[:3] == ["SIZE", "MODIFIED", "NAME"]
    done = await run(fake_github, "ls", REPOSITORY, "2", "-m", "*.xml")
    assert (done.status, done.out) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "expected", "note"),
    [
        (["build.log"], LOG, ""),
        (
            ["build.log", "--head", "2"],
            "line 1\nline 2\n",
            "build.log: 778 of 792 bytes left out\n",
        ),
        (["build.log", "--tail", "1"], "line 100\n", "build.log: 783 of 792 bytes left out\n"),
        (["build.log", "--tail", "500"], LOG, ""),
        (["build.log", "--max-bytes", "6"], "line 1", "build.log: 786 of 792 bytes left out\n"),
        (
            ["build.log", "--tail", "2", "--max-bytes", "4"],
            "100\n",
            "build.log: 788 of 792 bytes left out\n",
        ),
        (["build.log", "--head", "0"], "", "build.log: 792 of 792 bytes left out\n"),
        (["**/test.log", "build.log", "--head", "1"], "ok\nline 1\n", None),
        (
            ["build.log", "**/test.log", "--tail", "3"],
            "line 98\nline 99\nline 100\nok\nFAILED test_x\n",
            "build.log: 767 of 792 bytes left out\n",
        ),
    ],
)
async def test_cat(
    fake_github: FakeGitHub, arguments: list[str], expected: str, note: str | None
) -> None:
    """`cat` prints members, or their first or last part; what is left out is said on stderr."""
    done = await run(fake_github, "cat", REPOSITORY, "2", *arguments)
    assert (done.out, done.status) == (expected, 0)
    assert note is None or done.err == note


async def test_cat_is_binary_safe(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """In a pipe, `cat` writes the exact bytes; on a terminal, only safe ones."""
    target = tmp_path / "out"
    with target.open("wb") as file:
        from tests.cli.support import end, start

        await end(await start(fake_github, "cat", REPOSITORY, "2", "data.bin", out=file.fileno()))
    assert target.read_bytes() == bytes(range(256))
    fake_github.add_artifact(REPOSITORY, "evil", {HOSTILE: "a\x1b[31mred\x1b[0m\x1b[2J\x9b1m\r\n"})
    done = await run_in_terminal(fake_github, "cat", REPOSITORY, "evil")
    assert done.out == "a\x1b[31mred\x1b[0m\\x1b[2J\\x9b1m\n\x1b[0m"
    fake_github.add_artifact(REPOSITORY, "hiding", {"a": "shown\x1b[8m"})
    done = await run_in_terminal(fake_github, "cat", REPOSITORY, "hiding")
    assert done.out == "shown\x1b[8m\x1b[0m"


async def test_cat_as_json(fake_github: FakeGitHub) -> None:
    """`cat --json` prints an object for each member, with its size and the selected part."""
    done = await run(fake_github, "cat", REPOSITORY, "2", "*.log", "data.bin", "--head=1", "--json")
    log, data = done.lines()
    assert log == {"artifact": 2, "member": "build.log", "size": len(LOG), "text": "line 1\n"}
    assert data["text"] == bytes(range(11)).decode()
    assert "data.bin: 245 of 256 bytes left out" in done.err
    done = await run(fake_github, "cat", REPOSITORY, "2", "data.bin", "--json")
    assert done.lines()[0]["text"].endswith("\\xfe\\xff")


async def test_cat_without_a_member(fake_github: FakeGitHub) -> None:
    """`cat` needs no member if there is only one file, and names some of them otherwise."""
    assert (await run(fake_github, "cat", REPOSITORY, "1")).out == "old\n"
    assert (await run(fake_github, "cat", REPOSITORY, "report.json")).out == '{"passed": 3}'
    done = await run(fake_github, "cat", REPOSITORY, "logs")
    assert done.status == 2
    assert "'build.log', 'deep/er/test.log', 'data.bin'" in done.err
    done = await run(fake_github, "cat", REPOSITORY, "logs", "build.lgo")
    assert done.status == 3
    assert "build.log" in done.err
    for name in ("report.json", "*.json"):
        assert (await run(fake_github, "cat", REPOSITORY, "3", name)).out == '{"passed": 3}'
    done = await run(fake_github, "cat", REPOSITORY, "3", "x")
    assert done.status == 2
    done = await run(fake_github, "ls", REPOSITORY, "3")
    assert (done.status, "use 'ghartifacts download'" in done.err) == (1, True)


async def test_cat_reads_only_the_member(fake_github: FakeGitHub) -> None:
    """`cat` does not download the rest of the artifact."""
    big = fake_github.add_artifact(
        REPOSITORY, "big", {"big.bin": os.urandom(5_000_000), "small.txt": "hello"}
    )
    done = await run(fake_github, "cat", REPOSITORY, str(big.id), "small.txt")
    assert done.out == "hello"
    assert sum(request.bytes_sent or 0 for request in fake_github.requests_to("blob")) < 500_000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["FAILED", "logs"], "deep/er/test.log:2:FAILED test_x\n"),
        (["-i", "failed|^OK$", "2"], "deep/er/test.log:1:ok\ndeep/er/test.log:2:FAILED test_x\n"),
        (
            ["-F", "line 10", "logs", "-m", "*.log"],
            "build.log:10:line 10\nbuild.log:100:line 100\n",
        ),
        (["-l", "l", "1", "2", "-m", "*.log"], "logs/build.log\nlogs/build.log\n"),
        (["passed", "report.json"], 'report.json:1:{"passed": 3}\n'),
        (["passed", "report.json", "-m", "**/*.json"], 'report.json:1:{"passed": 3}\n'),
        (["passed", "report.json", "-m", "*.xml"], ""),
        (["nowhere", "logs"], ""),
    ],
)
async def test_grep(fake_github: FakeGitHub, arguments: list[str], expected: str) -> None:
    """`grep` prints the member, number and text of each matching line; status 3 if none does."""
    pattern, *rest = [one for one in arguments if not one.startswith("-") or one == "-m"]
    options = [one for one in arguments if one in {"-i", "-F", "-l"}]
    done = await run(fake_github, "grep", *options, pattern, REPOSITORY, *rest)
    assert (done.out, done.status) == (expected, 0 if expected else 3), done.err


async def test_the_url_of_a_run(fake_github: FakeGitHub) -> None:
    """`ls`, `cat` and `grep` take the URL of a run in place of `--run`."""
    run_id = fake_github.add_run(REPOSITORY).id
    fake_github.add_artifact(REPOSITORY, "logs", {"a": "in the run\n"}, run_id=run_id)
    fake_github.add_artifact(REPOSITORY, "logs", {"b": "newer\n"})
    url = f"{fake_github.url}/{REPOSITORY}/actions/runs/{run_id}"
    assert (await run(fake_github, "ls", url, "logs", "--format", "{name}")).out == "a\n"
    assert (await run(fake_github, "cat", f"{url}/attempts/1", "logs")).out == "in the run\n"
    assert (await run(fake_github, "grep", "the", url)).out == "a:1:in the run\n"
    done = await run(fake_github, "ls", url)
    assert (done.status, done.err) == (2, "error: pass one artifact: its id, URL or name\n")


async def test_grep_quietly(fake_github: FakeGitHub) -> None:
    """`grep -q` prints nothing; its status says whether a line matches."""
    for pattern, status in (("FAILED", 0), ("nowhere", 3)):
        done = await run(fake_github, "grep", "-q", pattern, REPOSITORY, "logs")
        assert done == Ended(status, "", "")


async def test_grep_binary_data(fake_github: FakeGitHub) -> None:
    """Of binary data, `grep` only says that it matches, and `--json` prints each matching line."""
    fake_github.add_artifact(REPOSITORY, "ci", {"a": b"x\n\0x\nx\n", "b": b"x\n"})
    done = await run(fake_github, "grep", "x", REPOSITORY, "ci")
    assert done.out == "a:1:x\na: binary data matches\nb:1:x\n"
    done = await run(fake_github, "grep", "x", REPOSITORY, "ci", "--json")
    assert [line["text"] for line in done.lines()] == ["x", "\0x", "x", "x"]


async def test_grep_does_not_invert(fake_github: FakeGitHub) -> None:
    """`grep -v` says that it logs events, and does not select the lines that do not match."""
    done = await run(fake_github, "grep", "-v", "FAILED", REPOSITORY, "logs")
    assert done.out == "deep/er/test.log:2:FAILED test_x\n"
    assert "does not select the lines that do not match" in done.err


async def test_an_artifact_whose_name_is_digits(fake_github: FakeGitHub) -> None:
    """`ls`, `cat` and `grep` take digits as a name if no artifact has this id."""
    fake_github.add_artifact(REPOSITORY, "2026", {"a": "named\n"}, id=77)
    fake_github.add_artifact(REPOSITORY, "77", {"b": "other\n"})
    assert (await run(fake_github, "cat", REPOSITORY, "2026")).out == "named\n"
    assert (await run(fake_github, "ls", REPOSITORY, "2026", "--format", "{name}")).out == "a\n"
    assert (await run(fake_github, "grep", "name", REPOSITORY, "2026")).out == "a:1:named\n"
    assert (await run(fake_github, "cat", REPOSITORY, "77")).out == "named\n"


async def test_cat_of_an_empty_archive(fake_github: FakeGitHub) -> None:
    """If an archive has no file, `cat` exits with 3, because nothing was found."""
    fake_github.add_artifact(REPOSITORY, "empty", {})
    for members, reason in ([], "the artifact has no files"), (["a"], "no member 'a'"):
        done = await run(fake_github, "cat", REPOSITORY, "empty", *members)
        assert (done.status, done.out, reason in done.err) == (3, "", True), done.err


async def test_grep_a_run(fake_github: FakeGitHub) -> None:
    """Without artifacts, `grep` searches all of a run, and prints JSON with the id and line."""
    run_id = fake_github.add_run(REPOSITORY).id
    for number in range(2):
        fake_github.add_artifact(
            REPOSITORY, f"part-{number}", {"a": f"x\nERROR {number}\n"}, run_id=run_id
        )
    fake_github.add_artifact(REPOSITORY, "gone", {"a": "ERROR"}, run_id=run_id, expired=True)
    done = await run(fake_github, "grep", "ERROR", REPOSITORY, "--run", str(run_id))
    assert sorted(done.out.splitlines()) == ["part-0/a:2:ERROR 0", "part-1/a:2:ERROR 1"]
    done = await run(fake_github, "grep", "ERROR 1", REPOSITORY, "--run", str(run_id), "--json")
    (match,) = done.lines()
    assert (match["member"], match["line"], match["text"]) == ("a", 2, "ERROR 1")


async def test_grep_lines_with_tabs_and_colours(fake_github: FakeGitHub) -> None:
    """`grep` keeps tabs, and colours only on a terminal without NO_COLOR; the rest is escaped."""
    line = "\tname\x1b[31m\tFAILED\x1b[0m \x1b[2J\x07"
    fake_github.add_artifact(REPOSITORY, "ci", {"a.log": f"{line}\r\n"})
    plain, coloured = line.replace("\x1b[31m", "").replace("\x1b[0m", ""), f"{line}\x1b[0m"
    for more, expected in (([], coloured), (["--no-color"], plain)):
        done = await run_in_terminal(fake_github, "grep", "FAILED", REPOSITORY, "ci", *more)
        escaped = expected.replace("\x1b[2J\x07", "\\x1b[2J\\x07")
        assert done.out == f"a.log:1:{escaped}\n"
    done = await run(fake_github, "grep", "FAILED", REPOSITORY, "ci")
    assert done.out == "a.log:1:\tname\tFAILED \\x1b[2J\\x07\n"
    done = await run(fake_github, "grep", "FAILED", REPOSITORY, "ci", "--json")
    assert done.lines()[0]["text"] == line


@pytest.mark.parametrize("variable", ["1", ""])
async def test_cat_without_colours(fake_github: FakeGitHub, variable: str) -> None:
    """`cat` leaves colours out on a terminal if NO_COLOR has a value, or with `--no-color`."""
    fake_github.add_artifact(REPOSITORY, "ci", {"a.log": "\x1b[31mred\x1b[0m\n"})
    arguments = ("cat", REPOSITORY, "ci")
    done = await run_in_terminal(fake_github, *arguments, NO_COLOR=variable)
    assert ("\x1b" in done.out) == (not variable)
    done = await run_in_terminal(fake_github, *arguments, "--no-color")
    assert done.out == "red\n"


async def test_what_is_not_found(fake_github: FakeGitHub) -> None:
    """If a pattern, a run or an id matches nothing, the status is 3 and a line says why."""
    empty = fake_github.add_run(REPOSITORY).id
    for arguments, reason in (
        (["ls", "2", "-m", "*.xml"], "no member matches"),
        (["grep", "x", "--run", str(empty)], f"run {empty} of {REPOSITORY} has no available"),
        (["ls", "99"], "use --run 99"),
    ):
        done = await run(fake_github, *arguments, "-R", REPOSITORY)
        assert (done.status, done.out, reason in done.err) == (3, "", True), done.err


async def test_a_single_file_is_no_archive(fake_github: FakeGitHub) -> None:
    """`ls` of a single file says that it is no archive, and which command reads it."""
    done = await run(fake_github, "ls", REPOSITORY, "report.json")
    assert done.status == 1
    assert "is not a complete zip archive" in done.err
    assert "use 'ghartifacts download'" in done.err


async def test_a_damaged_archive_is_no_single_file(fake_github: FakeGitHub) -> None:
    """An archive that was cut off is an error, and not a file in which nothing was found."""
    whole = build_zip(ZipMember("a", os.urandom(5000)))
    fake_github.add_artifact(REPOSITORY, "broken", whole[:-50])
    for arguments in (
        ["grep", "--quiet", "x", "broken"],
        ["cat", "broken"],
        ["cat", "broken", "a"],
    ):
        done = await run(fake_github, *arguments, "-R", REPOSITORY)
        assert (done.status, done.out) == (1, "")
        assert "is not a complete zip archive" in done.err


async def test_members_of_any_ratio_are_read(fake_github: FakeGitHub) -> None:
    """`cat` and `grep` read members that `extract` refuses, because nothing is kept."""
    fake_github.add_artifact(REPOSITORY, "zeros", {"a": bytes(70_000_000) + b"end\n"})
    done = await run(fake_github, "cat", "zeros", "a", "--max-bytes", "4", "-R", REPOSITORY)
    assert (done.status, done.out) == (0, "\0\0\0\0")
    done = await run(fake_github, "grep", "--quiet", "absent", "zeros", "-R", REPOSITORY)
    assert done.status == 3
