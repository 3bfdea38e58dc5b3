"""Wrong arguments raise InvalidArgument, which says what to pass instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import InvalidArgument, Run, _arguments
from tests.runs.support import run
from tests.values import SECRET, artifact, examples

NOT_POSITIVE: list[Any] = [0, -1, True, 1.0, "11", None, [11]]


def error_message(check: Callable[[Any], object], value: Any) -> str:
    """Return the message of the error that a check raises for a value."""
    with pytest.raises(InvalidArgument) as caught:
        check(value)
    return caught.value.summary


@pytest.mark.parametrize(
    "name", ["o/r", "octo-org/octo-docs", "O_o/R.r", "a/.github", "a/..r", "0/-"]
)
def test_repository(name: str) -> None:
    """A repository is accepted as owner/name."""
    assert _arguments.repository(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "octo-org", "", "/", "o/", "/r", "o/r/", "o/r/x", "./r", "../r", "o/.", "o/..", "o/r\n",
        " o/r", "o r/x", "\xe9/r", "o/%2e", "o/r?x", "o/r#x", "o\\r", "o/r\0", "\ud800/r", None, 5,
        b"o/r", ("o", "r"), "https://[github/o/r", "//[github/o/r", "https://[x]github/o/r",
    ],
)  # fmt: skip
def test_bad_repository(name: Any) -> None:
    """A name that is not of the form owner/name is refused: it could change the URL's path."""
    assert "a repository must be named 'owner/name'" in error_message(_arguments.repository, name)


@pytest.mark.parametrize(
    "name",
    [
        "https://github.com/octo-org/octo-docs",
        "http://www.github.com/octo-org/octo-docs/",
        "github.com/octo-org/octo-docs",
        "https://github.com/octo-org/octo-docs.git",
        "https://github.com/octo-org/octo-docs/actions/runs/2332938?x#y",
        "https://github.corp.example:8443/octo-org/octo-docs",
    ],
)
def test_repository_url(name: str) -> None:
    """The error for the URL of a repository suggests its owner/name."""
    assert error_message(_arguments.repository, name).endswith(
        "; did you mean 'octo-org/octo-docs'?"
    )


@pytest.mark.parametrize(
    ("check", "url"),
    [
        (_arguments.repository, f"https://{SECRET}@github.com/o/r"),
        (_arguments.repository, f"https://x-access-token:{SECRET}@github.com/o/r.git"),
        (_arguments.base_url, f"https://{SECRET}@ghe.example"),
        (_arguments.base_url, f"https://octo:{SECRET}@ghe.example"),
        (_arguments.base_url, f"https://octo:{SECRET}@ghe.example:port"),
        (_arguments.base_url, f"ftp://octo:{SECRET}@ghe.example"),
        (_arguments.base_url, f"https://ghe.example/api/v3?access_token={SECRET}"),
        (_arguments.base_url, f"https://ghe.example/api/v3#{SECRET}"),
        (_arguments.base_url_of_host, f"{SECRET}@ghe.example"),
        (_arguments.base_url_of_host, f"octo:{SECRET}@ghe.example"),
    ],
)
def test_credentials_are_not_shown(check: Callable[[Any], object], url: str) -> None:
    """The error for a URL with credentials does not show them."""
    assert SECRET not in error_message(check, url)


@pytest.mark.parametrize("number", [1, 11, 2**63])
def test_ids(number: int) -> None:
    """An id is a positive int; an artifact is accepted in place of its id."""
    assert _arguments.artifact_id(number) == number
    assert _arguments.artifact_id(artifact(id=number)) == number
    assert _arguments.run_id(number) == _arguments.run_id(str(number)) == number
    assert _arguments.installation_id(number) == number


@pytest.mark.parametrize("number", NOT_POSITIVE)
def test_bad_ids(number: Any) -> None:
    """An id that is not a positive int is refused."""
    assert f"a positive int, not {number!r}" in error_message(_arguments.artifact_id, number)


@pytest.mark.parametrize(
    "number", [*filter(lambda it: it != "11", NOT_POSITIVE), "0", "-1", "1.0", "\xb2", " 1", ""]
)
def test_bad_run_ids(number: Any) -> None:
    """A run's id that is neither a positive int nor its digits is refused."""
    message = error_message(_arguments.run_id, number)
    assert message.startswith(
        "run_id must be a Run or the id of a workflow run, a positive int, not "
    )


