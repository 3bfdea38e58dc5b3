"""Changes while a client runs: renamed repositories, and deprecated or retired API versions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Send

SUNSET = datetime(2028, 3, 10, tzinfo=UTC)


@pytest.fixture
def number(fake: FakeGitHub) -> int:
    """The id of a renamed repository with one artifact."""
    fake.add_artifact(REPOSITORY, "dist", b"hello", id=11, run_id=7)
    fake.rename_repository(REPOSITORY, "octo-org/new")
    return fake.add_repository("octo-org/new")


@pytest.mark.parametrize("base", ["", "/api/v3"])
@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", "actions/artifacts?name=a%20b&page=1"),
        ("GET", "actions/artifacts/11"),
        ("GET", "actions/artifacts/11/zip"),
        ("GET", "actions/runs/7/artifacts?direction=asc"),
        ("DELETE", "actions/artifacts/11"),
    ],
)
async def test_the_old_name_redirects(
    send: Send, fake: FakeGitHub, number: int, base: str, method: str, rest: str
) -> None:
    """Requests for the old name, with their query, are redirected to the repository's id."""
    response = await send(f"{base}/repos/OCTO-org/octo-docs/{rest}", method)
    assert response.status == 301
    location = response.headers["Location"]
    assert location == f"{fake.url}{base}/repositories/{number}/{rest}"
    assert (response.json["message"], response.json["url"]) == ("Moved Permanently", location)
    assert (await send(location.removeprefix(fake.url), method)).status in {200, 204, 302}


@pytest.mark.usefixtures("number")
async def test_the_new_name_works(send: Send, fake: FakeGitHub) -> None:
    """The artifacts are found under the new name."""
    artifact = (await send("/repos/octo-org/new/actions/artifacts/11")).json
    assert artifact["url"] == f"{fake.url}/repos/octo-org/new/actions/artifacts/11"
    assert [artifact.repository for artifact in fake.artifacts("octo-org/new")] == ["octo-org/new"]
    with pytest.raises(KeyError):
        fake.artifacts(REPOSITORY)


@pytest.mark.parametrize(
    ("status", "message"),
    [(302, "Found"), (307, "Temporary Redirect"), (308, "Permanent Redirect")],
)
async def test_other_redirect_statuses(
    send: Send, fake: FakeGitHub, status: int, message: str
) -> None:
    """The status of the redirect can be chosen."""
    fake.add_repository(REPOSITORY)
    fake.rename_repository(REPOSITORY, "a/b", status=status)  # type: ignore[arg-type]
    response = await send(LIST)
    assert (response.status, response.json["message"]) == (status, message)


async def test_a_repository_renamed_several_times(
    send: Send, fake: FakeGitHub, number: int
) -> None:
    """All former names of a repository redirect to it."""
    fake.rename_repository("octo-org/new", "octo-org/newest")
    fake.rename_repository("octo-org/newest", "Octo-Org/Newest")
    for old in (REPOSITORY, "octo-org/new"):
        location = (await send(f"/repos/{old}/actions/artifacts")).headers["Location"]
        assert location == f"{fake.url}/repositories/{number}/actions/artifacts"
    assert (await send("/repos/octo-org/newest/actions/artifacts")).json["total_count"] == 1
    fake.add_repository(REPOSITORY)
    assert (await send(LIST)).json["total_count"] == 0
    fake.rename_repository("octo-org/newest", "octo-org/new")
    assert (await send("/repos/octo-org/new/actions/artifacts")).status == 200


async def test_a_private_repository_that_was_renamed(
    send: Send, fake: FakeGitHub, number: int
) -> None:
    """Requests that may not see a private repository are not redirected to it."""
    fake.add_repository("octo-org/new", private=True)
    assert number
    assert (await send(LIST, Authorization=None)).status == 404
    assert (await send(LIST)).status == 301


def test_wrong_names() -> None:
    """Renaming a missing repository, or to a name that is taken or malformed, is an error."""
    fake = FakeGitHub()
    fake.add_repository("a/b")
    fake.add_repository("a/c")
    with pytest.raises(KeyError):
        fake.rename_repository("a/x", "a/y")
    with pytest.raises(ValueError, match="a/c already exists"):
        fake.rename_repository("a/b", "a/c")
    with pytest.raises(ValueError, match="owner/name"):
        fake.rename_repository("a/b", "a")


async def test_a_deprecated_version(send: Send, fake: FakeGitHub) -> None:
    """All responses in a deprecated version have its deprecation and sunset dates."""
    fake.add_repository(REPOSITORY)
    since = datetime(2026, 3, 10, tzinfo=UTC)
    fake.deprecate_version("2022-11-28", sunset=SUNSET, since=since)
    for target in (LIST, "/nothing"):
        response = await send(target)
        assert response.headers["Deprecation"] == "Tue, 10 Mar 2026 00:00:00 GMT"
        assert response.headers["Sunset"] == "Fri, 10 Mar 2028 00:00:00 GMT"
        assert 'rel="deprecation"' in response.headers["Link"]
    response = await send(LIST, X_GitHub_Api_Version="2026-03-10")
    assert "Deprecation" not in response.headers
    assert "Sunset" not in response.headers
    fake.deprecate_version("2026-03-10", sunset=SUNSET)
    response = await send(LIST, X_GitHub_Api_Version="2026-03-10")
    assert response.headers["Deprecation"] == "Fri, 15 Jan 2027 08:00:00 GMT"


async def test_a_retired_version(send: Send, fake: FakeGitHub) -> None:
    """A retired version gets 410, and the oldest supported version becomes the default."""
    fake.add_repository(REPOSITORY)
    for version in ("2021-01-01", "2022-11-28"):
        fake.retire_version(version)
        response = await send(LIST, X_GitHub_Api_Version=version)
        assert response.status == 410
        assert response.json["message"] == f"The {version} API version is no longer supported."
        assert "X-GitHub-Api-Version-Selected" not in response.headers
    assert (await send(LIST)).headers["X-GitHub-Api-Version-Selected"] == "2026-03-10"
    assert (await send(LIST, X_GitHub_Api_Version="2020-01-01")).status == 400


def test_wrong_versions() -> None:
    """The last version cannot be retired. Only supported versions can be deprecated."""
    fake = FakeGitHub(api_versions=["2022-11-28"])
    with pytest.raises(ValueError, match="last version"):
        fake.retire_version("2022-11-28")
    with pytest.raises(ValueError, match="does not support"):
        fake.deprecate_version("2020-01-01", sunset=SUNSET)
    with pytest.raises(ValueError, match="time zone"):
        fake.deprecate_version("2022-11-28", sunset=datetime(2028, 1, 1))  # noqa: DTZ001
