"""Redirects never send the token outside the API or put a signed URL into a message."""

from __future__ import annotations

import pickle
import posixpath
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from ghartifacts_async import RedirectRefused
from ghartifacts_async._http.redaction import Redactor, Secret, hidden
from ghartifacts_async._http.redirects import (
    SignedUrl,
    api_hop,
    may_have_expired,
    repeats_secret,
    store_hop,
)
from tests.values import SECRET, examples

GITHUB = "https://api.github.com"
GHES = "https://ghe.example/api/v3"
STORE = "https://store.example/a/b?sig=old"
REDIRECTS = [301, 302, 307, 308]
PATH = "/repositories/1/actions/artifacts/11/zip"


def from_url(base: str) -> str:
    """Return the URL of a call below a base URL."""
    return f"{base}/repos/octo-org/octo-docs/actions/artifacts/11/zip"


def stays_below(base: str, target: str) -> bool:
    """Return True if all URL parsers agree that the target is below the base URL."""
    parts, url, home = urlsplit(target), URL(target, encoded=True), URL(base)
    path = posixpath.normpath(unquote(parts.path).replace("\\", "/"))
    return (
        "@" not in parts.netloc
        and (parts.scheme, parts.hostname) == (home.scheme, home.host)
        and (url.scheme, url.host, url.port) == (home.scheme, home.host, home.port)
        and f"{path}/".startswith(f"{home.path.rstrip('/')}/")
        and target.isascii()
        and target.isprintable()
    )


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize(
    ("base", "location", "target"),
    [
        (GITHUB, f"{GITHUB}{PATH}", f"{GITHUB}{PATH}"),
        (GITHUB, PATH, f"{GITHUB}{PATH}"),
        (GITHUB, f"{GITHUB}{PATH}?page=2&name=a%2Fb", f"{GITHUB}{PATH}?page=2&name=a%2Fb"),
        (GITHUB, f"{GITHUB}:443{PATH}", f"{GITHUB}:443{PATH}"),
        (GHES, f"{GHES}{PATH}", f"{GHES}{PATH}"),
        (GHES, f"/api/v3{PATH}", f"{GHES}{PATH}"),
        ("http://127.0.0.1:8080", PATH, f"http://127.0.0.1:8080{PATH}"),
        ("http://[::1]:8080", PATH, f"http://[::1]:8080{PATH}"),
    ],
)
def test_api_hop(base: str, location: str, target: str, status: int) -> None:
    """A redirect within the API, as for a renamed repository, is followed."""
    assert api_hop(base, from_url(base), status, Secret(location)) == target


@pytest.mark.parametrize(
    "location",
    [
        "HTTPS://API.GITHUB.COM/repositories/1/x",
        "https://Api.GitHub.com:443/repositories/1/x",
    ],
)
def test_api_hop_ignores_case(location: str) -> None:
    """Scheme and host of a redirect match the API's without regard to case."""
    found = api_hop(GITHUB, from_url(GITHUB), 301, Secret(location))
    assert found is not None
    assert stays_below(GITHUB, found)