@pytest.mark.parametrize("value", [7, "7", run(id=7)])
def test_run_id(value: Run | int | str) -> None:
    """A workflow run is given as a Run, as its id, or as the digits of its id."""
    assert _arguments.run_id(value) == 7


@pytest.mark.parametrize("number", [1, 30, 100])
def test_per_page(number: int) -> None:
    """A page size from 1 to 100 is accepted."""
    assert _arguments.per_page(number) == number


@pytest.mark.parametrize("number", [*NOT_POSITIVE, 101])
def test_bad_per_page(number: Any) -> None:
    """A page size outside 1 to 100 is refused. It is not silently reduced to GitHub's maximum."""
    assert (
        error_message(_arguments.per_page, number)
        == f"per_page must be an int from 1 to 100, not {number!r}"
    )


@pytest.mark.parametrize("number", [None, 0, 1, 10_000])
def test_limit(number: int | None) -> None:
    """A limit is a non-negative number of artifacts, or None for all of them."""
    assert _arguments.limit(number) == number


@pytest.mark.parametrize("number", [-1, True, 1.5, "5"])
def test_bad_limit(number: Any) -> None:
    """A limit that is negative or not an int is refused."""
    assert "limit must be a non-negative int or None" in error_message(_arguments.limit, number)


def test_direction() -> None:
    """The direction of a run's listing is 'asc' or 'desc'. Any other value is refused."""
    for order in ("asc", "desc"):
        assert _arguments.direction(order) == order
    for other in ("ASC", "", None, 1):
        assert f"'asc' or 'desc', not {other!r}" in error_message(_arguments.direction, other)


def test_download_options() -> None:
    """if_exists, connections and concurrency accept valid values and refuse all others."""
    for what in ("verify", "replace", "error"):
        assert _arguments.if_exists(what) == what
    assert "not 'skip'" in error_message(_arguments.if_exists, "skip")
    assert [_arguments.connections(number) for number in (None, 1, 8)] == [None, 1, 8]
    assert [_arguments.concurrency(number) for number in (1, 256)] == [1, 256]
    for bad in (0, 257, -1, True, 2.0, "4"):
        assert "an int from 1 to 8, or None" in error_message(_arguments.connections, bad)
        assert "an int from 1 to 256" in error_message(_arguments.concurrency, bad)


@pytest.mark.parametrize("name", [None, "dist", " ", "\xe9\u2615", 'a"b<c>|d', "../x", "\0"])
def test_artifact_name(name: str | None) -> None:
    """An artifact may have any name; None means all names."""
    assert _arguments.artifact_name(name) == name


@pytest.mark.parametrize("name", ["", 5, b"dist", ["dist"], "\ud800", "a\udcffb"])
def test_bad_artifact_name(name: Any) -> None:
    """A name that is empty, not a str or not valid Unicode is refused."""
    assert "name must be a non-empty str or None" in error_message(_arguments.artifact_name, name)


def test_artifact_names() -> None:
    """Several names are kept in their order, each once; one that is not a name is refused."""
    assert _arguments.artifact_names("dist") == ("dist",)
    assert _arguments.artifact_names(["b", "a", "b"]) == ("b", "a")
    message = error_message(_arguments.artifact_names, ["dist", None])
    assert "names must be names of artifacts or patterns, not None" in message


@pytest.mark.parametrize("value", ["x", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "a.b-c~d/e+f="])
def test_token(value: str) -> None:
    """A token is any text of visible ASCII characters."""
    assert _arguments.token(value).reveal() == value


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("", "pass auth=Anonymous()"),
        (f"{SECRET}\n", "strip() it"),
        (f" {SECRET}", "strip() it"),
        (f"Bearer {SECRET}", "white space"),
        (f"{SECRET}\r\nX-Evil: 1", "line break"),
        (f"{SECRET}\0", "strip() it"),
        (f"{SECRET}\xe9", "non-ASCII"),
        (f"{SECRET}\x7f", "strip() it"),
        (SECRET.encode(), "a token must be a str, not bytes"),
        (None, "a token must be a str, not NoneType"),
    ],
)
def test_bad_token(value: Any, advice: str) -> None:
    """The error for a token that is not a valid header value gives advice and hides the token."""
    message = error_message(_arguments.token, value)
    assert advice in message
    assert SECRET not in message


