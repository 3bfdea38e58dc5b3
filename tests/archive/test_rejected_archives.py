"""Extracting unsafe, damaged and random archives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ghartifacts_async import ArchiveError, Client, DigestMismatch, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import list_tree, read_files
from tests.archive.rejected_archive import RejectedArchive
from tests.archive.rejected_archives import REJECTED_ARCHIVES
from tests.archive.self_containing_zip import self_containing_zip
from tests.archive.zip_writer import DEFLATED, STORED, ZipMember, build_zip
from tests.support import REPOSITORY
from tests.values import examples


@pytest.mark.parametrize("rejected", REJECTED_ARCHIVES, ids=lambda rejected: rejected.label)
async def test_invalid_archives_are_rejected(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, rejected: RejectedArchive
) -> None:
    """An invalid archive raises an error that names the member, and leaves the target as it was."""
    out = tmp_path / "home" / "out"
    out.mkdir(parents=True)
    (out / "kept").write_text("kept")
    fake_github.add_artifact(REPOSITORY, "dist", rejected.archive)
    for _ in range(2):
        with pytest.raises(ArchiveError) as caught:
            await repo.extract_artifact(
                1, out, if_exists="replace", portable=rejected.portable, limits=rejected.limits
            )
        assert type(caught.value) is rejected.error
        assert caught.value.member == rejected.member
        assert str(caught.value).isprintable()
        with pytest.raises(ArchiveError) as caught:
            async with repo.open_artifact(1, limits=rejected.limits) as archive:
                await archive.extract(out, if_exists="replace", portable=rejected.portable)
        assert type(caught.value) is rejected.error
    assert list_tree(tmp_path) == ["home", "home/out", "home/out/kept"]
    assert (out / "kept").read_text() == "kept"


async def test_nested_archives_are_files(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An archive within an archive is extracted as a file, however deeply archives are nested."""
    inner = build_zip(ZipMember("bomb", bytes(2**20)))
    for _ in range(16):
        inner = build_zip(*[ZipMember(f"{number}.zip", inner) for number in range(4)])
    fake_github.add_artifact(REPOSITORY, "dist", inner)
    files = await repo.extract_artifact(1, tmp_path / "out")
    assert [path.name for path in files] == ["0.zip", "1.zip", "2.zip", "3.zip"]


async def test_an_archive_that_contains_itself(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """Extracting an archive that contains itself stops after one level."""
    archive_bytes = self_containing_zip()
    fake_github.add_artifact(REPOSITORY, "dist", archive_bytes)
    (path,) = await repo.extract_artifact(1, tmp_path / "out")
    assert path.read_bytes() == archive_bytes
    async with repo.open_artifact(1) as archive:
        (path,) = await archive.extract(tmp_path / "other")
        assert path.read_bytes() == await archive.read(path.name) == archive_bytes


NAMES = st.text("abé日\U0001f600 -_.", min_size=1, max_size=8).map(lambda text: f"x{text}y")
CONTENTS = st.binary(max_size=2000) | st.builds(
    lambda seed, size: (seed * size)[:size], st.binary(min_size=1), st.integers(0, 300_000)
)


@examples(40, HealthCheck.function_scoped_fixture)
@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, CONTENTS, max_size=4), max_size=4),
    st.sampled_from([STORED, DEFLATED]),
    st.randoms(use_true_random=False),
)
async def test_round_trip(
    fake_github: FakeGitHub,
    tmp_path_factory: pytest.TempPathFactory,
    tree: dict[str, dict[str, bytes]],
    method: int,
    random: object,
) -> None:
    """Zipped files are read back unchanged: from a full download, with ranges, and one by one."""
    files = {
        f"{n}{directory_name}/{m}{name}": data
        for n, (directory_name, children) in enumerate(tree.items())
        for m, (name, data) in enumerate(children.items())
    }
    archive_bytes = build_zip(*[ZipMember(name, data, method) for name, data in files.items()])
    added = fake_github.add_artifact(REPOSITORY, "dist", archive_bytes)
    directory = tmp_path_factory.mktemp("round")
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        repo = gh.repo(REPOSITORY)
        await repo.extract_artifact(added.id, directory / "whole")
        assert read_files(directory / "whole") == files
        async with repo.open_artifact(added.id) as archive:
            await archive.extract(directory / "ranges")
            sample = [name for name in files if random.random() < 0.5]  # type: ignore[attr-defined]
            selected = sample or [*files]
            await archive.extract(directory / "sample", selected or None)
            assert [await archive.read(name) for name in selected] == [files[n] for n in selected]
    assert read_files(directory / "ranges") == files
    assert read_files(directory / "sample") == {name: files[name] for name in selected}


@examples(60, HealthCheck.function_scoped_fixture)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
async def test_flipped_bytes(
    fake_github: FakeGitHub,
    tmp_path_factory: pytest.TempPathFactory,
    flips: list[tuple[int, int]],
) -> None:
    """An archive with flipped bytes is rejected, or its files have their recorded content."""
    files = {"a/one.bin": os.urandom(300), "a/two.txt": b"text" * 200, "b": b""}
    damaged = bytearray(build_zip(*[ZipMember(name, data) for name, data in files.items()]))
    for offset, value in flips:
        damaged[offset % len(damaged)] ^= value
    added = fake_github.add_artifact(REPOSITORY, "dist", bytes(damaged))
    out = tmp_path_factory.mktemp("flips") / "new" / "out"
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        try:
            await gh.repo(REPOSITORY).extract_artifact(added.id, out)
        except (ArchiveError, DigestMismatch):
            assert list_tree(out.parent.parent) == []
        else:
            assert {*read_files(out).values()} <= {*files.values()}
            assert [*out.parent.iterdir()] == [out]
