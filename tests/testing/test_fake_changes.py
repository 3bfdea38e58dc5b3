"""What changes under a client: repositories are renamed, API versions end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Ask

SUNSET = datetime(2028, 3, 10, tzinfo=UTC)


@pytest.fixture
def number(fake: FakeGitHub) -> int:
    """The id of a repository that has been renamed, with one artifact in it."""
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
async def test_old_name(
    ask: Ask, fake: FakeGitHub, number: int, base: str, method: str, rest: str
) -> None:
    """Calls to the old name are redirected to the repository's number, query and all."""
    answer = await ask(f"{base}/repos/OCTO-org/octo-docs/{rest}", method)
    assert answer.status == 301
    location = answer.headers["Location"]
    assert location == f"{fake.url}{base}/repositories/{number}/{rest}"
    assert (answer.json["message"], answer.json["url"]) == ("Moved Permanently", location)
    assert (await ask(location.removeprefix(fake.url), method)).status in {200, 204, 302}


@pytest.mark.usefixtures("number")
async def test_new_name(ask: Ask, fake: FakeGitHub) -> None:
    """Under the new name all is as before."""
    artifact = (await ask("/repos/octo-org/new/actions/artifacts/11")).json
    assert artifact["url"] == f"{fake.url}/repos/octo-org/new/actions/artifacts/11"
    assert [artifact.repository for artifact in fake.artifacts("octo-org/new")] == ["octo-org/new"]
    with pytest.raises(KeyError):
        fake.artifacts(REPOSITORY)


@pytest.mark.parametrize(
    ("status", "message"),
    [(302, "Found"), (307, "Temporary Redirect"), (308, "Permanent Redirect")],
)
async def test_other_redirects(ask: Ask, fake: FakeGitHub, status: int, message: str) -> None:
    """A redirect can be one that is not to be remembered."""
    fake.add_repository(REPOSITORY)
    fake.rename_repository(REPOSITORY, "a/b", status=status)  # type: ignore[arg-type]
    answer = await ask(LIST)
    assert (answer.status, answer.json["message"]) == (status, message)


async def test_renamed_again(ask: Ask, fake: FakeGitHub, number: int) -> None:
    """Every name that a repository had redirects, until another repository takes it."""
    fake.rename_repository("octo-org/new", "octo-org/newest")
    fake.rename_repository("octo-org/newest", "Octo-Org/Newest")
    for old in (REPOSITORY, "octo-org/new"):
        location = (await ask(f"/repos/{old}/actions/artifacts")).headers["Location"]
        assert location == f"{fake.url}/repositories/{number}/actions/artifacts"
    assert (await ask("/repos/octo-org/newest/actions/artifacts")).json["total_count"] == 1
    fake.add_repository(REPOSITORY)
    assert (await ask(LIST)).json["total_count"] == 0
    fake.rename_repository("octo-org/newest", "octo-org/new")
    assert (await ask("/repos/octo-org/new/actions/artifacts")).status == 200


async def test_private_and_renamed(ask: Ask, fake: FakeGitHub, number: int) -> None:
    """Who may not see a private repository is not told its new address either."""
    fake.add_repository("octo-org/new", private=True)
    assert number
    assert (await ask(LIST, Authorization=None)).status == 404
    assert (await ask(LIST)).status == 301


def test_rename_mistakes() -> None:
    """Repositories that there are not, and names that are taken or none, are told at once."""
    fake = FakeGitHub()
    fake.add_repository("a/b")
    fake.add_repository("a/c")
    with pytest.raises(KeyError):
        fake.rename_repository("a/x", "a/y")
    with pytest.raises(ValueError, match="a/c already exists"):
        fake.rename_repository("a/b", "a/c")
    with pytest.raises(ValueError, match="owner/name"):
        fake.rename_repository("a/b", "a")


async def test_deprecated_version(ask: Ask, fake: FakeGitHub) -> None:
    """Answers in a deprecated version, refusals too, say since when and until when."""
    fake.add_repository(REPOSITORY)
    since = datetime(2026, 3, 10, tzinfo=UTC)
    fake.deprecate_version("2022-11-28", sunset=SUNSET, since=since)
    for target in (LIST, "/nothing"):
        answer = await ask(target)
        assert answer.headers["Deprecation"] == "Tue, 10 Mar 2026 00:00:00 GMT"
        assert answer.headers["Sunset"] == "Fri, 10 Mar 2028 00:00:00 GMT"
        assert 'rel="deprecation"' in answer.headers["Link"]
    answer = await ask(LIST, X_GitHub_Api_Version="2026-03-10")
    assert "Deprecation" not in answer.headers
    assert "Sunset" not in answer.headers
    fake.deprecate_version("2026-03-10", sunset=SUNSET)
    answer = await ask(LIST, X_GitHub_Api_Version="2026-03-10")
    assert answer.headers["Deprecation"] == "Fri, 15 Jan 2027 08:00:00 GMT"


async def test_retired_version(ask: Ask, fake: FakeGitHub) -> None:
    """A retired version is Gone, also one never known, and the next is the default."""
    fake.add_repository(REPOSITORY)
    for version in ("2021-01-01", "2022-11-28"):
        fake.retire_version(version)
        answer = await ask(LIST, X_GitHub_Api_Version=version)
        assert answer.status == 410
        assert answer.json["message"] == f"The {version} API version is no longer supported."
        assert "X-GitHub-Api-Version-Selected" not in answer.headers
    assert (await ask(LIST)).headers["X-GitHub-Api-Version-Selected"] == "2026-03-10"
    assert (await ask(LIST, X_GitHub_Api_Version="2020-01-01")).status == 400


def test_version_mistakes() -> None:
    """The last version cannot be retired, nor an unknown one deprecated, nor without a zone."""
    fake = FakeGitHub(api_versions=["2022-11-28"])
    with pytest.raises(ValueError, match="last version"):
        fake.retire_version("2022-11-28")
    with pytest.raises(ValueError, match="does not support"):
        fake.deprecate_version("2020-01-01", sunset=SUNSET)
    with pytest.raises(ValueError, match="time zone"):
        fake.deprecate_version("2022-11-28", sunset=datetime(2028, 1, 1))  # noqa: DTZ001
