"""The ``download`` command: its files, its output and its exit status."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from ghartifacts_async import Artifact
from ghartifacts_async.cli import show
from ghartifacts_async.testing import FakeGitHub
from tests.cli.support import TIMEOUT, end, run, start
from tests.support import REPOSITORY, files_below, published_below, raw_server


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A directory that does not exist yet."""
    return tmp_path / "out"


async def test_a_single_artifact_is_stored_directly_in_the_output_directory(
    fake_github: FakeGitHub, output: Path
) -> None:
    """A single artifact is stored in the output directory itself and reported as verified."""
    added = fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    fake_github.add_artifact(REPOSITORY, "other", {"a": b"b"})
    done = await run(fake_github, "download", REPOSITORY, "--name", "dist", "-o", output)
    assert files_below(output) == ["dist.zip"]
    assert (output / "dist.zip").read_bytes() == added.path.read_bytes()
    assert f"{added.digest}  verified" in done.out
    assert f"1 of 1 artifacts are in {output}" in done.out
    assert (done.status, done.err) == (0, "")


async def test_several_artifacts_get_a_directory_each(
    fake_github: FakeGitHub, output: Path
) -> None:
    """Each of several artifacts gets a directory with its name. A raw payload keeps its name."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"b"})
    fake_github.add_artifact(REPOSITORY, "report", b"{}", raw="report.json")
    done = await run(fake_github, "download", REPOSITORY, "-o", output)
    assert files_below(output) == ["dist/dist.zip", "report/report.json"]
    assert done.status == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("dist", "dist"), ["dist-1/dist.zip", "dist-2/dist.zip"]),
        (("Dist", "dist"), ["Dist-1/Dist.zip", "dist-2/dist.zip"]),
        (("\u00e9", "e\u0301"), ["\u00e9-1/\u00e9.zip", "\u00e9-2/\u00e9.zip"]),
    ],
)
async def test_colliding_names_get_the_id_appended(
    fake_github: FakeGitHub, output: Path, names: tuple[str, str], expected: list[str]
) -> None:
    """Artifacts whose names collide, on any file system, get directories with ids."""
    for name in names:
        fake_github.add_artifact(REPOSITORY, name, {"a": name})
    done = await run(fake_github, "download", REPOSITORY, "-o", output)
    assert files_below(output) == expected
    assert done.status == 0


async def test_run_selects_the_artifacts_of_a_workflow_run(
    fake_github: FakeGitHub, output: Path
) -> None:
    """`--run` downloads only the artifacts of that workflow run."""
    for run_id in (7, 8):
        fake_github.add_artifact(REPOSITORY, f"of-{run_id}", b"x", run_id=run_id)
    done = await run(fake_github, "download", REPOSITORY, "--run", "8", "-o", output, "--json")
    (line,) = done.lines()
    assert (line["path"], line["verified"]) == (str(output / "of-8.zip"), True)
    assert files_below(output) == ["of-8.zip"]


@pytest.mark.parametrize("more", [[], ["--json"]])
async def test_no_matching_artifact_is_an_error(
    fake_github: FakeGitHub, output: Path, more: list[str]
) -> None:
    """If no artifact has the name, the command exits with 1 and creates no files."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "download", REPOSITORY, "--name", "dits", "-o", output, *more)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"error: {REPOSITORY} has no artifact named 'dits'\n"
    assert not output.exists()


async def test_expired_artifacts_are_skipped(fake_github: FakeGitHub, output: Path) -> None:
    """Expired artifacts are reported as skipped and not requested; the others are downloaded."""
    fake_github.add_artifact(REPOSITORY, "old", b"x", expired=True)
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    done = await run(fake_github, "download", REPOSITORY, "-o", output)
    assert files_below(output) == ["dist.zip"]
    assert "old: skipped: expired" in done.out
    assert "1 of 2 artifacts" in done.out
    assert (done.status, done.err) == (0, "")
    done = await run(fake_github, "download", REPOSITORY, "-o", output, "--json")
    kept, skipped = done.lines()
    assert kept["artifact"]["name"] == "dist"
    assert (skipped["artifact"]["name"], skipped["skipped"]) == ("old", "expired")
    assert not [request for request in fake_github.requests if request.status == 410]


