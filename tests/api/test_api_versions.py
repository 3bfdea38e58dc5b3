"""API versions: the newest that the server knows, asked for once."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ghartifacts_async import (
    ApiVersionRetired,
    ArtifactExpired,
    Client,
    NotFound,
    UnexpectedReply,
)
from ghartifacts_async.testing import Fault
from tests.api.support import World, world
from tests.clock import fast
from tests.support import REPOSITORY

NEW, OLD = "2026-03-10", "2022-11-28"


def versions(made: World) -> list[str]:
    """Of the requests so far."""
    return [request.headers["X-GitHub-Api-Version"] for request in made.fake.requests]


@fast
async def test_an_older_server_is_asked_again() -> None:
    """A server that does not know the version is asked in the older one, from then on at once."""
    async with world(fake={"api_versions": [OLD]}) as made:
        for _ in range(3):
            await made.repo.get_artifact(made.artifact)
        assert versions(made) == [NEW, OLD, OLD, OLD]


@fast
async def test_many_may_ask_an_older_server() -> None:
    """Tasks that learn of the older server at the same time all succeed."""
    async with world(fake={"api_versions": [OLD]}) as made:
        with made.fake.holding():
            tasks = [
                asyncio.ensure_future(made.repo.get_artifact(made.artifact)) for _ in range(20)
            ]
            await asyncio.sleep(1)
        await asyncio.gather(*tasks)
        made.fake.clear_requests()
        await made.repo.get_artifact(made.artifact)
        assert versions(made) == [OLD]


@fast
async def test_a_redirect_shows_the_version(tmp_path: Path) -> None:
    """Whoever only downloads from an older server is refused once, not with each download."""
    async with world(fake={"api_versions": [OLD]}) as made:
        async with Client(made.fake.token, base_url=made.fake.url, api_version=OLD) as other:
            artifact = await other.repo(REPOSITORY).get_artifact(made.artifact)
        made.fake.clear_requests()
        for _ in range(5):
            await made.repo.download_artifact(artifact, tmp_path / "x.zip", if_exists="replace")
        asked = [request.status for request in made.fake.requests_to("api")]
        assert asked == [400, 302, 302, 302, 302, 302]


@fast
async def test_what_is_missing_shows_the_version() -> None:
    """Whoever only asks an older server for what is not there is refused once as well."""
    async with world(fake={"api_versions": [OLD]}) as made:
        for _ in range(5):
            with pytest.raises(NotFound):
                await made.repo.get_artifact(99999)
        assert [request.status for request in made.fake.requests] == [400, *[404] * 5]


@fast
async def test_a_version_may_be_named() -> None:
    """Whoever names the older version is taken at their word."""
    async with world(fake={"api_versions": [OLD]}, api_version=OLD) as made:
        await made.repo.get_artifact(made.artifact)
        made.fake.fail_next(400)
        with pytest.raises(UnexpectedReply, match="400"):
            await made.repo.get_artifact(made.artifact)
        assert versions(made) == [OLD, OLD]


@fast
async def test_a_version_that_was_good_stays() -> None:
    """A 400 for another reason changes nothing, neither at first nor later."""
    async with world() as made:
        for sent in ([NEW, OLD], [NEW, NEW]):
            made.fake.clear_requests()
            made.fake.fail_next(*[400] * len(set(sent)))
            with pytest.raises(UnexpectedReply, match="400"):
                await made.repo.get_artifact(made.artifact)
            await made.repo.get_artifact(made.artifact)
            assert versions(made) == [*sent[: len(set(sent))], NEW]


@fast
async def test_a_sunset_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """That a version is going to end is logged as a warning, once, with the date."""
    async with world() as made:
        made.fake.deprecate_version(NEW, sunset=datetime(2031, 5, 6, tzinfo=UTC))
        with caplog.at_level(logging.WARNING, "ghartifacts_async"):
            for _ in range(3):
                await made.repo.get_artifact(made.artifact)
    (record,) = [one for one in caplog.records if one.name == "ghartifacts_async"]
    assert record.levelno == logging.WARNING
    assert "06 May 2031" in record.getMessage()
    assert NEW in record.getMessage()


@fast
async def test_gone_has_two_meanings(tmp_path: Path) -> None:
    """A retired version and an expired artifact, both 410, are two errors."""
    async with world() as made:
        made.fake.expire_artifact(made.artifact)
        with pytest.raises(ArtifactExpired):
            await made.repo.download_artifact(made.artifact, tmp_path)
        made.fake.fail_next(Fault(410, body={"message": "API version 2026-03-10 has expired"}))
        with pytest.raises(ApiVersionRetired):
            await made.repo.get_artifact(made.artifact)
        made.fake.retire_version(NEW)
        with pytest.raises(ApiVersionRetired, match="api_version"):
            await made.repo.get_artifact(made.artifact)
