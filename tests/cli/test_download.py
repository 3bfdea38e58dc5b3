"""The ``download``, ``extract`` and ``mirror`` commands: files, output and exit status."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.cli.support import TIMEOUT, end, run, run_in_terminal, start
from tests.support import REPOSITORY, files_below, published_below, raw_server


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A directory that does not exist yet."""
    return tmp_path / "out"


async def test_the_layout_does_not_depend_on_the_number(
    fake_github: FakeGitHub, output: Path
) -> None:
    """Each artifact becomes `DIR/<name>.zip`, and a repeated name gets the id appended."""
    added = fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    done = await run(fake_github, "download", REPOSITORY, "--name", "dist", "-D", output)
    assert (output / "dist.zip").read_bytes() == added.path.read_bytes()
    assert f"{added.digest}  verified" in done.out
    assert done.err == f"1 of 1 artifact in {output}\n"
    assert done.status == 0
    fake_github.add_artifact(REPOSITORY, "report.json", b"{}", raw="report.json")
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"c"})
    await run(fake_github, "download", REPOSITORY, "--all", "-D", output)
    assert files_below(output) == ["dist-1.zip", "dist.zip", "report.json"]
    done = await run(
        fake_github, "download", REPOSITORY, "1", "-D", output, "--template", "{branch}/{name}"
    )
    assert "main/dist.zip" in files_below(output)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["2"], ["docs.zip"]),
        (["https://{host}/octo-org/octo-docs/actions/runs/{run}/artifacts/1"], ["dist.zip"]),
        (["https://{host}/octo-org/octo-docs/actions/runs/{run}"], ["dist.zip"]),
        (["--run", "{run}"], ["dist.zip"]),
        (["-n", "dist", "-n", "docs"], ["dist.zip", "docs.zip"]),
        (["-p", "do*"], ["docs.zip"]),
        (["-b", "main", "--concurrency", "1", "--connections", "1"], ["dist.zip", "docs.zip"]),
        (["--latest", "-n", "dist"], ["dist.zip"]),
    ],
)
async def test_what_is_downloaded(
    fake_github: FakeGitHub, output: Path, arguments: list[str], expected: list[str]
) -> None:
    """Ids, URLs from the browser, names, patterns, runs and filters select artifacts."""
    run_id = fake_github.add_artifact(REPOSITORY, "dist", b"x").run_id
    fake_github.add_artifact(REPOSITORY, "docs", b"x")
    host = fake_github.url.removeprefix("http://")
    given = [one.format(run=run_id, host=host) for one in arguments]
    done = await run(fake_github, "download", "-R", REPOSITORY, *given, "-D", output)
    assert (files_below(output), done.status) == (expected, 0), done.err


async def test_nothing_is_downloaded_without_a_selection(
    fake_github: FakeGitHub, output: Path
) -> None:
    """`download` alone asks what to download instead of fetching the whole repository."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "download", REPOSITORY, "-D", output)
    assert (done.status, done.out) == (2, "")
    assert "--all" in done.err
    done = await run(fake_github, "download", REPOSITORY, "dist", "-D", output)
    assert done.status == 2
    assert "--name" in done.err
    done = await run(fake_github, "download", REPOSITORY, "99", "-D", output)
    assert done.status == 3
    assert "if 99 is the id of a run, use --run 99" in done.err
    assert not output.exists()


async def test_an_artifact_that_is_given_twice(fake_github: FakeGitHub, output: Path) -> None:
    """An id that is repeated, also as a URL, is downloaded once."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    url = f"{fake_github.url}/{REPOSITORY}/suites/5/artifacts/1"
    done = await run(fake_github, "download", url, "1", "1", "-D", output)
    assert (files_below(output), done.status) == (["dist.zip"], 0), done.err
    assert done.err == f"1 of 1 artifact in {output}\n"


async def test_the_newest_of_given_ids_gets_the_name(fake_github: FakeGitHub, output: Path) -> None:
    """The newest artifact gets the plain name in every order of the ids, as with `--all`."""
    for content in (b"old", b"new"):
        fake_github.add_artifact(REPOSITORY, "dist", content)
    for arguments in (["1", "2"], ["2", "1"], ["--all"]):
        done = await run(fake_github, "download", REPOSITORY, *arguments, "-D", output)
        assert done.status == 0, done.err
        assert (output / "dist.zip").read_bytes() == b"new"
        assert files_below(output) == ["dist-1.zip", "dist.zip"]


async def test_mirror(fake_github: FakeGitHub, output: Path) -> None:
    """`mirror` downloads what is new to `DIR/OWNER/REPO`, and exits with 1 on a failure."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "mirror", REPOSITORY, output)
    assert done.out.startswith("1 downloaded, 0 linked, 0 existed already")
    assert f"{REPOSITORY}/dist-1.zip" in files_below(output)
    done = await run(fake_github, "mirror", REPOSITORY, "octo-org/none", output, "--json")
    (report,) = done.lines()
    assert (report["skipped"], list(report["unlisted"])) == (1, ["octo-org/none"])
    assert done.status == 1
    done = await run(fake_github, "mirror", output)
    assert done.status == 2


@pytest.mark.parametrize("more", [[], ["--json"]])
async def test_no_matching_artifact_is_status_3(
    fake_github: FakeGitHub, output: Path, more: list[str]
) -> None:
    """If no artifact has the name, the command exits with 3 and creates no files."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "download", REPOSITORY, "--name", "dits", "-D", output, *more)
    assert (done.status, done.out) == (3, "")
    assert done.err == "nothing to download: no artifact matches\n"
    assert not output.exists()


