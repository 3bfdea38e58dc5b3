"""Apps: JWTs are checked as strictly as GitHub does, tokens reach what they are granted."""

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
from tests.testing.support import LIST, REPOSITORY, Answer, Ask, Clock

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOKENS = "/app/installations/42/access_tokens"

Mint = Callable[..., Awaitable[Answer]]


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of a key, in PEM."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def signed(clock: Clock, key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
    """A good JWT, but for the claims and the key given."""
    now = int(clock.time)
    good = {"iat": now - 60, "exp": now + 540, "iss": "7", **claims}
    return jwt.encode({k: v for k, v in good.items() if v is not None}, key, algorithm="RS256")


@pytest.fixture(autouse=True)
def _app(fake: FakeGitHub) -> None:
    fake.add_artifact(REPOSITORY, "dist", b"hello", id=11)
    fake.add_repository("octo-org/second", private=True)
    fake.add_app(7, public(KEY), 42, [REPOSITORY, "octo-org/second"])


@pytest.fixture
def mint(ask: Ask, clock: Clock) -> Mint:
    """Ask for a token."""

    async def send(body: object = None, target: str = TOKENS) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        return await ask(target, "POST", data=data, Authorization=f"Bearer {signed(clock)}")

    return send


async def test_token(ask: Ask, fake: FakeGitHub, clock: Clock, mint: Mint) -> None:
    """A token is good for an hour, beside others, and is refused thereafter."""
    answer = await mint()
    assert answer.status == 201
    assert answer.json["token"].startswith("ghs_")
    assert datetime.fromisoformat(answer.json["expires_at"]).timestamp() == clock.time + 3600
    assert answer.json["permissions"] == {"metadata": "read", "actions": "write"}
    assert answer.json["repository_selection"] == "selected"
    assert "repositories" not in answer.json
    clock.time += 1800
    second = (await mint(target=f"/api/v3{TOKENS}")).json["token"]
    assert fake.tokens_minted == 2
    first = f"Bearer {answer.json['token']}"
    clock.time += 1799
    assert (await ask(LIST, Authorization=first)).status == 200
    clock.time += 1
    refused = await ask(LIST, Authorization=first)
    assert (refused.status, refused.json["message"]) == (401, "Bad credentials")
    assert (await ask(LIST, Authorization=f"token {second}")).status == 200


async def test_account_of_an_installation(ask: Ask, mint: Mint) -> None:
    """The limit is the installation's, whichever of its tokens is used."""
    remaining = []
    for _ in range(2):
        token = (await mint()).json["token"]
        answer = await ask(LIST, Authorization=f"Bearer {token}")
        remaining.append(answer.headers["X-RateLimit-Remaining"])
    assert remaining == ["4999", "4998"]


async def test_revoke(ask: Ask, fake: FakeGitHub, mint: Mint) -> None:
    """A revoked token is good no more, and only a good one can be revoked."""
    token = (await mint()).json["token"]
    fake.revoke(token)
    assert (await ask(LIST, Authorization=f"Bearer {token}")).status == 401
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
async def test_wrong_jwt(
    ask: Ask, fake: FakeGitHub, clock: Clock, claims: dict[str, Any], status: int, message: str
) -> None:
    """Every claim and the signature are checked, on the server's clock, with GitHub's words."""
    answer = await ask(TOKENS, "POST", Authorization=f"Bearer {signed(clock, **claims)}")
    assert answer.status == status
    assert answer.json["message"].startswith(message)
    assert fake.tokens_minted == 0


@pytest.mark.parametrize("claims", [{"iat": 1_800_000_000}, {"exp": 1_800_000_600}])
async def test_jwt_at_the_edge(ask: Ask, clock: Clock, claims: dict[str, Any]) -> None:
    """A JWT issued now, and one for ten minutes from now, are good."""
    answer = await ask(TOKENS, "POST", Authorization=f"Bearer {signed(clock, **claims)}")
    assert answer.status == 201


async def test_other_algorithms(ask: Ask) -> None:
    """A JWT that is not signed with RS256 is none, nor is anything with two dots."""
    claims = {"iat": 1_799_999_940, "exp": 1_800_000_500, "iss": "7"}
    unsigned = jwt.encode(claims, "", algorithm="none")
    shared = jwt.encode(claims, "a secret that is long enough for this", algorithm="HS256")
    for token in (unsigned, shared, "a.b.c"):
        answer = await ask(TOKENS, "POST", Authorization=f"Bearer {token}")
        assert answer.status == 401
        assert answer.json["message"] == "A JSON web token could not be decoded"


async def test_endpoints_of_the_app(ask: Ask, mint: Mint) -> None:
    """The app's own endpoints take nothing but a JWT, and others take none."""
    installation = f"/repos/{REPOSITORY}/installation"
    token = (await mint()).json["token"]
    for authorization in (f"Bearer {token}", "Bearer fake-token", None):
        for target, method in [(TOKENS, "POST"), (installation, "GET")]:
            answer = await ask(target, method, Authorization=authorization)
            assert answer.status == 401
    assert (await ask(TOKENS)).status == 404
    assert (await mint(target="/app/installations/43/access_tokens")).status == 404


