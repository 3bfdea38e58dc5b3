"""Listings have GitHub's order, filters, page sizes and links."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Response, Send


def fill(fake: FakeGitHub, count: int, **options: Any) -> list[int]:
    """Add artifacts named "dist" and return their ids, newest first."""
    ids = [
        fake.add_artifact(REPOSITORY, "dist", b"", digest=None, **options).id for _ in range(count)
    ]
    return ids[::-1]


def ids(response: Response) -> list[int]:
    """Return the ids on a page."""
    return [artifact["id"] for artifact in response.json["artifacts"]]


def links(response: Response) -> dict[str, str]:
    """Return the links by relation, in order."""
    pairs = re.findall(r'<([^>]+)>; rel="(\w+)"', response.headers.get("Link", ""))
    return {relation: url for url, relation in pairs}


async def test_an_empty_repository(send: Send, fake: FakeGitHub) -> None:
    """A repository without artifacts has an empty listing and no links."""
    fake.add_repository(REPOSITORY)
    response = await send(LIST)
    assert response.json == {"total_count": 0, "artifacts": []}
    assert "Link" not in response.headers


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("", 30),
        ("?per_page=7", 7),
        ("?per_page=100", 100),
        ("?per_page=101", 100),
        ("?per_page=0", 30),
        ("?per_page=-5", 30),
        ("?per_page=many", 30),
        ("?per_page=", 30),
        ("?page=0", 30),
        ("?page=x&per_page=5", 5),
    ],
)
async def test_page_sizes(send: Send, fake: FakeGitHub, query: str, size: int) -> None:
    """A page has `per_page` items, but at most 100. Without a valid value, it has 30."""
    newest_first = fill(fake, 120)
    response = await send(LIST + query)
    assert ids(response) == newest_first[:size]
    assert response.json["total_count"] == 120


async def test_links_to_other_pages(send: Send, fake: FakeGitHub) -> None:
    """Links to other pages use /repositories/{id}, and can be followed."""
    newest_first = fill(fake, 25)
    path = f"{fake.url}/repositories/{fake.add_repository(REPOSITORY)}/actions/artifacts"
    first = await send(f"{LIST}?per_page=10")
    assert links(first) == {
        "next": f"{path}?per_page=10&page=2",
        "last": f"{path}?per_page=10&page=3",
    }
    second = await send(links(first)["next"].removeprefix(fake.url))
    assert list(links(second)) == ["prev", "next", "last", "first"]
    third = await send(links(second)["next"].removeprefix(fake.url))
    assert links(third) == {
        "prev": f"{path}?per_page=10&page=2",
        "first": f"{path}?per_page=10&page=1",
    }
    assert ids(first) + ids(second) + ids(third) == newest_first


async def test_a_page_after_the_last(send: Send, fake: FakeGitHub) -> None:
    """A page after the last page is empty and links back to the last page."""
    fill(fake, 3)
    response = await send(f"{LIST}?per_page=2&page=9")
    assert response.json == {"total_count": 3, "artifacts": []}
    assert links(response)["prev"].endswith("?per_page=2&page=2")


async def test_links_keep_the_ghes_base_path(send: Send, fake: FakeGitHub) -> None:
    """Links keep the base path of the request."""
    fill(fake, 2)
    response = await send(f"/api/v3{LIST}?per_page=1")
    assert links(response)["next"].startswith(f"{fake.ghes_url}/repositories/")
    assert (await send(links(response)["next"].removeprefix(fake.url))).status == 200


async def test_the_name_filter(send: Send, fake: FakeGitHub) -> None:
    """The name filter matches whole names, and applies to the total and the linked pages."""
    name = "a b/ü&c"
    fill(fake, 2)
    matching = [fake.add_artifact(REPOSITORY, name, b"").id for _ in range(2)]
    response = await send(f"{LIST}?per_page=1&name=a%20b%2F%C3%BC%26c")
    assert (ids(response), response.json["total_count"]) == ([matching[1]], 2)
    assert ids(await send(links(response)["next"].removeprefix(fake.url))) == [matching[0]]
    assert (await send(f"{LIST}?name=DIST")).json["total_count"] == 0


async def test_the_artifacts_of_a_run(send: Send, fake: FakeGitHub) -> None:
    """A run lists its own artifacts, newest first unless `direction=asc`."""
    fill(fake, 2)
    newest_first = fill(fake, 3, run_id=5)
    path = f"/repos/{REPOSITORY}/actions/runs/5/artifacts"
    assert ids(await send(path)) == newest_first
    assert ids(await send(f"{path}?direction=desc")) == newest_first
    ascending = await send(f"{path}?direction=asc&per_page=2")
    assert ids(ascending) == newest_first[::-1][:2]
    following = await send(links(ascending)["next"].removeprefix(fake.url))
    assert ids(following) == newest_first[:1]
    assert ascending.json["total_count"] == 3


async def test_a_run_without_artifacts(send: Send, fake: FakeGitHub) -> None:
    """A run may have no artifacts."""
    run = fake.add_run(REPOSITORY)
    assert (await send(f"/repos/{REPOSITORY}/actions/runs/{run.id}/artifacts")).json[
        "artifacts"
    ] == []


async def test_the_order_of_artifacts(send: Send, fake: FakeGitHub) -> None:
    """Artifacts are sorted by creation time and then by id, not in the order they were added."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for identifier, year in [(5, 2024), (3, 2025), (9, 2024), (1, 2023)]:
        fake.add_artifact(
            REPOSITORY, "dist", b"", id=identifier, created_at=moment.replace(year=year)
        )
    assert ids(await send(LIST)) == [3, 9, 5, 1]
    assert [artifact.id for artifact in fake.artifacts(REPOSITORY)] == [3, 9, 5, 1]


async def test_creation_times_differ(send: Send, fake: FakeGitHub) -> None:
    """Artifacts added within one second have different, rising creation times."""
    fill(fake, 3)
    moments = [item["created_at"] for item in (await send(LIST)).json["artifacts"]]
    assert moments == sorted(set(moments), reverse=True)


async def test_a_long_listing(send: Send, fake: FakeGitHub) -> None:
    """A listing of 1,234 artifacts is complete and without duplicates."""
    newest_first = fill(fake, 1234)
    found = []
    target = f"{LIST}?per_page=100"
    while target:
        response = await send(target)
        found += ids(response)
        target = links(response).get("next", "").removeprefix(fake.url)
    assert found == newest_first