@examples(100)
@given(st.text(st.characters()))
def test_any_token(tail: str) -> None:
    """Any token is either a valid header value or refused with an error that does not show it."""
    value = SECRET + tail
    if value.isascii() and value.isprintable() and " " not in value:
        assert _arguments.token(value).reveal() == value
    else:
        with pytest.raises(InvalidArgument) as caught:
            _arguments.token(value)
        assert SECRET not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize("value", ["x", "my-bot/1.0 (+https://bot.example)", "2026-03-10"])
def test_header_value(value: str) -> None:
    """A header value is a line of printable ASCII characters."""
    assert _arguments.header_value("user_agent", value) == value


@pytest.mark.parametrize("value", ["", "a\nb", "a\r", "\xe9", "\0", "\t", None, 5, b"x"])
def test_bad_header_value(value: Any) -> None:
    """A header value with line breaks, control characters or non-ASCII characters is refused."""
    message = error_message(lambda it: _arguments.header_value("user_agent", it), value)
    assert message == f"user_agent must be one line of printable ASCII, not {value!r}"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://api.github.com", "https://api.github.com"),
        ("https://api.github.com/", "https://api.github.com"),
        ("https://api.octo.ghe.com", "https://api.octo.ghe.com"),
        ("https://ghe.example/api/v3", "https://ghe.example/api/v3"),
        ("https://ghe.example/api/v3//", "https://ghe.example/api/v3"),
        ("https://ghe.example:8443/api/v3/", "https://ghe.example:8443/api/v3"),
        ("https://gateway.example/api/github", "https://gateway.example/api/github"),
        ("https://API.GitHub.com", "https://API.GitHub.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[::1]:8080/api/v3/", "http://[::1]:8080/api/v3"),
    ],
)
def test_base_url(url: str, base: str) -> None:
    """A base URL is accepted unchanged, except that slashes at its end are removed."""
    assert _arguments.base_url(url) == base


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        (None, "https://HOST/api/v3"),
        (b"https://ghe.example", "https://HOST/api/v3"),
        ("", "https://HOST/api/v3"),
        ("ghe.example", "https://HOST/api/v3"),
        ("//ghe.example", "https://HOST/api/v3"),
        ("ftp://ghe.example", "https://HOST/api/v3"),
        ("https://", "https://HOST/api/v3"),
        ("https:///api/v3", "https://HOST/api/v3"),
        ("http://[::1", "https://HOST/api/v3"),
        ("http://[x]/", "https://HOST/api/v3"),
        ("https://ghe.example:port", "https://HOST/api/v3"),
        ("https://ghe.example:99999", "https://HOST/api/v3"),
        ("https://github.com", "did you mean 'https://api.github.com'?"),
        ("HTTPS://WWW.GitHub.com/", "did you mean 'https://api.github.com'?"),
        ("https://github.com/api/v3", "did you mean 'https://api.github.com'?"),
        ("https://api.github.com/graphql", "did you mean 'https://api.github.com'?"),
        ("https://octo.ghe.com", "did you mean 'https://api.octo.ghe.com'?"),
        ("https://octo.ghe.com/api/v3", "did you mean 'https://api.octo.ghe.com'?"),
        ("https://api.octo.ghe.com/api/v3", "did you mean 'https://api.octo.ghe.com'?"),
        ("https://api.ghe.com", "did you mean 'https://api.SUB.ghe.com'?"),
        ("https://uploads.github.com", "did you mean 'https://api.github.com'?"),
        ("https://auth.octo.ghe.com", "did you mean 'https://api.octo.ghe.com'?"),
        ("https://ghe.example/api/graphql", "did you mean 'https://ghe.example/api/v3'?"),
        ("https://ghe.example:8443/api", "did you mean 'https://ghe.example:8443/api/v3'?"),
        ("https://ghe.example/x/api/v3/repos/o", "did you mean 'https://ghe.example/x/api/v3'?"),
        ("http://api.github.com", "use https://"),
        ("HTTP://API.GitHub.com.:80/", "use https://"),
        ("http://api.octo.ghe.com", "use https://"),
        ("http://octo.ghe.com", "did you mean 'https://api.octo.ghe.com'?"),
        ("https://octo@ghe.example", "pass them as auth"),
        ("https://octo:cat@ghe.example", "pass them as auth"),
        ("https://@ghe.example", ""),
        ("https://ghe.example/api/v3?x=1", "without query"),
        ("https://ghe.example/api/v3?", "without query"),
        ("https://ghe.example/api/v3#x", "fragment"),
        ("https://ghe.example/api/v3#", "fragment"),
        ("https://ghe.example/api v3", "spaces"),
        ("https://ghe.example\n", "spaces"),
        ("\thttps://ghe.example", "spaces"),
        ("https://ghe.example/\xe9", ""),
        ("https://ghe\\example", ""),
    ],
)
def test_bad_base_url(url: Any, advice: str) -> None:
    """The error for an unusable base URL says what to do."""
    message = error_message(_arguments.base_url, url)
    assert "base_url" in message
    assert advice in message


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("github.com", "https://api.github.com"),
        ("GitHub.com", "https://api.github.com"),
        ("www.github.com", "https://api.github.com"),
        ("api.github.com", "https://api.github.com"),
        ("octo.ghe.com", "https://api.octo.ghe.com"),
        ("Octo.GHE.com", "https://api.octo.ghe.com"),
        ("api.octo.ghe.com", "https://api.octo.ghe.com"),
        ("github.com:443", "https://api.github.com"),
        ("gist.github.com", "https://api.github.com"),
        ("auth.octo.ghe.com", "https://api.octo.ghe.com"),
        ("octo.ghe.com:444", "https://api.octo.ghe.com:444"),
        ("ghe.example", "https://ghe.example/api/v3"),
        ("ghe.example:8443", "https://ghe.example:8443/api/v3"),
        ("localhost", "https://localhost/api/v3"),
        ("[::1]:8443", "https://[::1]:8443/api/v3"),
        ("notghe.com", "https://notghe.com/api/v3"),
    ],
)
def test_base_url_of_host(host: str, base: str) -> None:
    """The base URL of a host depends on its kind: github.com, ghe.com or a GHES."""
    assert _arguments.base_url_of_host(host) == base


