"""Redirects of a store to the machine on which the client runs are refused."""

from __future__ import annotations

import pytest

from ghartifacts_async import RedirectRefused
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.redirects import SignedUrl, store_hop
from tests.values import SECRET

STORE = "https://store.example/a/b?sig=old"

LOCAL = [
    "127.0.0.1:8080", "127.8.9.1", "[::1]", "[::]", "0.0.0.0", "localhost", "LOCALHOST.:80",
    "x.localhost", "169.254.169.254", "[fe80::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433",
    "0x7f.1", "0177.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
def test_a_store_cannot_redirect_to_this_machine(host: str) -> None:
    """A remote store cannot redirect the client to this machine or to a link-local address."""
    location = Secret(f"https://{host}/x?sig={SECRET}")
    with pytest.raises(RedirectRefused, match="which is a loopback or link-local address"):
        store_hop(SignedUrl(STORE), 302, location)
    for url in (SignedUrl("https://127.0.0.2:9/"), "https://api.github.com/x"):
        assert store_hop(url, 302, location) == SignedUrl(location.reveal())


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.1.1", "[fd00::1]", "store.example", "1.example"]
)
def test_a_store_may_redirect_within_a_private_network(host: str) -> None:
    """A redirect to another host is followed, also to a private address, as in company networks."""
    location = f"https://{host}/x"
    assert store_hop(SignedUrl(STORE), 302, Secret(location)) == SignedUrl(location)
