"""The command ``extract``: layout, options for unusual archives, and what Ctrl-C leaves."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import stat
import zipfile
from pathlib import Path

import pytest

from ghartifacts_async.testing import BlobFault, FakeGitHub
from tests.cli.support import TIMEOUT, end, run, start
from tests.support import REPOSITORY, files_below, published_below


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A directory that does not exist yet."""
    return tmp_path / "out"


async def test_extract(fake_github: FakeGitHub, output: Path) -> None:
    """`extract` unpacks each artifact to `DIR/<name>/`, and with `--flat` to `DIR` itself."""
    for name in ("dist", "docs"):
        fake_github.add_artifact(REPOSITORY, name, {f"{name}.txt": name, "sub/a": "b" + name})
    done = await run(fake_github, "extract", REPOSITORY, "--all", "-D", output, "--json")
    assert files_below(output) == ["dist/dist.txt", "dist/sub/a", "docs/docs.txt", "docs/sub/a"]
    assert {line["directory"] for line in done.lines()} == {f"{output}/dist", f"{output}/docs"}
    done = await run(fake_github, "download", "-x", REPOSITORY, "-n", "dist", "-D", output)
    assert done.status == 1
    assert "✗ dist: " in done.err
    again = ("download", "-x", REPOSITORY, "-n", "dist", "-D", output, "--if-exists", "replace")
    done = await run(fake_github, *again)
    assert (done.status, done.out) == (0, f"✓ {output}/dist  2 files\n")
    flat = output / "flat"
    done = await run(fake_github, "extract", REPOSITORY, "1", "--flat", "-D", flat)
    assert (files_below(flat), done.status) == (["dist.txt", "sub/a"], 0)
    done = await run(fake_github, "extract", REPOSITORY, "1", "--flat", "-D", flat)
    assert (done.status, "remove it, or extract to another directory" in done.err) == (1, True)


def archive_of(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """Return a zip archive of members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    """Return the header of a symbolic link, as ``zip -y`` writes it."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("payload", "option", "files"),
    [
        (archive_of(("a", b"x"), (link("b"), b"a")), "--symlinks skip", ["a"]),
        (archive_of(("a", b"x"), (link("b"), b"a")), "--symlinks inside", ["a", "b"]),
        (archive_of(("sub\\a", b"x")), "--backslashes separator", ["sub/a"]),
        (archive_of(("a", b"x"), ("A", b"y")), "--on-collision rename", ["A~2", "a"]),
        (archive_of(("a", bytes(2**27))), "--max-ratio 2000", ["a"]),
    ],
)
async def test_unusual_archives(
    fake_github: FakeGitHub, output: Path, payload: bytes, option: str, files: list[str]
) -> None:
    """An archive that is refused is extracted with the option that the error names."""
    fake_github.add_artifact(REPOSITORY, "dist", payload)
    done = await run(fake_github, "extract", REPOSITORY, "1", "-D", output)
    assert done.status == 1
    assert f"pass {option.partition(' ')[0]} " in done.err
    assert not files_below(output)
    done = await run(fake_github, "extract", REPOSITORY, "1", "-D", output, *option.split())
    assert (files_below(output / "dist"), done.status) == (files, 0), done.out


async def test_latest_has_the_options_of_extract(fake_github: FakeGitHub, output: Path) -> None:
    """`latest -x` takes the same options for unusual archives as `extract`."""
    fake_github.add_artifact(REPOSITORY, "dist", archive_of(("sub\\a", b"x")))
    more = ["-x", "-D", str(output), "--backslashes", "separator"]
    done = await run(fake_github, "latest", REPOSITORY, "dist", *more)
    assert (files_below(output), done.status) == (["dist/sub/a"], 0), done.out


@pytest.mark.parametrize("option", ["--max-members 2", "--max-member-size 9", "--max-total-size 9"])
async def test_limits_of_archives(fake_github: FakeGitHub, output: Path, option: str) -> None:
    """Archives over a limit are refused, and the error names its option."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"x" * 10, "b": b"y", "c": b"z"})
    arguments = ["extract", REPOSITORY, "1", "-D", str(output), *option.split()]
    done = await run(fake_github, *arguments, "--json")
    assert done.status == 1
    assert option.partition(" ")[0] in done.lines()[0]["error"]


@pytest.mark.parametrize("command", [["ls"], ["cat"], ["grep", "x"]])
async def test_reading_an_archive_with_too_many_members(
    fake_github: FakeGitHub, command: list[str]
) -> None:
    """If an archive has too many members, the error names the option that allows them."""
    fake_github.add_artifact(REPOSITORY, "dist", {"a": b"x", "b/": b""})
    done = await run(fake_github, *command, REPOSITORY, "1", "--max-members", "1")
    assert (done.status, "raise --max-members to read it" in done.err) == (1, True)
    done = await run(fake_github, *command, REPOSITORY, "1", "--max-members", "2")
    assert done.status == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX signals")
@pytest.mark.usefixtures("_signals_reach_children")
@pytest.mark.parametrize("more", [[], ["--flat"]])
async def test_a_signal_during_an_extraction(
    fake_github: FakeGitHub, output: Path, more: list[str]
) -> None:
    """After Ctrl-C, artifacts are extracted completely or not at all, and a note says what to do.

    The command that the note names succeeds.
    """
    fake_github.add_artifact(REPOSITORY, "done", {"a": b"x"})
    fake_github.add_artifact(REPOSITORY, "slow", {"b": os.urandom(2_000_000)})
    stalls = True
    # The other artifact is smaller, so it does not stall.
    fake_github.fail_blobs_when(lambda _: BlobFault.stall(after=1_000_000) if stalls else None)
    arguments = ["extract", REPOSITORY, "--all", "-D", str(output), *more]
    published = output / ("a" if more else "done/a")
    async with asyncio.timeout(TIMEOUT):
        process = await start(fake_github, *arguments)
        while not published.exists():
            assert process.returncode is None
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        ended = await end(process)
    assert ended.status == 130
    stalls = False
    if more:
        assert ended.err.endswith("stay; repeat the command with an empty directory\n")
        arguments[4] = str(output / "other")
    else:
        assert ended.err.endswith("stay; repeat the command with --if-exists replace\n")
        assert published_below(output) == ["done/a"]
        arguments += ["--if-exists", "replace"]
    done = await run(fake_github, *arguments)
    assert (done.status, done.out.count("✓")) == (0, 2), done.out