async def test_jwt_for_other_calls(ask: Ask, clock: Clock) -> None:
    """With a JWT an app cannot do what its installations do."""
    answer = await ask(LIST, Authorization=f"Bearer {signed(clock)}")
    assert answer.status == 403
    assert answer.json["message"] == "Resource not accessible by integration"


@pytest.mark.parametrize("base", ["", "/api/v3"])
async def test_installation(ask: Ask, fake: FakeGitHub, clock: Clock, base: str) -> None:
    """An app finds its installation by a repository, and only its own."""
    authorization = f"Bearer {signed(clock)}"
    found = await ask(f"{base}/repos/octo-org/second/installation", Authorization=authorization)
    assert found.status == 200
    assert (found.json["id"], found.json["app_id"]) == (42, 7)
    assert found.json["access_tokens_url"] == f"{fake.url}{base}{TOKENS}"
    fake.add_repository("octo-org/third")
    fake.add_app(8, public(OTHER_KEY), 43, ["octo-org/third"])
    for name in ("octo-org/third", "octo-org/none"):
        answer = await ask(f"{base}/repos/{name}/installation", Authorization=authorization)
        assert answer.status == 404
    fake.rename_repository(REPOSITORY, "octo-org/new")
    answer = await ask(f"{base}/repos/{REPOSITORY}/installation", Authorization=authorization)
    assert (answer.status, answer.headers["Location"].endswith("/installation")) == (301, True)


async def test_narrowed(ask: Ask, mint: Mint) -> None:
    """A token can be narrowed to fewer repositories and permissions, and is held to that."""
    body = {"permissions": {"actions": "read"}, "repositories": ["octo-docs"]}
    answer = await mint(body)
    assert answer.json["permissions"] == {"metadata": "read", "actions": "read"}
    assert [one["full_name"] for one in answer.json["repositories"]] == [REPOSITORY]
    authorization = f"Bearer {answer.json['token']}"
    assert (await ask(f"{LIST}/11/zip", Authorization=authorization)).status == 302
    refused = await ask(f"{LIST}/11", "DELETE", Authorization=authorization)
    assert refused.status == 403
    assert refused.json["message"] == "Resource not accessible by integration"
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "actions=write"
    hidden = await ask("/repos/octo-org/second/actions/artifacts", Authorization=authorization)
    assert hidden.status == 404
    wide = f"Bearer {(await mint({})).json['token']}"
    assert (await ask(f"{LIST}/11", "DELETE", Authorization=wide)).status == 204


async def test_narrowed_by_id(ask: Ask, fake: FakeGitHub, mint: Mint) -> None:
    """A token narrowed by a repository's id survives its renaming, and reaches no other."""
    token = (await mint({"repository_ids": [fake.add_repository(REPOSITORY)]})).json["token"]
    fake.rename_repository(REPOSITORY, "octo-org/new")
    target = "/repos/{}/actions/artifacts"
    authorization = f"Bearer {token}"
    assert (await ask(target.format("octo-org/new"), Authorization=authorization)).status == 200
    fake.add_repository("octo-org/public")
    outside = await ask(target.format("octo-org/public"), Authorization=authorization)
    assert outside.status == 403


async def test_everything(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """An installation without a choice reaches every repository, with its own permissions."""
    fake.add_app("Iv1.client", public(OTHER_KEY), 44, permissions={"contents": "read"})
    authorization = f"Bearer {signed(clock, OTHER_KEY, iss='Iv1.client')}"
    target = "/app/installations/44/access_tokens"
    answer = await ask(target, "POST", Authorization=authorization)
    assert answer.json["repository_selection"] == "all"
    refused = await ask(LIST, Authorization=f"Bearer {answer.json['token']}")
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "actions=read"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"permissions": {"actions": "admin"}}, 422),
        ({"permissions": {"actions": "all"}}, 422),
        ({"permissions": {"contents": "read"}}, 422),
        ({"repositories": ["nothing"]}, 422),
        ({"repository_ids": [1]}, 422),
        ([], 400),
    ],
)
async def test_too_much_asked(mint: Mint, fake: FakeGitHub, body: object, status: int) -> None:
    """A token cannot have more than its installation has."""
    assert (await mint(body)).status == status
    assert fake.tokens_minted == 0


async def test_body_is_logged(ask: Ask, fake: FakeGitHub, clock: Clock) -> None:
    """The log has the body of a request; one that is no JSON is refused."""
    authorization = f"Bearer {signed(clock)}"
    answer = await ask(TOKENS, "POST", data=b"{", Authorization=authorization)
    assert answer.status == 400
    assert fake.requests[-1].body == b"{"


def test_app_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are none, ids that are taken, and libraries that are missing are told at once."""
    fake = FakeGitHub()
    fake.add_app(7, public(KEY).decode(), 42)
    with pytest.raises(ValueError, match="installation 42"):
        fake.add_app(7, public(KEY), 42)
    with pytest.raises(ValueError, match="PEM"):
        fake.add_app(7, "no key", 43)
    with pytest.raises(ValueError, match="RSA"):
        fake.add_app(7, public(ec.generate_private_key(ec.SECP256R1())), 43)
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ModuleNotFoundError, match=r"PyJWT\[crypto\]"):
        fake.add_app(7, public(KEY), 43)
