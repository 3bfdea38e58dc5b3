"""Reading and extracting archives of other programs, with the options of the public methods."""

from __future__ import annotations

import json
import os
import struct
import sys
import zlib
from pathlib import Path

import pytest

from ghartifacts_async import (
    ArchiveLimitExceeded,
    ArchiveLimits,
    DamagedArchive,
    InvalidArgument,
    MemberNotFound,
    Progress,
    Repo,
    UnsafeMember,
)
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import Extract, add_artifact, file_contents, list_tree, read_files
from tests.archive.zip_writer import STORED, ZipMember, build_zip

NAME = "übung.txt"
CYRILLIC = "файл.txt"


async def test_names_of_other_programs(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Names are those that the uploader saw, for the archives of each kind of program."""
    raw = NAME.encode()
    data = struct.pack("<BI", 1, zlib.crc32(raw)) + raw
    field = {"extra": struct.pack("<2H", 0x7075, len(data)) + data}
    for number, member in enumerate(
        [
            ZipMember(raw, b"x"),
            ZipMember(raw, b"x", central={"system": 19}),
            ZipMember(raw, b"x", local=field, central={"system": 0, **field}),
            ZipMember(NAME, b"x", local=field, central=field),
        ]
    ):
        artifact = await add_artifact(fake_github, repo, build_zip(member))
        await extract(artifact.id, tmp_path / f"{number}")
        assert read_files(tmp_path / f"{number}") == {NAME: b"x"}
        assert await repo.read_member(artifact, NAME) == b"x"


async def test_encodings(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """`encoding` gives the encoding of names that the archive does not specify."""
    member = ZipMember(CYRILLIC.encode("cp866"), b"x", central={"system": 0})
    artifact = await add_artifact(fake_github, repo, build_zip(member))
    async with repo.open_artifact(artifact, encoding="cp866") as archive:
        assert archive.names() == [CYRILLIC]
        assert await archive.read(CYRILLIC) == b"x"
    await repo.extract_artifact(artifact, tmp_path / "out", encoding="cp866")
    assert read_files(tmp_path / "out") == {CYRILLIC: b"x"}
    assert await repo.read_member(artifact, CYRILLIC, encoding="cp866") == b"x"
    requests = len(fake_github.requests)
    for call in (
        repo.extract_artifact(artifact, tmp_path / "no", encoding="nonsense"),
        repo.read_member(artifact, CYRILLIC, encoding="nonsense"),
    ):
        with pytest.raises(InvalidArgument, match="encoding must be"):
            await call
    assert len(fake_github.requests) == requests


async def test_harmless_spellings(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Archives of bsdtar, Dropbox and ``zip -`` are extracted, also with padding."""
    archive_bytes = build_zip(
        ZipMember("./"),
        ZipMember("/"),
        ZipMember("./a.txt", b"x"),
        ZipMember("d//b.txt", b"y"),
        ZipMember("-", b"z", mode=0o010600),
    )
    await add_artifact(fake_github, repo, archive_bytes + bytes(9999))
    files = await extract(1, tmp_path / "out")
    out = tmp_path / "out"
    assert files == [out / "a.txt", out / "d" / "b.txt", out / "-"]
    assert read_files(out) == {"a.txt": b"x", "d/b.txt": b"y", "-": b"z"}
    await extract(1, tmp_path / "few", members="d/*")
    assert read_files(tmp_path / "few") == {"d/b.txt": b"y"}


async def test_a_second_archive_before_the_first(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """A program in front of an archive is ignored, and another archive there is refused."""
    shown = build_zip(ZipMember("a", b"x" * 200_000, STORED))
    await add_artifact(fake_github, repo, b"#!/bin/sh\nexit\n" + shown)
    await extract(1, tmp_path / "out")
    assert read_files(tmp_path / "out") == {"a": b"x" * 200_000}
    other = await add_artifact(fake_github, repo, build_zip(ZipMember("hidden", b"y")) + shown)
    with pytest.raises(DamagedArchive, match="another archive precedes it"):
        await extract(other.id, tmp_path / "no")


@pytest.mark.skipif(sys.platform == "win32", reason="creating links needs a privilege on Windows")
async def test_symbolic_links(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Links are refused, skipped, or created if they stay within the directory."""
    archive_bytes = build_zip(
        ZipMember("bin/tool", b"../lib/tool", mode=0o120777),
        ZipMember("current", b"lib", STORED, mode=0o120755),
        ZipMember("lib/tool", b"#!", mode=0o100755),
    )
    await add_artifact(fake_github, repo, archive_bytes)
    with pytest.raises(UnsafeMember, match=r"'bin/tool' is a symbolic link; pass symlinks='skip'"):
        await extract(1, tmp_path / "no")
    assert await extract(1, tmp_path / "skip", symlinks="skip") == [
        tmp_path / "skip" / "lib" / "tool"
    ]
    out = tmp_path / "inside"
    assert await extract(1, out, symlinks="inside") == [
        out / "bin" / "tool",
        out / "current",
        out / "lib" / "tool",
    ]
    assert os.readlink(out / "bin" / "tool") == "../lib/tool"  # noqa: PTH115 - the recorded text
    assert os.readlink(out / "current") == "lib"  # noqa: PTH115
    assert (out / "current" / "tool").read_bytes() == (out / "bin" / "tool").read_bytes() == b"#!"
    await extract(1, tmp_path / "stripped", symlinks="inside", strip=1, members="lib/*")
    assert list_tree(tmp_path / "stripped") == ["tool"]
    evil = build_zip(ZipMember("a", b"x"), ZipMember("l", b"../x", mode=0o120777))
    artifact = await add_artifact(fake_github, repo, evil)
    with pytest.raises(UnsafeMember, match="may lead out of the directory"):
        await extract(artifact.id, tmp_path / "evil", symlinks="inside")
    assert not (tmp_path / "evil").exists()


async def test_backslashes_and_collisions(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Backslashes can be separators, and one of two names that differ in case can be renamed."""
    archive_bytes = build_zip(
        ZipMember("d\\a.txt", b"x"), ZipMember("README", b"1"), ZipMember("readme", b"2")
    )
    await add_artifact(fake_github, repo, archive_bytes)
    with pytest.raises(UnsafeMember, match="backslashes='separator'"):
        await extract(1, tmp_path / "no")
    with pytest.raises(UnsafeMember, match="on_collision='rename'"):
        await extract(1, tmp_path / "no", backslashes="separator")
    await extract(1, tmp_path / "out", backslashes="separator", on_collision="rename")
    assert read_files(tmp_path / "out") == {"d/a.txt": b"x", "README": b"1", "readme~2": b"2"}
    for options in ({"symlinks": "follow"}, {"backslashes": "/"}, {"on_collision": "replace"}):
        with pytest.raises(InvalidArgument, match=f"{next(iter(options))} must be 'error' or"):
            await extract(1, tmp_path / "no", **options)


async def test_the_ratio_names_its_argument(
    extract: Extract, repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """The error for an archive of zeros names the argument that allows it."""
    await add_artifact(fake_github, repo, build_zip(ZipMember("zeros", bytes(2**26 + 1))))
    with pytest.raises(ArchiveLimitExceeded, match=r"pass limits=ArchiveLimits\(max_ratio="):
        await extract(1, tmp_path / "out")
    await extract(1, tmp_path / "out", limits=ArchiveLimits(max_ratio=2000))
    assert (tmp_path / "out" / "zeros").stat().st_size == 2**26 + 1


async def test_reading_text_and_json(repo: Repo, fake_github: FakeGitHub) -> None:
    """Members can be read as text and as JSON, and found by glob patterns."""
    files: dict[str, bytes | str] = {
        "report.json": '{"passed": 3}',
        "a/b/junit.xml": "<xml/>",
        "junit.xml": "<ü/>\r\n",
        "a/": "",
        "a/latin.txt": "ü".encode("latin-1"),
        ".hidden/x.xml": "",
        "long.json": "[" + ", ".join(["1"] * 100_000) + "]",
        "big.json": b"[",
        "deep.json": "[" * 50_000,
        "deeper.json": "[" * 100_000,
    }
    artifact = fake_github.add_artifact("octo-org/octo-docs", "dist", files)
    async with repo.open_artifact(artifact.id) as archive:
        assert await archive.read_json("report.json") == {"passed": 3}
        assert await archive.read_json("long.json") == [1] * 100_000
        assert await archive.read_text("junit.xml") == "<ü/>\r\n"
        assert await archive.read_text("a/latin.txt", encoding="latin-1") == "ü"
        with pytest.raises(UnicodeDecodeError) as caught:
            await archive.read_text("a/latin.txt")
        assert caught.value.__notes__ == [f"in member 'a/latin.txt' of artifact {artifact.id}"]
        with pytest.raises(ValueError, match="Expecting value"):
            await archive.read_json("big.json")
        for deep in ("deep.json", "deeper.json"):
            with pytest.raises(json.JSONDecodeError, match="nested too deeply") as refused:
                await archive.read_json(deep)
            assert refused.value.__notes__ == [f"in member '{deep}' of artifact {artifact.id}"]
        with pytest.raises(ArchiveLimitExceeded):
            await archive.read_json("report.json", max_size=3)
        with pytest.raises(MemberNotFound):
            await archive.read_text("Report.json")
        with pytest.raises(InvalidArgument):
            await archive.read_text("report.json", encoding="nonsense")
        assert archive.glob("**/*.xml") == ["a/b/junit.xml", "junit.xml", ".hidden/x.xml"]
        assert archive.glob("*.xml") == ["junit.xml"]
        assert archive.glob("*/") == ["a/"]
        assert archive.glob("*.none") == []
        for bad in ("", "/a"):
            with pytest.raises(InvalidArgument, match="a pattern must be"):
                archive.glob(bad)
    assert await repo.read_member(artifact.id, "report.json") == b'{"passed": 3}'
    with pytest.raises(ArchiveLimitExceeded):
        await repo.read_member(artifact.id, "report.json", max_size=3)
    with pytest.raises(MemberNotFound):
        await repo.read_member(artifact.id, "none")


async def test_progress(repo: Repo, fake_github: FakeGitHub, tmp_path: Path) -> None:
    """`extract_artifact` reports the progress of the download."""
    artifact = await add_artifact(fake_github, repo)
    reports: list[Progress] = []
    await repo.extract_artifact(artifact, tmp_path / "out", on_progress=reports.append)
    assert read_files(tmp_path / "out") == file_contents()
    assert reports[-1].artifact == artifact
    assert reports[-1].received == reports[-1].total == artifact.size_in_bytes
