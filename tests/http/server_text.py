"""Every function of the library that takes text which a server sends, and hostile texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ghartifacts_async import Artifact, ArtifactPage, UnexpectedReply, errors
from ghartifacts_async._api import converters, endpoints, pagination, rate_limit_headers
from ghartifacts_async._api.call import ApiCall
from ghartifacts_async._api.filters import Filter
from ghartifacts_async._api.responses import errors as replies
from ghartifacts_async._api.responses import hints, link, message
from ghartifacts_async._bulk.path_template import PathTemplate
from ghartifacts_async._disk import filenames
from ghartifacts_async._download import verification
from ghartifacts_async._download.verification import BlobInfo
from ghartifacts_async._http import headers, messages, redaction, redirects, urls
from ghartifacts_async._http.messages import Response
from ghartifacts_async._http.redaction import Secret
from ghartifacts_async._http.redirects import SignedUrl
from tests.values import CALL, REPOSITORY, artifact, artifact_json

Parser = Callable[[str], object]

LISTING = endpoints.list_repository_artifacts(REPOSITORY, name=None, per_page=30)
TOKEN = endpoints.create_installation_token(1, None)
URL = "https://api.example/repos/o/r"


def redactor() -> redaction.Redactor:
    """Return the redactor of a client that has sent a token and used a proxy."""
    made = redaction.Redactor()
    made.add(Secret("ghp_0123456789abcdefghijklmnopqrstuvwxyz"))
    made.add(redaction.SecretUrl("http://user:password@proxy.example:3128"))
    return made


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _or_value_error(parse: Callable[[bytes], object]) -> Parser:
    """Return a parser for a function whose callers convert its `ValueError`."""

    def parse_text(text: str) -> object:
        with suppress(ValueError):
            return parse(_bytes(text))
        return None

    return parse_text


def _limits(text: str) -> dict[str, str]:
    return dict.fromkeys((*HEADERS, "x-ratelimit-remaining"), text)


def _rate_limits(parse: Callable[..., object], *more: Any) -> Parser:
    return lambda text: parse(_limits(text), *more)


def _response(status: int, text: str, body: str) -> Response:
    """Return a response with a text in the body and in all headers that the library reads."""
    return Response(status, _limits(text), _bytes(body), URL, Secret(text))


def _decoded(decode: Callable[[ApiCall[Any], Response], object], call: ApiCall[Any]) -> Parser:
    def parse(text: str) -> object:
        good = 201 if call.method == "POST" else 200
        wrong = artifact_json(name=text, created_at=text, digest=text, token=text, message=text)
        for status, body in ((good, text), (good, json.dumps(wrong)), (302, ""), (404, text)):
            with suppress(errors.GitHubError, errors.RedirectRefused):
                decode(call, _response(status, text, body))
        return None

    return parse


def _redirected(text: str) -> object:
    for location in (text, f"https://store.example/{text}", f"//{text}", f"/repos/{text}"):
        redirects.api_hop("https://api.example", URL, 301, Secret(location))
    return None


def _stored(text: str) -> object:
    for location in (text, f"https://store.example/{text}", f"https://{text}", f"//[{text}"):
        try:
            redirects.store_hop(URL, 302, Secret(location))
        except errors.RedirectRefused as error:
            str(error)
    return None


def _validated(text: str) -> object:
    info = BlobInfo(10, '"a"')
    for status in (200, 206, 416):
        verification.validate_response(status, dict.fromkeys(HEADERS, text), 0, 5, info)
        verification.validate_response(status, dict.fromkeys(HEADERS, text), 0, None, BlobInfo())
    return None


def _named(text: str) -> object:
    return verification.filename(artifact(name=text), text, dict.fromkeys(HEADERS, text))


HEADERS = (
    "accept-ranges", "content-disposition", "content-encoding", "content-length", "content-range",
    "content-type", "date", "deprecation", "etag", "last-modified", "link", "location",
    "retry-after", "github-authentication-token-expiration", "x-accepted-github-permissions",
    "x-github-request-id", "x-github-sso", "x-poll-interval", "x-ratelimit-limit",
    "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-resource",
)  # fmt: skip
"""The headers that the library reads."""

PARSERS: dict[str, Parser] = {
    "_api.converters.from_json": lambda text: converters.structure(
        artifact_json(name=text, created_at=text, digest=text), Artifact
    ),
    "_api.converters.parse_json": converters.parse_json,
    "_api.converters.structure": lambda text: converters.structure(
        {"total_count": 1, "artifacts": [{text: text}] * 3}, ArtifactPage
    ),
    "_api.converters.from_body": lambda text: converters.from_body(_bytes(text), ArtifactPage),
    "_api.endpoints.check_deleted": _decoded(endpoints.check_deleted, CALL),
    "_api.endpoints.read_artifact": _decoded(endpoints.read_artifact, CALL),
    "_api.endpoints.read_as": _decoded(
        lambda call, response: endpoints.read_as(endpoints.Installation, call, response), CALL
    ),
    "_api.endpoints.read_issued_token": _decoded(endpoints.read_issued_token, TOKEN),
    "_api.endpoints.read_json": _decoded(endpoints.read_json, CALL),
    "_api.endpoints.read_listing": _decoded(
        lambda call, response: endpoints.read_listing(ArtifactPage, call, response), LISTING
    ),
    "_api.endpoints.read_listing_page": _decoded(endpoints.read_listing_page, LISTING),
    "_api.endpoints.read_page": _decoded(endpoints.read_page, LISTING),
    "_api.endpoints.read_signed_url": _decoded(endpoints.read_signed_url, CALL),
    "_api.filters.Filter.matches": lambda text: Filter(pattern="*a*b?[c-d]*").matches(
        artifact(name=text)
    ),
    "_api.pagination.has_more": _decoded(
        lambda call, response: pagination.has_more(call, response, ArtifactPage(1, ())), LISTING
    ),
    "_api.responses.link.cursor_of": lambda text: link.cursor_of(f"/x?{text}"),
    "_api.responses.link.page_of": link.page_of,
    "_api.responses.link.parse_link": link.parse_link,
    "_api.rate_limit_headers.http_date": rate_limit_headers.http_date,
    "_api.rate_limit_headers.is_limit": lambda text: rate_limit_headers.is_limit(
        403, _limits(text), text, text
    ),
    "_api.rate_limit_headers.poll_interval": _rate_limits(rate_limit_headers.poll_interval),
    "_api.rate_limit_headers.rate_limit": _rate_limits(rate_limit_headers.rate_limit),
    "_api.rate_limit_headers.retry_after": _rate_limits(rate_limit_headers.retry_after, 0.0),
    "_api.rate_limit_headers.retry_at": _rate_limits(rate_limit_headers.retry_at),
    "_api.rate_limit_headers.seconds_to_wait": _rate_limits(
        rate_limit_headers.seconds_to_wait, 1, 0.0
    ),
    "_api.rate_limit_headers.server_time": _rate_limits(rate_limit_headers.server_time, 0.0),
    "_api.responses.errors.error_of": _decoded(replies.error_of, CALL),
    "_api.responses.errors.github_error": lambda text: replies.github_error(
        UnexpectedReply, text, _response(404, text, text), message=text, errors=(text,)
    ),
    "_api.responses.hints.for_base_url": _decoded(hints.for_base_url, CALL),
    "_api.responses.hints.for_forbidden": _decoded(
        lambda _, response: hints.for_forbidden(response, anonymous=False), CALL
    ),
    "_api.responses.hints.for_redirect": _decoded(
        lambda call, response: hints.for_redirect(call, response, SignedUrl("https://x/")), CALL
    ),
    "_api.responses.hints.for_unauthorized": _decoded(
        lambda _, response: hints.for_unauthorized(response, anonymous=False), CALL
    ),
    "_api.responses.hints.limit_for_anonymous": _decoded(
        lambda _, response: hints.limit_for_anonymous(response), CALL
    ),
    "_api.responses.hints.sso_url": _decoded(lambda _, response: hints.sso_url(response), CALL),
    "_api.responses.message.read_message": _decoded(
        lambda _, response: str(message.read_message(response)), CALL
    ),
    "_bulk.path_template.PathTemplate.path": lambda text: PathTemplate("{name}/{id}").path(
        artifact(name=text)
    ),
    "_disk.filenames.safe_filename": filenames.safe_filename,
    "_download.verification.filename": _named,
    "_download.verification.validate_response": _validated,
    "_http.headers.accepts_ranges": lambda text: headers.accepts_ranges({"accept-ranges": text}),
    "_http.headers.disposition_filename": headers.disposition_filename,
    "_http.headers.is_etag": headers.is_etag,
    "_http.headers.is_validator": headers.is_validator,
    "_http.headers.validator": lambda text: headers.validator({"last-modified": text}, text),
    "_http.headers.read_headers": lambda text: headers.read_headers(
        [(name, text) for name in ("ETag", "Location", "X")]
    ),
    "_http.messages.json_in": _or_value_error(messages.json_in),
    "_http.messages.parse_json": _or_value_error(messages.parse_json),
    "_http.messages.printable": messages.printable,
    "_http.redaction.Redactor.redact": lambda text: redactor().redact(text, SignedUrl(text)),
    "_http.redaction.decoded": lambda text: redaction.decoded(_bytes(text)),
    "_http.redirects.api_hop": _redirected,
    "_http.redirects.repeats_secret": lambda text: redirects.repeats_secret(
        URL, Secret(f"https://{text}"), redactor().redact
    ),
    "_http.redirects.store_hop": _stored,
    "_http.urls.host_of": urls.host_of,
    "_http.urls.is_local": urls.is_local,
    "_http.urls.split_url": urls.split_url,
}
"""The functions by their names below the package."""

OTHER_TEXT = {
    "_api.endpoints.create_installation_token": "arguments of the caller",
    "_api.endpoints.delete_artifact": "arguments of the caller",
    "_api.endpoints.download_artifact": "arguments of the caller",
    "_api.endpoints.find_installation": "arguments of the caller",
    "_api.endpoints.get_artifact": "arguments of the caller",
    "_api.endpoints.list_repository_artifacts": "arguments of the caller",
    "_api.endpoints.list_run_artifacts": "arguments of the caller",
    "_api.endpoints.request": "arguments of the caller",
    "_api.rate_limit_headers.points": "the method of a call",
    "_api.rate_limit_headers.until_reset": "covered by seconds_to_wait",
    "_http.redaction.plain": "returns its argument",
    "_download.journal.read": "a file of the library's own",
    "_download.verification.check": "bytes of the payload, covered by tests/download",
    "_download.verification.ends_zip": "bytes of the payload, covered by tests/download",
}
"""Functions that take other text, and the reason why they are not in `PARSERS`."""

UNITS = (
    ";", "a;", "<a>;", "<", "<>;a=", '<>;a="', '<a>; rel="', ",", " ", "\t", '"', "\\", '\\"', "'",
    "%41", "%", "a", "1", "-", "/", "../", ".", ":", "@", "//", "[", "{", '{"a":', "(", "Mon, ",
    "1 ", "= ", ";a=", ';a="', ';a="\\"', "; filename*=utf-8''", "; filename=", "\u0315\u0300",
    "A\u0300", "\u212b", "\u00e9", "\ud800", "\u202e", "\n", "\0", "ab",
    "<title>", "<script",
)  # fmt: skip
"""Texts that are slow to parse for some parsers if they are repeated."""

STARTS = ("", 'attachment; filename="', '"', "attachment; filename*=utf-8''", "<a>;rel=")
"""Beginnings of headers, after which the repeated texts follow."""

OF_HEADERS = {"_api.responses.link.parse_link"} | {
    name for name in PARSERS if name.startswith("_http.headers.")
}
"""The parsers of headers that have parameters."""
