"""GitHub Apps: the verification of JWTs, and what installation tokens may access."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ghartifacts_async.testing import FakeGitHub
from tests.testing.support import LIST, REPOSITORY, Clock, Response, Send

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOKENS = "/app/installations/42/access_tokens"

CreateToken = Callable[..., Awaitable[Response]]


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public key in PEM format."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def signed(clock: Clock, key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
    """Return a JWT that is valid except for the given key and claims; None omits a claim."""
    now = int(clock.time)
    valid = {"iat": now - 60, "exp": now + 540, "iss": "7", **claims}
    return jwt.encode({k: v for k, v in valid.items() if v is not None}, key, algorithm="RS256")


@pytest.fixture(autouse=True)
def _app(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", b"hello", id=11)
    fake.add_repository("octo-org/second", private=True)
    fake.add_app(7, public(KEY), 42, [REPOSITORY, "octo-org/second"])


@pytest.fixture
def create_token(send: Send, clock: Clock) -> CreateToken:
    """Return a function that requests an installation token."""

    async def create_token(body: object = None, target: str = TOKENS) -> Response:
        data = None if body is None else json.dumps(body).encode()
        return await send(target, "POST", data=data, Authorization=f"Bearer {signed(clock)}")

    return create_token


async def test_a_token_is_valid_for_an_hour(
    send: Send, fake: FakeGitHub, clock: Clock, create_token: CreateToken
) -> None:
    """A token is valid for an hour, and a second token does not revoke the first."""
    response = await create_token()
    assert response.status == 201
    assert response.json["token"].startswith("ghs_")
    assert datetime.fromisoformat(response.json["expires_at"]).timestamp() == clock.time + 3600
    assert response.json["permissions"] == {"metadata": "read", "actions": "write"}
    assert response.json["repository_selection"] == "selected"
    assert "repositories" not in response.json
    clock.time += 1800
    second = (await create_token(target=f"/api/v3{TOKENS}")).json["token"]
    assert fake.tokens_created == 2
    first = f"Bearer {response.json['token']}"
    clock.time += 1799
    assert (await send(LIST, Authorization=first)).status == 200
    clock.time += 1
    refused = await send(LIST, Authorization=first)
    assert (refused.status, refused.json["message"]) == (401, "Bad credentials")
    assert (await send(LIST, Authorization=f"token {second}")).status == 200


async def test_tokens_of_an_installation_share_a_rate_limit(
    send: Send, create_token: CreateToken
) -> None:
    """All tokens of an installation share one rate limit."""
    remaining = []
    for _ in range(2):
        token = (await create_token()).json["token"]
        response = await send(LIST, Authorization=f"Bearer {token}")
        remaining.append(response.headers["X-RateLimit-Remaining"])
    assert remaining == ["4999", "4998"]


async def test_a_revoked_token(send: Send, fake: FakeGitHub, create_token: CreateToken) -> None:
    """A revoked token gets 401, and cannot be revoked again."""
    token = (await create_token()).json["token"]
    fake.revoke(token)
    assert (await send(LIST, Authorization=f"Bearer {token}")).status == 401
    with pytest.raises(KeyError):
        fake.revoke(token)


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"iat": 1_800_000_001}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iat": None}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"exp": 1_800_000_601}, 401, "'Expiration time' claim ('exp') is too far in the future"),
        ({"exp": 1_800_000_000}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"exp": None}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"iss": "8"}, 404, "Integration not found"),
        ({"iss": None}, 404, "Integration not found"),
        ({"key": OTHER_KEY}, 401, "A JSON web token could not be decoded"),
    ],
)
async def test_an_invalid_jwt(
    send: Send, fake: FakeGitHub, clock: Clock, claims: dict[str, Any], status: int, message: str
) -> None:
    """Invalid times, issuers and signatures are refused with GitHub's error messages."""
    response = await send(TOKENS, "POST", Authorization=f"Bearer {signed(clock, **claims)}")
    assert response.status == status
    assert response.json["message"].startswith(message)
    assert fake.tokens_created == 0


@pytest.mark.parametrize("claims", [{"iat": 1_800_000_000}, {"exp": 1_800_000_600}])
async def test_a_jwt_at_the_limits_of_validity(
    send: Send, clock: Clock, claims: dict[str, Any]
) -> None:
    """A JWT issued now, and one that expires in ten minutes, are valid."""
    response = await send(TOKENS, "POST", Authorization=f"Bearer {signed(clock, **claims)}")
    assert response.status == 201


async def test_other_algorithms_are_refused(send: Send) -> None:
    """A JWT that is not signed with RS256, and text that only looks like a JWT, get 401."""
    claims = {"iat": 1_799_999_940, "exp": 1_800_000_500, "iss": "7"}
    unsigned = jwt.encode(claims, "", algorithm="none")
    shared = jwt.encode(claims, "a secret that is long enough for this", algorithm="HS256")
    for token in (unsigned, shared, "a.b.c"):
        response = await send(TOKENS, "POST", Authorization=f"Bearer {token}")
        assert response.status == 401
        assert response.json["message"] == "A JSON web token could not be decoded"


async def test_app_endpoints_accept_only_jwts(send: Send, create_token: CreateToken) -> None:
    """The app endpoints accept only the JWT of an app, and no other token."""
    installation = f"/repos/{REPOSITORY}/installation"
    token = (await create_token()).json["token"]
    for authorization in (f"Bearer {token}", "Bearer fake-token", None):
        for target, method in [(TOKENS, "POST"), (installation, "GET")]:
            response = await send(target, method, Authorization=authorization)
            assert response.status == 401
    assert (await send(TOKENS)).status == 404
    assert (await create_token(target="/app/installations/43/access_tokens")).status == 404


