"""The arguments of a request to any endpoint of the API, and its call."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ghartifacts_async import InvalidArgument, _arguments
from ghartifacts_async._api import endpoints
from tests.public.test_arguments import error_message


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/user", "/user"),
        ("/repos/o/r/actions/artifacts?per_page=5", "/repos/o/r/actions/artifacts?per_page=5"),
        ("/search?q=a/../b", "/search?q=a/../b"),
        ("https://api.github.com/user", "/user"),
    ],
)
def test_request_path(path: str, below: str) -> None:
    """A request's path may be preceded by the base URL, and its query may contain anything."""
    assert _arguments.request_path(path, "https://api.github.com") == below


@pytest.mark.parametrize(
    "path",
    [
        "", "user", "//evil.example/user", "https://evil.example/user", "/a b", "/a#b", "/é",
        "https://api.github.com.evil.example/user", "/a\nb", "https://api.github.com",
        "/a\\b", None, 5,
    ],
)  # fmt: skip
def test_bad_request_path(path: Any) -> None:
    """A path that leads to another server, or that is not encoded, is refused."""
    check = partial(_arguments.request_path, base_url="https://api.github.com")
    assert "path must be a path of the API that begins with '/'" in error_message(check, path)


@pytest.mark.parametrize("path", ["/a/../b", "/./a", "/a/%2e%2E/b", "/a/%252e./b", "/a/..?x"])
def test_dot_segments(path: str) -> None:
    """A path with dot segments is refused, however they are encoded."""
    assert "path must have no dot segments" in error_message(_arguments.request_path, path)


def test_request_method() -> None:
    """A method is one of HTTP's, in any case."""
    assert _arguments.request_method("get") == "GET"
    for method in ("FETCH", "", None, "GET\n"):
        assert "method must be one of GET, HEAD" in error_message(_arguments.request_method, method)


def test_query() -> None:
    """Parameters are sent as text, booleans as GitHub writes them, and None leaves one out."""
    values = {"a": "x", "b": 5, "c": True, "d": None}
    assert _arguments.query(values) == {"a": "x", "b": "5", "c": "true"}
    assert _arguments.query(None) == {}
    assert "not a list" in error_message(_arguments.query, [("a", "b")])
    for wrong in ({1: "x"}, {"a": 1.5}, {"a": ["x"]}):
        assert "params must map names to a str" in error_message(_arguments.query, wrong)


def test_any_request() -> None:
    """A request of any endpoint has its parameters in the query. No POST or PATCH is repeated."""
    call = endpoints.request("post", "/orgs/o/teams", {"page": 2}, {"name": "x"})
    assert (str(call), call.query) == ("POST /orgs/o/teams", {"page": "2"})
    assert (call.body, call.repeatable) == ({"name": "x"}, False)
    assert endpoints.request("PUT", "/user", None, None).repeatable
    for body in ({"a": object()}, {1, 2}, [float, ()], float("nan"), [float("-inf")]):
        with pytest.raises(InvalidArgument, match="json must consist of JSON values"):
            endpoints.request("POST", "/user", None, body)
