"""Secrets show in no repr, format or pickle, and text of a server that repeats them is redacted."""

from __future__ import annotations

import copy
import json
import pickle
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr, traverse

from ghartifacts_async import Client, GitHubApp, Token
from ghartifacts_async._http.redaction import (
    MAX_TEXT,
    Redactor,
    Secret,
    SecretUrl,
    decoded,
    hidden,
    kind_of,
    plain,
)
from ghartifacts_async._http.redirects import SignedUrl
from tests.support import rsa_keys
from tests.values import cost, examples

TOKEN = "ghp_AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH1234"
LONG = "github_pat_" + "A1b2C3d4E5" * 8
SIGNED = "https://store.example:8443/a/b.zip?sp=r&sig=Zm9vYmFy%2BcXV4%3D&se=2027-01-01T00%3A00"
PROXY = "http://user:S3cretProxyPw@proxy.example:3128"


@pytest.mark.parametrize("text", [TOKEN, LONG, SIGNED])
@pytest.mark.parametrize("kind", [Secret, SecretUrl, SignedUrl])
def test_a_secret_is_not_shown(kind: type[Secret], text: str) -> None:
    """No repr, format, container or pretty-printer shows any part of a secret."""
    secret = kind(text)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>9}",
        repr({"key": [secret]}),
        pretty_repr(secret),
        pretty_repr([secret], max_string=80),
        traverse(secret, max_length=10, max_string=80).render(max_width=10_000),
    ]
    for part in (text[:12], text[12:30], text[-12:]):
        if part not in "https://store.example:8443":
            assert not any(part in one for one in shown)


def test_only_reveal_returns_the_text() -> None:
    """A secret is not a str: it cannot be sliced, joined, encoded or serialised by mistake."""
    secret: Any = Secret(TOKEN)
    assert secret.reveal() == plain(secret) == plain(TOKEN) == TOKEN
    mistakes: list[Callable[[], object]] = [
        lambda: secret[:10],
        lambda: "".join([secret]),
        lambda: secret + "x",
        lambda: len(secret),
        lambda: json.dumps(secret),
        lambda: pickle.dumps(secret),
        lambda: copy.deepcopy(secret),
    ]
    for mistake in mistakes:
        with pytest.raises(TypeError):
            mistake()