@pytest.mark.parametrize(
    "host",
    [
        None, 5, "", "https://ghe.example", "ghe.example/", "octo@ghe.example", "ghe.example?x",
        "ghe.example#x", "ghe example", "ghe.example\n", "ghe.example:port", "::1", "\xe9.example",
        "ghe.com", "api.ghe.com",
    ],
)  # fmt: skip
def test_bad_host(host: Any) -> None:
    """Text that is not a host name is refused."""
    error_message(_arguments.base_url_of_host, host)


@examples(150)
@given(st.text(":/@?#[]\\.%ab1 \n\xe9githubcom", max_size=20) | st.text(st.characters()))
def test_any_text(text: str) -> None:
    """Any text is either refused or converted to a form that is safe in a URL."""
    checks: list[Callable[[Any], str]] = [
        _arguments.repository,
        _arguments.base_url,
        _arguments.base_url_of_host,
        lambda it: _arguments.base_url(f"https://{it}"),
    ]
    for check in checks:
        try:
            found = check(text)
        except InvalidArgument:
            continue
        assert found.isascii()
        assert found.isprintable()
        assert not {" ", "?", "#"} & set(found)


@pytest.mark.parametrize("value", [None, 1, 0.5, 10**6])
def test_seconds(value: float | None) -> None:
    """A number of seconds is positive; None means no limit."""
    assert _arguments.seconds("timeout", value) == value


@pytest.mark.parametrize("value", [0, -1, True, float("inf"), float("nan"), "5"])
def test_bad_seconds(value: Any) -> None:
    """Seconds that are not positive and finite are refused, with the argument's name."""
    message = error_message(partial(_arguments.seconds, "timeout"), value)
    assert "timeout must be a positive number of seconds or None" in message
