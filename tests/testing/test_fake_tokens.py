"""Tokens with scopes and permissions, and what GitHub answers to those that lack some."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Clock, Response, Send

PRIVATE = "octo-org/secret"
PRIVATE_LIST = f"/repos/{PRIVATE}/actions/artifacts"
NO_DOWNLOAD = "You must have the actions scope to download artifacts."
NO_ADMIN = "Must have admin rights to Repository."
NO_TOKEN = "Resource not accessible by personal access token"


@pytest.fixture(autouse=True)
def _artifacts(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", b"", id=11)
    fake.add_repository(PRIVATE, private=True)
    fake.add_artifact(PRIVATE, "dist", b"", id=12)


def basic(user: str, password: str) -> str:
    """Return the value of `Authorization` for the scheme Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def outcome(response: Response) -> tuple[int, str]:
    """Return the status and the message of a response."""
    return response.status, response.json["message"] if response.status >= 400 else ""


@pytest.mark.parametrize(
    ("options", "download", "delete", "private"),
    [
        ({}, (302, ""), (204, ""), 200),
        ({"scopes": ["repo"]}, (302, ""), (204, ""), 200),
        ({"scopes": ["public_repo"]}, (302, ""), (204, ""), 404),
        ({"scopes": []}, (403, NO_DOWNLOAD), (403, NO_ADMIN), 404),
        ({"scopes": ["gist"]}, (403, NO_DOWNLOAD), (403, NO_ADMIN), 404),
        ({"permissions": {"actions": "write"}}, (302, ""), (204, ""), 200),
        ({"permissions": {"actions": "read"}}, (302, ""), (403, NO_TOKEN), 200),
        ({"permissions": {}}, (403, NO_TOKEN), (403, NO_TOKEN), 403),
        ({"permissions": {"contents": "write"}}, (403, NO_TOKEN), (403, NO_TOKEN), 403),
        (
            {"permissions": {"actions": "write"}, "repositories": [PRIVATE]},
            (403, NO_TOKEN),
            (403, NO_TOKEN),
            200,
        ),
        ({"scopes": ["repo"], "repositories": [REPOSITORY]}, (302, ""), (204, ""), 404),
    ],
)
async def test_what_a_token_may_do(
    send: Send,
    fake: FakeGitHub,
    options: dict[str, Any],
    download: tuple[int, str],
    delete: tuple[int, str],
    private: int,
) -> None:
    """Every token reads public repositories; the rest depends on its scopes or permissions."""
    auth = f"Bearer {fake.add_token(**options)}"
    assert (await send(LIST, Authorization=auth)).status == 200
    assert outcome(await send(f"{LIST}/11/zip", Authorization=auth)) == download
    assert outcome(await send(f"{LIST}/11", "DELETE", Authorization=auth)) == delete
    assert (await send(PRIVATE_LIST, Authorization=auth)).status == private


@pytest.mark.parametrize(
    ("options", "public", "private"),
    [
        ({"scopes": ["repo"]}, 0, 0),
        ({"scopes": ["public_repo"]}, 0, 404),
        ({"scopes": ["gist"]}, NO_ADMIN, 404),
        ({"scopes": ["repo"], "repositories": [REPOSITORY]}, 0, 404),
        ({"scopes": ["repo"], "repositories": [PRIVATE]}, NO_ADMIN, 0),
        ({"scopes": ["public_repo"], "repositories": [PRIVATE]}, NO_ADMIN, 404),
        ({"scopes": ["repo"], "repositories": []}, NO_ADMIN, 404),
        ({"permissions": {"actions": "write"}}, 0, 0),
        ({"permissions": {"actions": "read"}}, NO_TOKEN, NO_TOKEN),
        ({"permissions": {"actions": "write"}, "repositories": [REPOSITORY]}, 0, 404),
        ({"permissions": {"actions": "write"}, "repositories": [PRIVATE]}, NO_TOKEN, 0),
        (None, NO_ADMIN, 404),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "done"),
    [
        ("DELETE", "artifacts/{artifact}", 204),
        ("DELETE", "runs/{finished}", 204),
        ("POST", "runs/{running}/cancel", 202),
        ("POST", "runs/{finished}/rerun", 201),
        ("POST", "runs/{finished}/rerun-failed-jobs", 201),
    ],
)
async def test_which_token_may_write(
    send: Send,
    fake: FakeGitHub,
    method: str,
    path: str,
    done: int,
    options: dict[str, Any] | None,
    public: int | str,
    private: int | str,
) -> None:
    """Each endpoint that changes something needs a token that may write in this repository."""
    auth = None if options is None else f"Bearer {fake.add_token(**options)}"
    for repository, expected in ((REPOSITORY, public), (PRIVATE, private)):
        finished, running = fake.add_run(repository), fake.add_run(repository, status="queued")
        artifact = fake.add_artifact(repository, "dist", b"", run_id=running)
        target = path.format(artifact=artifact.id, finished=finished.id, running=running.id)
        target = f"/repos/{repository}/actions/{target}"
        response = await send(target, method, Authorization=auth)
        if expected == 0:
            assert response.status == done
        elif isinstance(expected, str):
            assert outcome(response) == (403, expected)
        else:
            assert response.status == expected