OUTSIDE = [
    "https://api.github.com.evil.example/x",
    "https://api.github.com@evil.example/x",
    "https://api.github.com:pass@evil.example/x",
    "https://user@api.github.com/x",
    "https://:@api.github.com/x",
    "https://@api.github.com/x",
    "https://@ghe.example/api/v3/x",
    "https://api.github.com\\@evil.example/x",
    "https://evil.example\\@api.github.com/x",
    "https://evil.example#@api.github.com/x",
    "https://evil.example?@api.github.com/x",
    "https://api.github.com:8443/x",
    "https://api.github.com:0/x",
    "https://ghe.example:0/api/v3/x",
    "https://ghe.example.:443/api/v3/x",
    "http://api.github.com/x",
    "http://ghe.example/api/v3/x",
    "ftp://ghe.example/api/v3/x",
    "//evil.example/api/v3/x",
    "///evil.example/api/v3/x",
    "\\\\evil.example\\api\\v3\\x",
    "/\\evil.example/api/v3/x",
    "https:\\\\evil.example/x",
    "https://ghe.example/api/v3",
    "https://ghe.example/api/v33/x",
    "https://ghe.example/api/x",
    "https://ghe.example/login",
    "/login",
    "/api/v3/../../login",
    "https://ghe.example/api/v3/..",
    "https://ghe.example/api/v3/../../login",
    "https://ghe.example/api/v3/./../login",
    "https://ghe.example/api/v3/x/../../login",
    "https://ghe.example/api/v3/%2e%2e/%2E%2E/login",
    "https://ghe.example/api/v3/.%2e/login",
    "https://ghe.example/api/v3/..\\..\\login",
    "https://ghe.example/api/v3/%2e%2e%2f%2e%2e%2flogin",
    "https://\uff41pi.github.com/x",
    "https://api.github.com%2eevil.example/x",
    "https://api.github.com%00.evil.example/x",
    "https://[::1",
    "//[",
    "//[x]/",
    "https://[::1]]/",
    "https://ghe.example:port/api/v3/x",
    "https://ghe.example:99999/api/v3/x",
    "https://api.github.com/a b",
    "https://api.github.com/a\tb",
    "https://api.github.com/\r\nX-Evil: 1",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("base", [GITHUB, GHES])
@pytest.mark.parametrize("location", OUTSIDE)
def test_api_hop_never_leaves(base: str, location: str) -> None:
    """The token is sent again only to the same origin and below the same base URL."""
    try:
        found = api_hop(base, from_url(base), 302, Secret(location))
    except RedirectRefused:
        return
    assert found is None or stays_below(base, found)


@pytest.mark.parametrize(
    "location",
    [
        "https://api.github.com.evil.example/x",
        "//evil.example/x",
        "https://api.github.com:8443/x",
        "https://store.example/x?sig=1",
    ],
)
def test_api_hop_to_another_origin(location: str) -> None:
    """A redirect to another origin is not followed as part of the API."""
    assert api_hop(GITHUB, from_url(GITHUB), 302, Secret(location)) is None


@pytest.mark.parametrize("status", [200, 204, 300, 303, 304, 305, 404])
def test_no_api_hop(status: int) -> None:
    """Only a 301, 302, 307 or 308 with a Location can be a redirect within the API."""
    assert api_hop(GITHUB, from_url(GITHUB), status, Secret(PATH)) is None
    for location in (None, Secret("")):
        assert api_hop(GITHUB, from_url(GITHUB), 301, location) is None


URL_PARTS = st.sampled_from(
    ["https:", "HTTPS:", "http:", "ftp:", "/", "//", "\\", "@", ":", "443", "?", "#", "..", ".",
     "%2e", "%2f", "api", "v3", "api.github.com", "ghe.example", "evil.example", "[", "]", "::1",
     ";", " ", "\t", "\n", "\0", "\x7f", "\xe9", "\uff0f", "\udcff", "/api/v3/", "x"]
)  # fmt: skip
LOCATIONS = st.lists(URL_PARTS, max_size=9).map("".join) | st.text(st.characters())


@examples(200)
@given(st.sampled_from([GITHUB, GHES]), LOCATIONS, st.booleans())
@example(GHES, "https://ghe.example/api/v3/../x", False)
def test_api_hop_to_any_location(base: str, location: str, below: bool) -> None:
    """No value of Location makes the client send the token outside the base URL."""
    location = f"{base}/{location}" if below else location
    try:
        found = api_hop(base, from_url(base), 301, Secret(location))
    except RedirectRefused:
        return
    assert found is None or stays_below(base, found)


@examples(200)
@given(LOCATIONS, st.booleans())
def test_store_hop_to_any_location(location: str, absolute: bool) -> None:
    """Any Location is either followed over https or refused."""
    location = f"https://b.example/{location}" if absolute else location
    try:
        found = store_hop(STORE, 302, Secret(location))
    except RedirectRefused:
        return
    assert found is not None
    assert found.reveal().isascii()
    assert found.reveal().isprintable()
    parts = urlsplit(found.reveal())
    assert parts.scheme == "https"
    assert parts.hostname
    assert "@" not in parts.netloc


@examples(200)
@given(
    st.sampled_from(["store.example", "store.example:8443", "[::1]:9", "b"]),
    st.text("ab/.;:@!$&'()*+,=~%-_|^`{}\"", max_size=12),
    st.none() | st.text("ab/?.;:@!$&'()*+,=~%-_|^`{}\"", max_size=12),
)
@example("b.example", "/a/../b//c/./d;", "sig=%2F%2f%2B%3D%27%7E+/='~")
@example("b.example", "/a", "")
def test_signed_url_is_unchanged(host: str, path: str, query: str | None) -> None:
    """An absolute Location is used byte for byte as the signer wrote it."""
    location = f"https://{host}/{path}" + ("" if query is None else f"?{query}")
    found = store_hop(STORE, 302, Secret(location))
    assert found is not None
    assert found.reveal() == location


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://b.example/x?sig=1", "https://b.example/x?sig=1"),
        ("HTTPS://B.example/x?sig=1", "HTTPS://B.example/x?sig=1"),
        ("//b.example/x?sig=1", "https://b.example/x?sig=1"),
        ("/x?sig=%2F", "https://store.example/x?sig=%2F"),
        ("?sig=2", "https://store.example/a/b?sig=2"),
    ],
)
def test_store_hop(location: str, target: str, status: int) -> None:
    """A redirect from one store to another is followed, even if its Location is relative."""
    assert store_hop(STORE, status, Secret(location)) == SignedUrl(target)