def test_secrets_are_values() -> None:
    """Secrets compare and hash by their text, but never equal a plain text."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert not Secret("")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Token(TOKEN),
        lambda: Client(TOKEN),
        lambda: GitHubApp(1, rsa_keys()[0], installation_id=1),
        lambda: SignedUrl(SIGNED),
    ],
    ids=["Token", "Client", "GitHubApp", "SignedUrl"],
)
def test_objects_with_secrets_are_not_pickled(make: Callable[[], object]) -> None:
    """Pickling an object that contains a secret raises a TypeError that says so."""
    with pytest.raises(TypeError, match=r"contains a secret .* cannot be pickled"):
        pickle.dumps(make())


def test_hidden_arguments() -> None:
    """An argument that may be a token is hidden; what certainly is none is unchanged."""
    assert hidden(TOKEN) == Secret(TOKEN)
    for value in (None, hidden(TOKEN), Token(TOKEN), test_hidden_arguments, Token):
        assert hidden(value) is value
    for value in (TOKEN.encode(), bytearray(TOKEN.encode()), [TOKEN], {"token": TOKEN}, 5):
        wrapped = hidden(value)
        assert kind_of(wrapped) == type(value).__name__
        assert hidden(wrapped) is wrapped
        assert TOKEN not in repr(vars(wrapped))
    assert kind_of(5) == "int"


def test_an_awaitable_is_not_hidden() -> None:
    """What a token provider returns can still be awaited."""

    async def provide() -> str:
        return TOKEN

    provided = provide()
    assert hidden(provided) is provided
    provided.close()


def redactor(*secrets: Secret) -> Redactor:
    """Return a redactor of these secrets."""
    made = Redactor()
    for secret in secrets:
        made.add(secret)
    return made


@pytest.mark.parametrize(
    "text",
    [
        f"bad {TOKEN}",
        f"{TOKEN}{TOKEN}",
        f"token {TOKEN[:24]}...",
        f"...{TOKEN[-13:]}",
        b64encode(f"x:{TOKEN}".encode()).decode(),
        b64encode(f"xy:{TOKEN}:".encode()).decode(),
        b64encode(f"xyz:{TOKEN}\n".encode()).decode(),
        decoded(f"bad {TOKEN}".encode("utf-16")),
        decoded(f"bad {TOKEN}".encode("utf-32-be")),
        decoded(f"bad {TOKEN}".replace("_", "\\u005f").encode()),
        decoded("".join(f"\\u{ord(character):04X}" for character in TOKEN).encode()),
    ],
)
def test_an_echoed_token_is_redacted(text: str) -> None:
    """A token that a server repeats is removed: whole or in part, and in common encodings."""
    shown = redactor(Secret(TOKEN)).redact(text)
    assert "***" in shown
    pieces = [TOKEN[at : at + 12] for at in range(len(TOKEN) - 11)]
    pieces += [b64encode(piece.encode()).decode()[2:-2] for piece in pieces]
    assert not any(piece in shown for piece in pieces)


@pytest.mark.parametrize(
    "text",
    ["sig=Zm9vYmFy%2BcXV4%3D", "Zm9vYmFy+cXV4=", "<Code>Zm9vYmFy+cXV4=</Code>", SIGNED],
)
def test_an_echoed_signature_is_redacted(text: str) -> None:
    """A signed URL or its signature is removed from what the store says; its host is not."""
    shown = Redactor().redact(text, SignedUrl(SIGNED))
    assert "Zm9vYmFy" not in shown
    short = SignedUrl("https://store.example/a?se=2026-01-01&sig=Ab1%2Bcd2E")
    assert Redactor().redact("refused Ab1+cd2E", short) == "refused ***"
    assert Redactor().redact("store.example:8443 is busy", SignedUrl(SIGNED)).startswith("store.")


@pytest.mark.parametrize(
    "text",
    [
        "denied S3cretProxyPw",
        "denied user:S3cretProxyPw",
        f"Proxy-Authorization: Basic {b64encode(b'user:S3cretProxyPw').decode()}",
    ],
)
@pytest.mark.parametrize("url", [PROXY, PROXY.replace("S3c", quote("S") + "%33c")])
def test_echoed_credentials_of_a_proxy_are_redacted(url: str, text: str) -> None:
    """The password of a proxy is removed, also as the header that contains it."""
    shown = redactor(SecretUrl(url)).redact(text)
    assert "***" in shown
    assert "S3cretProxyPw" not in shown
    assert b64encode(b"user:S3cretProxyPw").decode()[:12] not in shown


def test_a_long_text_is_shortened() -> None:
    """An error keeps at most 1000 characters of a text from a server."""
    assert Redactor().redact("x" * 1000) == "x" * 1000
    assert Redactor().redact("x" * 1001) == "x" * 1000


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("after", range(3))
def test_a_short_secret_is_redacted_within_base64(before: int, after: int) -> None:
    """A secret in a text in base64 is removed, no matter which bytes are next to it."""
    secret = "S3cretPw"
    for neighbour in (b"\0", b"\xff", b"k"):
        text = b64encode(neighbour * before + secret.encode() + neighbour * after).decode()
        assert "***" in redactor(Secret(secret)).redact(f"denied {text}")


def test_redaction_of_long_texts_is_cheap() -> None:
    """Redacting a long text takes much less time than searching it for every piece of a secret."""
    redactor = Redactor()
    for number in range(8):
        query = "&".join(f"p{name}={number}{name:04}" + "v" * 40 for name in range(60))
        redactor.add(SecretUrl(f"https://store.example/x?{query}"))
    text = "".join(chr(97 + number * number % 23) for number in range(2000))
    secrets = "q7Xw" * 30_000
    searching = cost(lambda: [text[at : at + 12] in secrets for at in range(2000)])
    assert redactor.redact(text) == text[:1000]
    assert cost(lambda: redactor.redact(text)) < searching


def test_ordinary_text_is_kept() -> None:
    """Text without secrets is unchanged, and so is text that contains a very short secret."""
    text = "Resource not accessible by integration (ghp_, got, Bearer)"
    assert redactor(Secret(TOKEN), Secret("got"), SecretUrl(PROXY)).redact(text) == text
    assert SecretUrl("//[").reveal() == "//["
    assert redactor(SecretUrl("//[secret-text")).redact("//[secret-text") == "***"


def test_short_words_of_a_query_are_kept() -> None:
    """A text keeps words of up to seven characters that a signed URL also has."""
    url = SignedUrl("https://store.example/a?rscd=archive&sig=Zm9vYmFy%2BcXV4%3D")
    assert redactor(url).redact("the archive is gone") == "the archive is gone"


@pytest.mark.parametrize("size", range(12, 20))
def test_only_the_piece_is_redacted(size: int) -> None:
    """What stands beside a piece of a secret is kept."""
    assert redactor(Secret(TOKEN)).redact(f"<{TOKEN[5 : 5 + size]}>") == "<***>"
    assert redactor(Secret(TOKEN)).redact(f"at {TOKEN[:size]} end") == "at *** end"
    assert redactor(Secret(TOKEN)).redact(f"at the end {TOKEN[5 : 5 + size]}") == "at the end ***"


def test_the_shortest_secret() -> None:
    """A secret of eight characters is redacted. A shorter one could be a word."""
    for secret, shown in (("k3yk3yk3", "a *** b"), ("k3yk3yk", "a k3yk3yk b")):
        assert redactor(Secret(secret)).redact(f"a {secret} b") == shown


def test_the_last_secrets_are_remembered() -> None:
    """A client that renews its token redacts the last tokens, and forgets old ones."""
    secrets = [Secret(f"secret-number-{number:04}") for number in range(20)]
    made = redactor(*secrets, *secrets[-3:])
    assert made.redact(secrets[-1].reveal()) == "***"
    assert made.redact(secrets[-8].reveal()) == "***"


@examples(200)
@given(st.text(st.sampled_from("ghp_AB1=+/ ")), st.integers(0, 2 * MAX_TEXT), st.text())
def test_redaction_of_any_text(before: str, gap: int, after: str) -> None:
    """A token is removed from any text, wherever it occurs, and a long text is shortened."""
    shown = redactor(Secret(TOKEN)).redact(f"{before}{'x' * gap}{TOKEN}{after}{TOKEN}")
    assert len(shown) <= MAX_TEXT
    assert not any(TOKEN[at : at + 12] in shown for at in range(len(TOKEN) - 11))


def test_the_secrets_sent_last_are_redacted() -> None:
    """A secret that is sent again counts as sent last, so others do not displace it."""
    redactor, token = Redactor(), Secret("token-that-is-always-used")
    for number in range(20):
        redactor.add(token)
        redactor.add(Secret(f"another-token-with-number-{number}"))
    assert "always" not in redactor.redact(f"bad token {token.reveal()}")


def test_the_secrets_of_a_request_are_not_forgotten() -> None:
    """Text of a response is redacted with the secrets of its request, however many are newer."""
    redactor = Redactor()
    own = Secret(TOKEN)
    redact = redactor.including(["text/plain", own])
    redactor.add(own)
    for number in range(20):
        redactor.add(Secret(f"ghp_{number}-another-token"))
    assert redactor.redact(TOKEN) == TOKEN
    assert redact(f"text/plain {TOKEN}") == "text/plain ***"
