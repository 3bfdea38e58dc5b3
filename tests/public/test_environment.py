"""`Client.from_env`: which server and which token the environment variables name."""

from __future__ import annotations

import inspect
import os

import pytest

from ghartifacts_async import Anonymous, Client, InvalidArgument, NotFound, NoToken
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async.testing import FakeGitHub
from tests.support import QUICK, REPOSITORY

CLOUD = "https://api.github.com"
GHES = "https://ghe.example/api/v3"
TENANT = "https://api.octo.ghe.com"
TOKENS = {
    "GH_TOKEN": "gh",
    "GITHUB_TOKEN": "github",
    "GH_ENTERPRISE_TOKEN": "gh-enterprise",
    "GITHUB_ENTERPRISE_TOKEN": "github-enterprise",
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the machine that runs the tests."""
    for name in os.environ:
        if name.startswith(("GH_", "GITHUB_")):
            monkeypatch.delenv(name)


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Set environment variables for a test."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def tokens(*names: str) -> dict[str, str]:
    """Return these token variables, each with another token."""
    return {name: TOKENS[name] for name in names}


@pytest.mark.parametrize(
    ("environment", "base_url", "token"),
    [
        (tokens(*TOKENS), CLOUD, "gh"),
        (tokens("GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN") | {"GH_TOKEN": ""}, CLOUD, "github"),
        (tokens("GITHUB_TOKEN") | {"GITHUB_API_URL": CLOUD}, CLOUD, "github"),
        (tokens(*TOKENS) | {"GH_HOST": "octo.ghe.com"}, TENANT, "gh"),
        (tokens("GITHUB_TOKEN") | {"GH_HOST": "octo.ghe.com"}, TENANT, "github"),
        (tokens("GITHUB_TOKEN") | {"GITHUB_API_URL": TENANT}, TENANT, "github"),
        (tokens(*TOKENS) | {"GH_HOST": "ghe.example"}, GHES, "gh-enterprise"),
        (tokens("GITHUB_ENTERPRISE_TOKEN") | {"GH_HOST": "ghe.example"}, GHES, "github-enterprise"),
        (tokens(*TOKENS) | {"GITHUB_API_URL": GHES}, GHES, "gh-enterprise"),
        (tokens("GH_TOKEN", "GITHUB_TOKEN") | {"GITHUB_API_URL": GHES}, GHES, "github"),
        (
            tokens("GITHUB_TOKEN") | {"GITHUB_API_URL": GHES, "GH_HOST": "GHE.example"},
            "https://GHE.example/api/v3",
            "github",
        ),
        # A workflow of an Enterprise Server that calls github.com, and the reverse.
        (tokens(*TOKENS) | {"GITHUB_API_URL": GHES, "GH_HOST": "github.com"}, CLOUD, "gh"),
        (
            tokens(*TOKENS) | {"GITHUB_API_URL": CLOUD, "GH_HOST": "ghe.example"},
            GHES,
            "gh-enterprise",
        ),
        # Other hosts of github.com, and of an enterprise with data residency.
        (tokens(*TOKENS) | {"GH_HOST": "github.com:443"}, CLOUD, "gh"),
        (tokens(*TOKENS) | {"GH_HOST": "gist.github.com"}, CLOUD, "gh"),
        (tokens(*TOKENS) | {"GH_HOST": "auth.octo.ghe.com"}, TENANT, "gh"),
        # Servers on this machine.
        (
            tokens("GH_TOKEN") | {"GITHUB_API_URL": "http://127.0.0.1:8080"},
            "http://127.0.0.1:8080",
            "gh",
        ),
        (
            tokens("GH_ENTERPRISE_TOKEN") | {"GITHUB_API_URL": "http://[::1]/api/v3"},
            "http://[::1]/api/v3",
            "gh-enterprise",
        ),
        (tokens("GITHUB_TOKEN") | {"GH_HOST": "localhost"}, "https://localhost/api/v3", "github"),
    ],
)
async def test_server_and_token(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], base_url: str, token: str
) -> None:
    """The server and the token are those that the GitHub CLI would use."""
    set_variables(monkeypatch, environment)
    gh = Client.from_env()
    assert repr(gh) == f"<Client of {base_url}, not open yet>"
    assert await gh._api._token(None) == Secret(token)


@pytest.mark.parametrize(
    ("environment", "parts"),
    [
        ({}, ["api.github.com", "export GH_TOKEN=$(gh auth token)", "Anonymous()"]),
        (
            tokens("GH_ENTERPRISE_TOKEN"),
            ["GH_TOKEN or GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN: set, but"],
        ),
        (
            tokens("GH_TOKEN", "GITHUB_TOKEN") | {"GH_HOST": "ghe.example"},
            [
                "export GH_ENTERPRISE_TOKEN=$(gh auth token --hostname ghe.example)",
                "GH_TOKEN, GITH",
            ],
        ),
        (
            tokens("GH_TOKEN") | {"GITHUB_API_URL": GHES},
            ["GH_ENTERPRISE_TOKEN", "GH_TOKEN: set, but"],
        ),
        (
            {"GH_HOST": "octo.ghe.com"},
            ["export GH_TOKEN=$(gh auth token --hostname octo.ghe.com)"],
        ),
        (
            tokens("GITHUB_TOKEN") | {"GITHUB_API_URL": GHES, "GH_HOST": "github.com"},
            ["set GH_TOKEN", "GITHUB_TOKEN: set, but"],
        ),
        (
            tokens("GITHUB_TOKEN") | {"GITHUB_API_URL": TENANT, "GH_HOST": "github.com"},
            ["set GH_TOKEN", "GITHUB_TOKEN: set, but"],
        ),
        (
            tokens("GITHUB_TOKEN") | {"GITHUB_API_URL": "nonsense", "GH_HOST": "github.com"},
            ["set GH_TOKEN", "GITHUB_TOKEN: set, but"],
        ),
    ],
)
def test_a_token_of_another_server_is_not_used(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], parts: list[str]
) -> None:
    """A token for another server is never used; the error says which variable to set."""
    set_variables(monkeypatch, environment)
    with pytest.raises(NoToken) as caught:
        Client.from_env()
    for part in parts:
        assert part in str(caught.value)


def test_an_explicit_base_url_gets_its_own_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL that is passed gets a token only if the variable is for that server."""
    set_variables(monkeypatch, tokens("GH_TOKEN"))
    assert "api.github.com" in repr(Client.from_env(base_url="https://api.github.com/"))
    with pytest.raises(InvalidArgument, match="GH_ENTERPRISE_TOKEN"):
        Client.from_env(base_url=GHES)


async def test_an_explicit_auth_wins(
    fake_github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`from_env(auth=…)` takes only the server from the environment, so no token need be set."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    monkeypatch.setenv("GITHUB_API_URL", fake_github.url)
    async with Client.from_env(Anonymous(), user_agent="bot/1", retry=QUICK) as gh:
        await gh.repo(REPOSITORY).get_artifact(1)
        with pytest.raises(NotFound):
            await gh.repo(REPOSITORY).get_artifact(2)
    assert {request.headers["User-Agent"] for request in fake_github.requests} == {"bot/1"}
    assert not any("Authorization" in request.headers for request in fake_github.requests)


def test_from_env_takes_all_arguments_of_a_client() -> None:
    """Every argument of `Client` can be passed to `from_env`, with the same default."""
    ours = inspect.signature(Client.from_env).parameters
    for name, parameter in inspect.signature(Client).parameters.items():
        assert ours[name].kind is parameter.kind
        if name not in {"auth", "base_url", "trust_env"}:
            assert ours[name].default == parameter.default


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GH_TOKEN": "gh\n"}, "GH_TOKEN: the token contains white space"),
        ({"GITHUB_TOKEN": " "}, "GITHUB_TOKEN: the token contains white space"),
        ({"GITHUB_API_URL": "api.github.com"}, "GITHUB_API_URL: base_url must be an http(s) URL"),
        ({"GH_HOST": "https://github.com"}, "GH_HOST: a GitHub host must be a host name"),
        ({"GITHUB_REPOSITORY": "docs"}, "GITHUB_REPOSITORY: a repository must be named"),
    ],
)
def test_an_error_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    """If a variable has an invalid value, the error says which one it is, and not the token."""
    set_variables(monkeypatch, tokens("GITHUB_TOKEN") | environment)
    with pytest.raises(InvalidArgument) as caught:
        Client.from_env().repo()
    assert str(caught.value).startswith(message)
    assert caught.value.__cause__ is None


async def test_the_repository_of_the_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gh.repo()` is the repository that the workflow runs in."""
    gh = Client("token")
    with pytest.raises(InvalidArgument, match="GITHUB_REPOSITORY"):
        gh.repo()
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    assert gh.repo().name == REPOSITORY
    assert gh.repo("o/r").name == "o/r"
