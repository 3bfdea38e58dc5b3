"""API versions: calls use the newest version that the server supports."""

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
from tests.api.support import World, open_world
from tests.clock import fast
from tests.support import REPOSITORY

NEW, OLD = "2026-03-10", "2022-11-28"


def versions(world: World) -> list[str]:
    """Return the API version header of each request so far."""
    return [request.headers["X-GitHub-Api-Version"] for request in world.fake.requests]


@fast
async def test_an_older_server_is_called_with_its_version() -> None:
    """After a server has rejected the new API version once, all calls use the older one."""
    async with open_world(fake={"api_versions": [OLD]}) as world:
        for _ in range(3):
            await world.repo.get_artifact(world.artifact)
        assert versions(world) == [NEW, OLD, OLD, OLD]


@fast
async def test_concurrent_calls_of_an_older_server_succeed() -> None:
    """If an older server rejects concurrent calls, all of them succeed with the older version."""
    async with open_world(fake={"api_versions": [OLD]}) as world:
        with world.fake.holding():
            tasks = [
                asyncio.ensure_future(world.repo.get_artifact(world.artifact)) for _ in range(20)
            ]
            await asyncio.sleep(1)
        await asyncio.gather(*tasks)
        world.fake.clear_requests()
        await world.repo.get_artifact(world.artifact)
        assert versions(world) == [OLD]


@fast
async def test_a_redirect_confirms_the_version(tmp_path: Path) -> None:
    """If a client only downloads, an older server rejects its API version once, not every time."""
    async with open_world(fake={"api_versions": [OLD]}) as world:
        async with Client(world.fake.token, base_url=world.fake.url, api_version=OLD) as other:
            artifact = await other.repo(REPOSITORY).get_artifact(world.artifact)
        world.fake.clear_requests()
        for _ in range(5):
            await world.repo.download_artifact(artifact, tmp_path / "x.zip", if_exists="replace")
        statuses = [request.status for request in world.fake.requests_to("api")]
        assert statuses == [400, 302, 302, 302, 302, 302]


@fast
async def test_a_404_confirms_the_version() -> None:
    """If a client gets only 404s, an older server rejects its API version once, not every time."""
    async with open_world(fake={"api_versions": [OLD]}) as world:
        for _ in range(5):
            with pytest.raises(NotFound):
                await world.repo.get_artifact(99999)
        assert [request.status for request in world.fake.requests] == [400, *[404] * 5]


@fast
async def test_an_explicit_version_has_no_fallback() -> None:
    """A client with an explicit API version uses only that one, even after a 400."""
    async with open_world(fake={"api_versions": [OLD]}, api_version=OLD) as world:
        await world.repo.get_artifact(world.artifact)
        world.fake.fail_next(400)
        with pytest.raises(UnexpectedReply, match="400"):
            await world.repo.get_artifact(world.artifact)
        assert versions(world) == [OLD, OLD]


@fast
async def test_a_400_does_not_change_a_version_that_works() -> None:
    """A 400 that the API version did not cause does not change the version of later calls."""
    async with open_world() as world:
        for sent in ([NEW, OLD], [NEW, NEW]):
            world.fake.clear_requests()
            world.fake.fail_next(*[400] * len(set(sent)))
            with pytest.raises(UnexpectedReply, match="400"):
                await world.repo.get_artifact(world.artifact)
            await world.repo.get_artifact(world.artifact)
            assert versions(world) == [*sent[: len(set(sent))], NEW]


@fast
async def test_a_sunset_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """If GitHub announces the end of an API version, a warning with the date is logged once."""
    async with open_world() as world:
        world.fake.deprecate_version(NEW, sunset=datetime(2031, 5, 6, tzinfo=UTC))
        with caplog.at_level(logging.WARNING, "ghartifacts_async"):
            for _ in range(3):
                await world.repo.get_artifact(world.artifact)
    (record,) = [entry for entry in caplog.records if entry.name == "ghartifacts_async"]
    assert record.levelno == logging.WARNING
    assert "06 May 2031" in record.getMessage()
    assert NEW in record.getMessage()


@fast
async def test_a_410_means_a_retired_version_or_an_expired_artifact(tmp_path: Path) -> None:
    """A 410 raises ApiVersionRetired or ArtifactExpired, depending on what has expired."""
    async with open_world() as world:
        world.fake.expire_artifact(world.artifact)
        with pytest.raises(ArtifactExpired):
            await world.repo.download_artifact(world.artifact, tmp_path)
        world.fake.fail_next(Fault(410, body={"message": "API version 2026-03-10 has expired"}))
        with pytest.raises(ApiVersionRetired):
            await world.repo.get_artifact(world.artifact)
        world.fake.retire_version(NEW)
        with pytest.raises(ApiVersionRetired, match="api_version"):
            await world.repo.get_artifact(world.artifact)
