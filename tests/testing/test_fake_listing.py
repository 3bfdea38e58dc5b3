"""Listings have GitHub's order, filters, page sizes and links."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Answer, Ask


def fill(fake: FakeGitHub, count: int, **options: Any) -> list[int]:
    """Add artifacts called "dist" and return their ids, newest first."""
    ids = [
        fake.add_artifact(REPOSITORY, "dist", b"", digest=None, **options).id for _ in range(count)
    ]
    return ids[::-1]


def ids(answer: Answer) -> list[int]:
    """Return the ids on a page."""
    return [artifact["id"] for artifact in answer.json["artifacts"]]


def links(answer: Answer) -> dict[str, str]:
    """Return the links by their relation, in their order."""
    pairs = re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("Link", ""))
    return {relation: url for url, relation in pairs}


async def test_empty(ask: Ask, fake: FakeGitHub) -> None:
    """A repository without artifacts has an empty listing and no links."""
    fake.add_repository(REPOSITORY)
    answer = await ask(LIST)
    assert answer.json == {"total_count": 0, "artifacts": []}
    assert "Link" not in answer.headers


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
async def test_page_size(ask: Ask, fake: FakeGitHub, query: str, size: int) -> None:
    """A page has 30 items, or as many as asked up to 100; nonsense is the default."""
    newest_first = fill(fake, 120)
    answer = await ask(LIST + query)
    assert ids(answer) == newest_first[:size]
    assert answer.json["total_count"] == 120


async def test_links(ask: Ask, fake: FakeGitHub) -> None:
    """Links lead to the other pages on /repositories/{id}, and those can be followed."""
    newest_first = fill(fake, 25)
    path = f"{fake.url}/repositories/{fake.add_repository(REPOSITORY)}/actions/artifacts"
    first = await ask(f"{LIST}?per_page=10")
    assert links(first) == {
        "next": f"{path}?page=2&per_page=10",
        "last": f"{path}?page=3&per_page=10",
    }
    second = await ask(links(first)["next"].removeprefix(fake.url))
    assert list(links(second)) == ["prev", "next", "last", "first"]
    third = await ask(links(second)["next"].removeprefix(fake.url))
    assert links(third) == {
        "prev": f"{path}?page=2&per_page=10",
        "first": f"{path}?page=1&per_page=10",
    }
    assert ids(first) + ids(second) + ids(third) == newest_first


async def test_beyond_the_end(ask: Ask, fake: FakeGitHub) -> None:
    """A page behind the last one is empty and leads back."""
    fill(fake, 3)
    answer = await ask(f"{LIST}?per_page=2&page=9")
    assert answer.json == {"total_count": 3, "artifacts": []}
    assert links(answer)["prev"].endswith("?page=2&per_page=2")


async def test_links_below_the_ghes_base(ask: Ask, fake: FakeGitHub) -> None:
    """Links keep the base that was called."""
    fill(fake, 2)
    answer = await ask(f"/api/v3{LIST}?per_page=1")
    assert links(answer)["next"].startswith(f"{fake.ghes_url}/repositories/")
    assert (await ask(links(answer)["next"].removeprefix(fake.url))).status == 200


async def test_name_filter(ask: Ask, fake: FakeGitHub) -> None:
    """The name filter is exact, counts in the total, and is kept in the links."""
    name = "a b/ü&c"
    fill(fake, 2)
    wanted = [fake.add_artifact(REPOSITORY, name, b"").id for _ in range(2)]
    answer = await ask(f"{LIST}?per_page=1&name=a%20b%2F%C3%BC%26c")
    assert (ids(answer), answer.json["total_count"]) == ([wanted[1]], 2)
    assert ids(await ask(links(answer)["next"].removeprefix(fake.url))) == [wanted[0]]
    assert (await ask(f"{LIST}?name=DIST")).json["total_count"] == 0


async def test_run(ask: Ask, fake: FakeGitHub) -> None:
    """A run lists its own artifacts, newest first unless asked for the other direction."""
    fill(fake, 2)
    newest_first = fill(fake, 3, run_id=5)
    path = f"/repos/{REPOSITORY}/actions/runs/5/artifacts"
    assert ids(await ask(path)) == newest_first
    assert ids(await ask(f"{path}?direction=desc")) == newest_first
    upwards = await ask(f"{path}?direction=asc&per_page=2")
    assert ids(upwards) == newest_first[::-1][:2]
    following = await ask(links(upwards)["next"].removeprefix(fake.url))
    assert ids(following) == newest_first[:1]
    assert upwards.json["total_count"] == 3


async def test_run_without_artifacts(ask: Ask, fake: FakeGitHub) -> None:
    """A run may have no artifacts."""
    run = fake.add_run(REPOSITORY)
    assert (await ask(f"/repos/{REPOSITORY}/actions/runs/{run}/artifacts")).json["artifacts"] == []


async def test_order(ask: Ask, fake: FakeGitHub) -> None:
    """The order is by creation, and by id among those of one moment, whatever came first."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for identifier, year in [(5, 2024), (3, 2025), (9, 2024), (1, 2023)]:
        fake.add_artifact(
            REPOSITORY, "dist", b"", id=identifier, created_at=moment.replace(year=year)
        )
    assert ids(await ask(LIST)) == [3, 9, 5, 1]
    assert [artifact.id for artifact in fake.artifacts(REPOSITORY)] == [3, 9, 5, 1]


async def test_moments_differ(ask: Ask, fake: FakeGitHub) -> None:
    """Artifacts added within one second have different, rising times, also in the JSON."""
    fill(fake, 3)
    moments = [item["created_at"] for item in (await ask(LIST)).json["artifacts"]]
    assert moments == sorted(set(moments), reverse=True)


async def test_many(ask: Ask, fake: FakeGitHub) -> None:
    """A listing of 1,234 artifacts is complete, each item once."""
    newest_first = fill(fake, 1234)
    found = []
    target = f"{LIST}?per_page=100"
    while target:
        answer = await ask(target)
        found += ids(answer)
        target = links(answer).get("next", "").removeprefix(fake.url)
    assert found == newest_first
