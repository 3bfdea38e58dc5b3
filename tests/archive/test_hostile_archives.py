"""Whatever is in an archive, it stays where it is unpacked, or is refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghartifacts_async import ArchiveError, Client, DigestMismatch, Repo
from ghartifacts_async.testing import FakeGitHub
from tests.archive.artifacts import everything_below, read_below
from tests.archive.hostile import HOSTILE, Hostile
from tests.archive.quine import quine
from tests.archive.zip_writer import DEFLATED, STORED, Part, forge
from tests.support import REPOSITORY


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: each.label)
async def test_hostile_archives_are_refused(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path, hostile: Hostile
) -> None:
    """Each is refused by name both ways; what was there is untouched, and nothing else is left."""
    out = tmp_path / "home" / "out"
    out.mkdir(parents=True)
    (out / "kept").write_text("kept")
    fake_github.add_artifact(REPOSITORY, "dist", hostile.archive)
    for _ in range(2):
        with pytest.raises(ArchiveError) as caught:
            await repo.extract_artifact(
                1, out, if_exists="replace", portable=hostile.portable, limits=hostile.limits
            )
        assert type(caught.value) is hostile.error
        assert caught.value.member == hostile.member
        assert str(caught.value).isprintable()
        with pytest.raises(ArchiveError) as caught:
            async with repo.open_artifact(1, limits=hostile.limits) as archive:
                await archive.extract(out, if_exists="replace", portable=hostile.portable)
        assert type(caught.value) is hostile.error
    assert everything_below(tmp_path) == ["home", "home/out", "home/out/kept"]
    assert (out / "kept").read_text() == "kept"


async def test_archives_within_archives_are_files(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An archive in an archive, sixteen of them deep, is a file like others."""
    inner = forge(Part("bomb", bytes(2**20)))
    for _ in range(16):
        inner = forge(*[Part(f"{number}.zip", inner) for number in range(4)])
    fake_github.add_artifact(REPOSITORY, "dist", inner)
    files = await repo.extract_artifact(1, tmp_path / "out")
    assert [path.name for path in files] == ["0.zip", "1.zip", "2.zip", "3.zip"]


async def test_an_archive_that_holds_itself(
    repo: Repo, fake_github: FakeGitHub, tmp_path: Path
) -> None:
    """An archive whose member is that archive is unpacked once, and not for ever."""
    archive_bytes = quine()
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


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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
    """What was zipped is what is unpacked, as a whole, by ranges and member by member."""
    files = {
        f"{n}{above}/{m}{name}": data
        for n, (above, inside) in enumerate(tree.items())
        for m, (name, data) in enumerate(inside.items())
    }
    archive_bytes = forge(*[Part(name, data, method) for name, data in files.items()])
    added = fake_github.add_artifact(REPOSITORY, "dist", archive_bytes)
    directory = tmp_path_factory.mktemp("round")
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        repo = gh.repo(REPOSITORY)
        await repo.extract_artifact(added.id, directory / "whole")
        assert read_below(directory / "whole") == files
        async with repo.open_artifact(added.id) as archive:
            await archive.extract(directory / "ranges")
            some = [name for name in files if random.random() < 0.5]  # type: ignore[attr-defined]
            chosen = some or [*files]
            await archive.extract(directory / "some", chosen or None)
            assert [await archive.read(name) for name in chosen] == [files[n] for n in chosen]
    assert read_below(directory / "ranges") == files
    assert read_below(directory / "some") == {name: files[name] for name in chosen}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
async def test_flipped_bytes(
    fake_github: FakeGitHub,
    tmp_path_factory: pytest.TempPathFactory,
    flips: list[tuple[int, int]],
) -> None:
    """Bytes that changed are refused, or what is unpacked is what the checksums say."""
    files = {"a/one.bin": os.urandom(300), "a/two.txt": b"text" * 200, "b": b""}
    damaged = bytearray(forge(*[Part(name, data) for name, data in files.items()]))
    for at, value in flips:
        damaged[at % len(damaged)] ^= value
    added = fake_github.add_artifact(REPOSITORY, "dist", bytes(damaged))
    out = tmp_path_factory.mktemp("flips") / "new" / "out"
    async with Client(fake_github.token, base_url=fake_github.url) as gh:
        try:
            await gh.repo(REPOSITORY).extract_artifact(added.id, out)
        except (ArchiveError, DigestMismatch):
            assert everything_below(out.parent.parent) == []
        else:
            assert {*read_below(out).values()} <= {*files.values()}
            assert [*out.parent.iterdir()] == [out]
