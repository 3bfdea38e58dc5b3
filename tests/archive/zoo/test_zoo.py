"""Archives by other programs are listed, read and extracted as unzip and bsdtar extract them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ghartifacts_async import Repo, UnsupportedMember
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import add_artifact
from tests.archive.zoo.layouts import layouts
from tests.archive.zoo.makers import (
    PROGRAMS,
    contents,
    extracted_by_bsdtar,
    extracted_by_unzip,
    make_source,
    missing,
)

OPTIONS: dict[str, dict[str, Any]] = {
    # Java 17 does not set the flag for UTF-8 in the entries of directories.
    "java-zipfs": {"encoding": "utf-8"},
    "powershell5": {"backslashes": "separator"},
}
"""Options that an archive needs to be extracted."""

UNSUPPORTED = {"7z-deflate64": "Deflate64"}
NOT_FOR_UNZIP = {
    "7z-lzma": "has no LZMA",
    "python-lzma": "has no LZMA",
    "dropbox": "converts UTF-8 names of members that have no mode",
    "winrar": "converts UTF-8 names of members that have no mode",
    **dict.fromkeys(
        ("java-deflated", "java-stored", "java-jar", "java-jar-stored", "java-zipfs"),
        "converts UTF-8 names of archives by MS-DOS",
    ),
}
NOT_FOR_BSDTAR = {"powershell5": "keeps backslashes"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a directory that the programs archive."""
    directory = tmp_path_factory.mktemp("source")
    make_source(directory)
    yield directory
    shutil.rmtree(directory)


def skip(reason: str) -> None:
    """Skip the test, or fail if the environment variable REQUIRE_ZOO is set."""
    if reason and "REQUIRE_ZOO" in os.environ:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def expected(archive: Path, directory: Path) -> dict[str, bytes]:
    """Return what unzip and bsdtar extract, which must be the same if both can read it."""
    name = archive.stem
    found = [
        extract(archive, directory / program)
        for program, extract, others in (
            ("unzip", extracted_by_unzip, NOT_FOR_UNZIP),
            ("bsdtar", extracted_by_bsdtar, NOT_FOR_BSDTAR),
        )
        if name not in others
    ]
    assert all(each == found[0] for each in found), name
    return found[0]


async def check(archive: Path, repo: Repo, fake: FakeGitHub, directory: Path) -> None:
    """Check that we extract and read an archive as other programs extract it."""
    options = OPTIONS.get(archive.stem, {})
    artifact = await add_artifact(fake, repo, archive)
    directory.mkdir()
    if archive.stem in UNSUPPORTED:
        with pytest.raises(UnsupportedMember, match=UNSUPPORTED[archive.stem]):
            await repo.extract_artifact(artifact, directory / "ours")
        return
    known = expected(archive, directory)
    await repo.extract_artifact(artifact, directory / "ours", **options)
    assert contents(directory / "ours") == known
    encoding = {key: value for key, value in options.items() if key == "encoding"}
    async with repo.open_artifact(artifact, **encoding) as opened:
        others = {key: value for key, value in options.items() if key != "encoding"}
        await opened.extract(directory / "ranges", **others)
        assert contents(directory / "ranges") == known
        for member in opened.members():
            path = "/".join(part for part in member.name.split("/") if part not in {"", "."})
            path = path.replace("\\", "/") if others else path
            if not member.is_directory and path in known:
                assert await opened.read(member.name) == known[path]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_archives_by_other_programs(
    repo: Repo, fake_github: FakeGitHub, source: Path, tmp_path: Path, program: str
) -> None:
    """Archives by each program are extracted byte for byte, and under the same names."""
    for reason in (missing(program), missing("bsdtar"), missing_unzip()):
        skip(reason)
    (tmp_path / "made").mkdir()
    _, make = PROGRAMS[program]
    make(source, tmp_path / "made")
    archives = sorted((tmp_path / "made").iterdir())
    assert archives
    for archive in archives:
        await check(archive, repo, fake_github, tmp_path / archive.stem)


@pytest.mark.parametrize("name", layouts())
async def test_layouts_of_other_programs(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, name: str
) -> None:
    """Archives with the layout of a program are extracted as unzip or bsdtar extract them."""
    for reason in (missing("bsdtar"), missing_unzip()):
        skip(reason)
    archive = tmp_path / f"{name}.zip"
    archive.write_bytes(layouts()[name])
    await check(archive, repo, fake_github, tmp_path / name)


def missing_unzip() -> str:
    """Return why unzip cannot extract archives, or ``""``."""
    return "" if shutil.which("unzip") else "unzip is not installed"