def test_store_hop_over_http() -> None:
    """A store on http may redirect to http or to https."""
    for location in ("http://b.example/x", "https://b.example/x"):
        assert store_hop("http://a.example/", 302, Secret(location)) == SignedUrl(location)


@pytest.mark.parametrize("status", [200, 204, 206, 299, 304, 400, 404, 500])
def test_no_store_hop(status: int) -> None:
    """A response that is not a redirect is not followed."""
    assert store_hop(STORE, status, Secret("https://b.example/")) is None


@pytest.mark.parametrize(
    ("status", "location", "problem"),
    [
        (302, None, "302 without a Location"),
        (302, "", "302 without a Location"),
        (300, "https://b.example/", "300 without a Location"),
        (303, "https://b.example/", "303 without a Location"),
        (305, "https://b.example/", "305 without a Location"),
        (302, f"http://b.example/?sig={SECRET}", "from https to http (host b.example)"),
        (302, f"ftp://b.example/?sig={SECRET}", "not an http(s) URL"),
        (302, f"file:///etc/passwd?{SECRET}", "not an http(s) URL"),
        (302, f"https://user:{SECRET}@b.example/?sig={SECRET}", "credentials"),
        (302, f"https://{SECRET}@b.example/", "credentials"),
        (302, f"https://:@b.example/?sig={SECRET}", "credentials"),
        (302, f"https://@b.example/?sig={SECRET}", "credentials"),
        (302, f"https://b.example/a b?sig={SECRET}", "characters that are not allowed in URLs"),
        (302, f"https://b.example/?sig={SECRET}\xe9", "characters that are not allowed in URLs"),
        (302, f"https://b.example/?sig={SECRET}\tx", "characters that are not allowed in URLs"),
        (302, f"https://b.example:port/?sig={SECRET}", "not an http(s) URL"),
        (302, f"https://[::1/?sig={SECRET}", "not an http(s) URL"),
        (302, f"//[{SECRET}]/", "not an http(s) URL"),
    ],
)
def test_store_hop_refused(status: int, location: str | None, problem: str) -> None:
    """A redirect without a usable target is refused, and the error shows no secret of the URLs."""
    with pytest.raises(RedirectRefused) as caught:
        store_hop(f"https://user@store.example/a?sig={SECRET}", status, hidden(location))
    assert problem in caught.value.summary
    assert "store.example" in caught.value.summary
    assert SECRET not in f"{caught.value}{caught.value!r}"
    assert caught.value.__cause__ is None


def test_signed_url_is_not_shown() -> None:
    """The text of a signed URL shows its host, but neither its path nor its query."""
    url = SignedUrl(f"https://user@store.example:8443/a%2Fb.zip?sig={SECRET}")
    assert (url.host, url.path) == ("store.example:8443", "/a%2Fb.zip")
    for shown in (repr(url), str(url), f"{url}", repr([url])):
        assert "store.example:8443" in shown
        assert SECRET not in shown
        assert "/a" not in shown


def test_signed_url_is_a_value() -> None:
    """Signed URLs compare by their bytes and cannot be pickled."""
    url = SignedUrl("https://store.example/a?sig=%2f")
    assert url == SignedUrl("https://store.example/a?sig=%2f") != SignedUrl(url.reveal().upper())
    with pytest.raises(TypeError, match="contains a secret"):
        pickle.dumps(url)


@pytest.mark.parametrize("status", [200, 206, 400, 401, 403, 404, 412, 416, 429, 500, 503])
def test_which_statuses_may_mean_expiry(status: int) -> None:
    """A 400, 401 or 403 may mean that the URL has expired, unless it was just issued."""
    assert may_have_expired(status, signed_for_this=False) is (status in {400, 401, 403})
    assert not may_have_expired(status, signed_for_this=True)


def test_a_host_that_repeats_a_secret() -> None:
    """A Location is recognised if its host contains a secret."""
    token = "ghp_AbCdEf0123456789ghijKLMN"
    redact = Redactor().including([Secret(token)])
    for location in (f"https://{token}.example/", f"//a.{token}:8443", f"http://x@{token}"):
        assert repeats_secret(STORE, Secret(location), redact)
    for location in (f"https://a.example/{token}", "/a", "", "https://[", "https://a.example"):
        assert not repeats_secret(STORE, Secret(location), redact)