async def test_without_a_token(send: Send) -> None:
    """Without a token, public artifacts can be listed and read, but not downloaded or deleted."""
    for target in (LIST, f"{LIST}/11"):
        assert (await send(target, Authorization=None)).status == 200
    assert outcome(await send(f"{LIST}/11/zip", Authorization=None)) == (403, NO_DOWNLOAD)
    assert outcome(await send(f"{LIST}/11", "DELETE", Authorization=None)) == (403, NO_ADMIN)
    assert (await send(PRIVATE_LIST, Authorization=None)).status == 404
    assert outcome(await send("/user", Authorization=None)) == (401, "Requires authentication")


async def test_headers_about_a_token(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """Responses name the scopes of a classic token and the permissions that an endpoint needs."""
    classic = await send(LIST, Authorization=f"token {fake.add_token(scopes=['repo', 'gist'])}")
    assert classic.headers["X-OAuth-Scopes"] == "gist, repo"
    assert classic.headers["X-Accepted-OAuth-Scopes"] == ""
    assert "X-Accepted-GitHub-Permissions" not in classic.headers
    expires = datetime.fromtimestamp(clock.time, UTC) + timedelta(days=1)
    granular = fake.add_token(permissions={"actions": "read"}, expires_at=expires)
    response = await send(LIST, Authorization=f"token {granular}")
    assert response.headers["X-Accepted-GitHub-Permissions"] == "actions=read"
    assert "X-OAuth-Scopes" not in response.headers
    shown = response.headers["GitHub-Authentication-Token-Expiration"]
    assert shown == "2027-01-16 08:00:00 UTC"
    refused = await send(f"{LIST}/11", "DELETE", Authorization=f"token {granular}")
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "actions=write"


async def test_a_token_expires(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """A token that has expired, or was revoked, gets 401."""
    expires = datetime.fromtimestamp(clock.time, UTC) + timedelta(seconds=60)
    short, long = fake.add_token("short", expires_at=expires), fake.add_token()
    assert (await send(LIST, Authorization=f"token {short}")).status == 200
    clock.time += 60
    assert outcome(await send(LIST, Authorization="token short")) == (401, "Bad credentials")
    assert (await send(LIST, Authorization=f"token {long}")).status == 200
    fake.revoke(long)
    assert (await send(LIST, Authorization=f"token {long}")).status == 401
    with pytest.raises(KeyError):
        fake.revoke(long)


async def test_the_user_of_a_token(send: Send, fake: FakeGitHub) -> None:
    """A token belongs to a user, and the tokens of a user share a rate limit."""
    for remaining in ("4999", "4998"):
        token = fake.add_token(login="mona")
        response = await send("/user", Authorization=f"token {token}")
        assert response.json["login"] == "mona"
        assert response.headers["X-RateLimit-Remaining"] == remaining


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [
        ("mona", "fake-token", 200),
        ("fake-token", "", 200),
        ("fake-token", "x-oauth-basic", 200),
        ("mona", "wrong", 401),
        ("", "", 401),
    ],
)
async def test_basic_credentials(send: Send, user: str, password: str, status: int) -> None:
    """A token is accepted as the password of Basic credentials, or alone as the user name."""
    assert (await send(LIST, Authorization=basic(user, password))).status == status


@pytest.mark.parametrize("value", ["Basic", "Basic !", "Basic Zm9v", "Basic /w==", "Digest x"])
async def test_malformed_credentials(send: Send, value: str) -> None:
    """Malformed credentials get 401."""
    assert (await send(LIST, Authorization=value)).status == 401


def test_wrong_arguments(fake: FakeGitHub) -> None:
    """Wrong arguments raise an error at once."""
    with pytest.raises(ValueError, match="either scopes"):
        fake.add_token(scopes=["repo"], permissions={"actions": "read"})
    with pytest.raises(ValueError, match="time zone"):
        fake.add_token(expires_at=datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="owner/name"):
        fake.add_token(repositories=["octo-docs"])


def test_made_up_tokens(fake: FakeGitHub) -> None:
    """Made-up tokens have GitHub's prefixes, are numbered, and so are the same in each run."""
    classic, granular = fake.add_token(), fake.add_token(permissions={"actions": "read"})
    assert classic == f"ghp_fake{1:032}"
    assert granular == f"github_pat_fake{2:032}"