async def test_a_jwt_gives_no_access_to_artifacts(send: Send, clock: Clock) -> None:
    """A JWT does not give access to artifacts."""
    response = await send(LIST, Authorization=f"Bearer {signed(clock)}")
    assert response.status == 403
    assert response.json["message"] == "Resource not accessible by integration"


@pytest.mark.parametrize("base", ["", "/api/v3"])
async def test_finding_an_installation(
    send: Send, fake: FakeGitHub, clock: Clock, base: str
) -> None:
    """An app finds its own installation for a repository, but no other app's installation."""
    authorization = f"Bearer {signed(clock)}"
    found = await send(f"{base}/repos/octo-org/second/installation", Authorization=authorization)
    assert found.status == 200
    assert (found.json["id"], found.json["app_id"]) == (42, 7)
    assert found.json["access_tokens_url"] == f"{fake.url}{base}{TOKENS}"
    fake.add_repository("octo-org/third")
    fake.add_app(8, public(OTHER_KEY), 43, ["octo-org/third"])
    for name in ("octo-org/third", "octo-org/none"):
        response = await send(f"{base}/repos/{name}/installation", Authorization=authorization)
        assert response.status == 404
    fake.rename_repository(REPOSITORY, "octo-org/new")
    response = await send(f"{base}/repos/{REPOSITORY}/installation", Authorization=authorization)
    assert (response.status, response.headers["Location"].endswith("/installation")) == (301, True)


async def test_a_limited_token(send: Send, create_token: CreateToken) -> None:
    """A token can be limited to fewer repositories and permissions than its installation."""
    body = {"permissions": {"actions": "read"}, "repositories": ["octo-docs"]}
    response = await create_token(body)
    assert response.json["permissions"] == {"metadata": "read", "actions": "read"}
    assert [repository["full_name"] for repository in response.json["repositories"]] == [REPOSITORY]
    authorization = f"Bearer {response.json['token']}"
    assert (await send(f"{LIST}/11/zip", Authorization=authorization)).status == 302
    refused = await send(f"{LIST}/11", "DELETE", Authorization=authorization)
    assert refused.status == 403
    assert refused.json["message"] == "Resource not accessible by integration"
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "actions=write"
    hidden = await send("/repos/octo-org/second/actions/artifacts", Authorization=authorization)
    assert hidden.status == 404
    wide = f"Bearer {(await create_token({})).json['token']}"
    assert (await send(f"{LIST}/11", "DELETE", Authorization=wide)).status == 204


async def test_a_token_limited_by_repository_id(
    send: Send, fake: FakeGitHub, create_token: CreateToken
) -> None:
    """A token limited to a repository id works after a rename, but for no other repository."""
    token = (await create_token({"repository_ids": [fake.add_repository(REPOSITORY)]})).json[
        "token"
    ]
    fake.rename_repository(REPOSITORY, "octo-org/new")
    target = "/repos/{}/actions/artifacts"
    authorization = f"Bearer {token}"
    assert (await send(target.format("octo-org/new"), Authorization=authorization)).status == 200
    fake.add_repository("octo-org/public")
    outside = await send(target.format("octo-org/public"), Authorization=authorization)
    assert outside.status == 403


async def test_an_installation_on_all_repositories(
    send: Send, fake: FakeGitHub, clock: Clock
) -> None:
    """An installation on all repositories is still limited to its permissions."""
    fake.add_app("Iv1.client", public(OTHER_KEY), 44, permissions={"contents": "read"})
    authorization = f"Bearer {signed(clock, OTHER_KEY, iss='Iv1.client')}"
    target = "/app/installations/44/access_tokens"
    response = await send(target, "POST", Authorization=authorization)
    assert response.json["repository_selection"] == "all"
    refused = await send(LIST, Authorization=f"Bearer {response.json['token']}")
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "actions=read"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"permissions": {"actions": "admin"}}, 422),
        ({"permissions": {"actions": "all"}}, 422),
        ({"permissions": {"contents": "read"}}, 422),
        ({"repositories": ["nothing"]}, 422),
        ({"repository_ids": [1]}, 422),
        ({"repositories": "octo-docs"}, 422),
        ({"repositories": None}, 422),
        ({"repositories": [1]}, 422),
        ({"repository_ids": 1}, 422),
        ({"permissions": "read"}, 422),
        ({"permissions": {"actions": ["read"]}}, 422),
        ([], 400),
    ],
)
async def test_a_token_cannot_exceed_its_installation(
    create_token: CreateToken, fake: FakeGitHub, body: object, status: int
) -> None:
    """A token cannot get more access than its installation has."""
    assert (await create_token(body)).status == status
    assert fake.tokens_created == 0


async def test_a_malformed_body(send: Send, fake: FakeGitHub, clock: Clock) -> None:
    """A body that is not JSON gets 400, and the request log has the body."""
    authorization = f"Bearer {signed(clock)}"
    response = await send(TOKENS, "POST", data=b"{", Authorization=authorization)
    assert response.status == 400
    assert fake.requests[-1].body == b"{"


def test_wrong_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invalid keys, duplicate installation ids and missing libraries raise an error at once."""
    fake = FakeGitHub()
    fake.add_app(7, public(KEY).decode(), 42)
    with pytest.raises(ValueError, match="installation 42"):
        fake.add_app(7, public(KEY), 42)
    with pytest.raises(ValueError, match="PEM"):
        fake.add_app(7, "not a key", 43)
    with pytest.raises(ValueError, match="RSA"):
        fake.add_app(7, public(ec.generate_private_key(ec.SECP256R1())), 43)
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ModuleNotFoundError, match=r"PyJWT\[crypto\]"):
        fake.add_app(7, public(KEY), 43)