async def test_expired_artifacts_are_skipped(fake_github: FakeGitHub, output: Path) -> None:
    """Expired artifacts are reported as skipped and not requested; the others are downloaded."""
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "download", REPOSITORY, "--all", "-D", output)
    assert files_below(output) == ["dist.zip"]
    assert "old: skipped: expired" in done.out
    assert "1 of 2 artifacts in" in done.err
    assert done.status == 0
    done = await run(fake_github, "download", REPOSITORY, "--all", "-D", output, "--json")
    by_name = {line["artifact"]["name"]: line for line in done.lines()}
    assert by_name["old"]["skipped"] == "expired"
    assert by_name["dist"]["verified"]
    assert not [request for request in fake_github.requests if request.status == 410]
    done = await run(fake_github, "download", REPOSITORY, "-n", "old", "-D", output)
    assert (done.status, done.err) == (
        3,
        "nothing to download: artifact 1 (old) has expired\n",
    )


async def test_a_failed_download_does_not_stop_the_others(
    fake_github: FakeGitHub, output: Path
) -> None:
    """If a download fails, the others finish, standard error has its name, and the status is 1."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    fake_github.add_artifact(REPOSITORY, "\x1b[2Jbad", b"x", digest=f"sha256:{'0' * 64}")
    done = await run(fake_github, "download", REPOSITORY, "--all", "-D", output)
    assert published_below(output) == ["dist.zip"]
    assert "✗ \\x1b[2Jbad: " in done.err
    assert done.out.count("\n") == 1
    assert "\x1b" not in done.out + done.err
    assert done.status == 1
    done = await run(fake_github, "download", REPOSITORY, "--all", "-D", output, "--json")
    errors = [line["error"] for line in done.lines() if "error" in line]
    assert len(errors) == 1
    assert errors[0].startswith("artifact 2: GitHub records")
    assert done.status == 1


@pytest.mark.parametrize("columns", [30, 100])
async def test_progress_bars_are_drawn_on_a_terminal_only(
    fake_github: FakeGitHub, output: Path, columns: int
) -> None:
    """Bars show the running downloads and the total on a terminal, and then only results stay."""
    fake_github.add_artifact(REPOSITORY, "\x07[red]{dist}", os.urandom(4_000_000))
    arguments = ("download", REPOSITORY, "--all", "-D", output)
    done = await run_in_terminal(fake_github, *arguments, columns=columns)
    assert "━" in done.out
    assert "1/1" in done.out
    assert "\x07" not in done.out
    assert f"1 of 1 artifact in {output}" in done.out
    assert done.status == 0
    for more in (["-q"], ["--json", "-q"]):
        done = await run_in_terminal(fake_github, *arguments, *more)
        assert "━" not in done.out
    done = await run(fake_github, *arguments, FORCE_COLOR="1", TERM="xterm")
    assert "\x1b" not in done.out + done.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
@pytest.mark.usefixtures("_signals_reach_children")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_leaves_what_resumes(
    fake_github: FakeGitHub, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """After SIGINT or SIGTERM no file has its final name, and the same command resumes."""
    added = fake_github.add_artifact(REPOSITORY, "dist", os.urandom(9_000_000))
    stalls = True
    fake_github.fail_blobs_when(lambda _: BlobFault.stall(after=3_000_000) if stalls else None)

    def received() -> bool:
        files = [tmp_path / name for name in files_below(tmp_path)]
        return any(len(data := file.read_bytes()) > 10**6 and data.strip(b"\0") for file in files)

    arguments = ("download", REPOSITORY, "--all", "-D", tmp_path)
    async with asyncio.timeout(TIMEOUT):
        process = await start(fake_github, *arguments)
        while not received():
            assert process.returncode is None
            await asyncio.sleep(0.01)
        process.send_signal(number)
        done = await end(process)
    assert (done.status, done.out) == (status, "")
    assert done.err == "interrupted; the same command resumes\n"
    assert published_below(tmp_path) == []
    stalls = False
    before = len(fake_github.requests_to("blob"))
    done = await run(fake_github, *arguments)
    assert (published_below(tmp_path), done.status) == (["dist.zip"], 0)
    assert (tmp_path / "dist.zip").read_bytes() == added.path.read_bytes()
    assert "resumed after" in done.out
    sent = [request.bytes_sent or 0 for request in fake_github.requests_to("blob")[before:]]
    assert sum(sent) < 9_000_000


@pytest.mark.usefixtures("_signals_reach_children")
async def test_ctrl_c_on_a_terminal(fake_github: FakeGitHub, tmp_path: Path) -> None:
    """Ctrl-C removes the bars, which show names as they are, and the same command resumes."""

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
        while True:
            writer.write(bytes(1000))
            await writer.drain()
            await asyncio.sleep(0.1)

    async with raw_server(trickle) as url:
        fake_github.add_artifact(REPOSITORY, "[red]dist", bytes(9_000_000), location=url)
        arguments = ("download", REPOSITORY, "--all", "-D", tmp_path)
        done = await run_in_terminal(fake_github, *arguments, interrupt_at="[red]dist")
    assert done.status == 130
    assert done.out.endswith("interrupted; the same command resumes\n")
    assert published_below(tmp_path) == []
