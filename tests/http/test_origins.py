"""A redirect to another origin never gets the token, even if its path looks like the API's."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from ghartifacts_async import RedirectRefused
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.redirects import api_hop
from tests.http.test_redirects import GHES, GITHUB, PATH, from_url


@pytest.mark.parametrize("base", [GITHUB, GHES, "http://ghe.example:8080/api/v3"])
@pytest.mark.parametrize("path", ["/repos/octo-org/octo-docs/x", PATH, "/user/repos", "/orgs/a/b"])
def test_a_path_of_the_api_at_another_origin(base: str, path: str) -> None:
    """A redirect to another scheme, host or port loses the token, even to a path of the API."""
    parts = urlsplit(base)
    scheme, host, port = parts.scheme, parts.hostname, parts.port
    authority = parts.netloc
    other_scheme = "http" if scheme == "https" else "https"
    others = [
        f"{other_scheme}://{host}:{port or 443}",
        f"{other_scheme}://{authority}",
        f"{scheme}://{host}:8443",
        f"{scheme}://{host}:{(port or 443) + 1}",
        f"{scheme}://evil.example" + (f":{port}" if port else ""),
        f"{scheme}://{host}.evil.example" + (f":{port}" if port else ""),
        f"{scheme}://sub.{authority}",
    ]
    assert api_hop(base, from_url(base), 302, Secret(f"{base}{path}")) == f"{base}{path}"
    for other in others:
        try:
            found = api_hop(base, from_url(base), 302, Secret(f"{other}{parts.path}{path}"))
        except RedirectRefused:
            assert (scheme, other.partition(":")[0]) == ("https", "http")
        else:
            assert found is None, other