@pytest.mark.parametrize("more", [[], ["--json"]])
async def test_only_expired_artifacts_is_an_error(
    fake_github: FakeGitHub, output: Path, more: list[str]
) -> None:
    """If every artifact has expired, the command exits with 1 and an error message."""
    for name in ("old", "older"):
        fake_github.add_artifact(REPOSITORY, name, b"x", expired=True)
    done = await run(fake_github, "download", REPOSITORY, "-o", output, *more)
    assert (done.status, done.out.count("expired\n" if not more else "skipped")) == (1, 2)
    assert done.err == "error: nothing to download: all 2 artifacts have expired\n"
    assert not output.exists()


async def test_an_artifact_that_expires_after_the_listing_is_skipped(
    fake_github: FakeGitHub, output: Path
) -> None:
    """An artifact that expires after it was listed is reported as skipped."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    fake_github.fail_next(410, path="/zip$")
    done = await run(fake_github, "download", REPOSITORY, "-o", output)
    assert "dist: skipped: expired" in done.out
    assert done.status == 1


async def test_a_failed_download_does_not_stop_the_others(
    fake_github: FakeGitHub, output: Path
) -> None:
    """If a download fails, the others finish, its escaped name is printed, and the status is 1."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    fake_github.add_artifact(REPOSITORY, "\x1b[2Jbad", b"x", digest=f"sha256:{'0' * 64}")
    done = await run(fake_github, "download", REPOSITORY, "-o", output)
    assert files_below(output) == ["dist/dist.zip"]
    assert "✗ \\x1b[2Jbad: " in done.out
    assert "\x1b" not in done.out + done.err
    assert done.status == 1
    done = await run(fake_github, "download", REPOSITORY, "-o", output, "--json")
    bad, _ = done.lines()
    assert bad["error"].startswith("artifact 2: GitHub records")
    assert done.status == 1


async def test_progress_bars_are_drawn_on_a_terminal_only(
    fake_github: FakeGitHub, output: Path
) -> None:
    """Progress bars go to standard error if it is a terminal, and are never drawn with `--json`."""
    fake_github.add_artifact(REPOSITORY, "\x07[red]{dist}", b"x")
    arguments = ("download", REPOSITORY, "-o", output)
    done = await run(fake_github, *arguments, FORCE_COLOR="1", TERM="xterm")
    assert "\\x07[red]{dist}" in done.err
    assert "\x07" not in done.out + done.err
    assert "━" in done.err
    assert "━" not in done.out
    assert done.out.count("\n") == 2
    done = await run(fake_github, *arguments, "--json", FORCE_COLOR="1", TERM="xterm")
    assert (len(done.lines()), done.err) == (1, "")


def test_finished_bars_disappear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only running downloads have a progress bar."""
    terminal = io.StringIO()
    monkeypatch.setattr(show, "errors", Console(file=terminal, force_terminal=True, width=80))
    with show.bars() as bars:
        for number in range(20):
            artifact = Artifact(number, "", f"number-{number}", 1, "", "", expired=False)
            bars.begin(artifact)
            bars.end(artifact)
        before = len(terminal.getvalue())
        bars.begin(Artifact(20, "", "number-20", 1, "", "", expired=False))
    assert "number-20" in terminal.getvalue()[before:]
    assert "number-1 " not in terminal.getvalue()[before:]


@pytest.fixture
def _sigint_reaches_children() -> Iterator[None]:
    """Let child processes react to SIGINT, even if the tests run as a shell's background job."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
@pytest.mark.usefixtures("_sigint_reaches_children")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_publishes_nothing(
    fake_github: FakeGitHub, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """After SIGINT or SIGTERM the command prints nothing and leaves no file under a final name."""

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: 9000000\r\n\r\n"
        )
        writer.write(head + b"x" * 3_000_000)
        await reader.read()

    def written() -> int:
        return sum((tmp_path / name).stat().st_size for name in files_below(tmp_path))

    async with raw_server(stall) as url, asyncio.timeout(TIMEOUT):
        for name in ("dist", "other"):
            fake_github.add_artifact(REPOSITORY, name, bytes(9_000_000), location=url)
        process = await start(fake_github, "download", REPOSITORY, "-o", tmp_path)
        while not written():
            assert process.returncode is None
            await asyncio.sleep(0.01)
        process.send_signal(number)
        done = await end(process)
    assert (done.status, done.out, done.err) == (status, "", "")
    assert published_below(tmp_path) == []
