"""How calls decode responses: redirects to signed URLs, refused redirects, and issued tokens."""

from __future__ import annotations

from typing import Any

import pytest

from ghartifacts_async import RedirectRefused, UnexpectedReply
from ghartifacts_async._api import endpoints
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.responses.errors import error_of
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Secret
from tests.values import CALL, REPOSITORY, SECRET, artifact_json, make_response


def test_a_download_is_redirected_to_its_signed_url() -> None:
    """The signed URL is the target of the redirect; any other response is refused."""
    call = endpoints.download_artifact(REPOSITORY, 11)
    location = f"https://store.example/x.zip?sig={SECRET}"
    found = call.decode(call, make_response(302, location=location))
    assert found.reveal() == location
    with pytest.raises(RedirectRefused, match=r"expected a redirect .* got status 200"):
        call.decode(call, make_response(200))


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("https://ghe.example", "base_url must begin with https://"),
        ("https://new.example", "If the server has moved, change base_url"),
    ],
)
def test_a_redirect_of_a_download_to_an_api_is_refused(server: str, words: str) -> None:
    """If a download is redirected to the same call elsewhere, the error says what to change."""
    call = endpoints.download_artifact(REPOSITORY, 11)
    target = Secret(f"{server}/api/v3{call.path}")
    response = Response(301, {}, b"", f"http://ghe.example/api/v3{call.path}", target)
    with pytest.raises(RedirectRefused) as caught:
        call.decode(call, response)
    assert words in str(caught.value)


@pytest.mark.parametrize("call", [CALL, endpoints.delete_artifact(REPOSITORY, 11)], ids=str)
def test_a_redirect_from_the_api_is_refused(call: ApiCall[Any]) -> None:
    """Only a download may be redirected to another host; the error names the host."""
    with pytest.raises(RedirectRefused, match=r"to evil\.example; the token is sent only"):
        call.decode(call, make_response(302, location="https://evil.example/x"))


def test_a_token_is_issued_at_the_date_of_the_response() -> None:
    """A token has an expiry and, if the response has a Date header, a time of issue."""
    call = endpoints.create_installation_token(7, None)
    body = {"token": SECRET, "expires_at": "2026-01-01T01:00:00Z"}
    date = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    issued = call.decode(call, make_response(201, body, **date))
    assert (issued.token.reveal(), issued.issued_at) == (SECRET, issued.expires_at - 3600)
    assert call.decode(call, make_response(201, body)).issued_at is None
    assert SECRET not in repr(issued)
    with pytest.raises(UnexpectedReply) as caught:
        call.decode(call, make_response(201, {"token": SECRET}))
    assert SECRET not in str(caught.value)


def test_a_page_with_too_many_artifacts_is_refused() -> None:
    """A page with more artifacts than GitHub sends is an UnexpectedReply that counts them."""
    call = endpoints.list_repository_artifacts(REPOSITORY, name=None, per_page=100)
    body = {"total_count": 34_000, "artifacts": [artifact_json()] * 5000}
    with pytest.raises(UnexpectedReply, match="5000 items on one page"):
        call.decode(call, make_response(200, body))


@pytest.mark.parametrize("values", [b"{}", b"0", b"[]", b'{"a":{}}', b'"a":0'])
def test_json_with_too_many_values_is_not_parsed(values: bytes) -> None:
    """JSON that would take long to parse is refused by the number of its values."""
    text = b"{%s}" if values.startswith(b'"') else b"[%s]"
    body = text % b",".join([values] * 250_002)
    calls = [
        endpoints.list_repository_artifacts(REPOSITORY, name=None, per_page=100),
        endpoints.request("GET", "/x", None, None),
    ]
    for call in calls:
        with pytest.raises(UnexpectedReply, match="more than 250000 values"):
            call.decode(call, make_response(body=body))
    error = error_of(calls[0], make_response(422, body=body))
    assert error is not None
    assert len(str(error)) < 1000
    fits = text % b",".join([values] * 80_000)
    assert calls[1].decode(calls[1], make_response(body=fits))


def test_the_largest_json() -> None:
    """JSON of a request may have 250,000 values."""
    call = endpoints.request("GET", "/x", None, None)
    body = b"[%s]" % b",".join([b"0"] * 250_000)
    assert call.decode(call, make_response(body=body)) == [0] * 250_000
