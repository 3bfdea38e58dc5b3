"""The headers of range requests, and the checks of the store's responses."""

from __future__ import annotations

import pytest

from ghartifacts_async._download.verification import (
    AcceptedResponse,
    BlobInfo,
    RejectedResponse,
    range_headers,
    validate_response,
)

STRONG = '"1"'
DATE = "Fri, 27 Nov 2026 10:00:00 GMT"
LATER = "Fri, 27 Nov 2026 11:00:00 GMT"


@pytest.mark.parametrize(
    ("start", "stop", "blob", "headers"),
    [
        (0, None, BlobInfo(), {}),
        (0, 10, BlobInfo(10), {}),
        (0, 10, BlobInfo(10, STRONG), {"If-Match": STRONG}),
        (0, 10, BlobInfo(10, 'W/"1"'), {}),
        (0, 10, BlobInfo(10, DATE), {}),
        (0, 5, BlobInfo(10), {"Range": "bytes=0-4"}),
        (5, 10, BlobInfo(10, STRONG), {"Range": "bytes=5-9", "If-Match": STRONG}),
    ],
)
def test_range_headers(
    start: int, stop: int | None, blob: BlobInfo, headers: dict[str, str]
) -> None:
    """A part is requested with Range, the whole without; a strong ETag is sent as If-Match."""
    assert range_headers(start, stop, blob) == headers


def partial_headers(text: str, etag: str = STRONG) -> dict[str, str]:
    """Return the headers of a 206 response with this Content-Range."""
    return {"content-range": text, "etag": etag}


ENDS_AT_10 = AcceptedResponse(BlobInfo(10, STRONG), 10)
ENDS_AT_8 = AcceptedResponse(BlobInfo(10, STRONG), 8)


@pytest.mark.parametrize(
    ("status", "headers", "start", "stop", "blob", "expected"),
    [
        (
            200,
            {"content-length": "10", "etag": STRONG},
            0,
            None,
            BlobInfo(),
            AcceptedResponse(BlobInfo(10, STRONG), 10),
        ),
        (200, {}, 0, 10, BlobInfo(10), AcceptedResponse(BlobInfo(10), 10)),
        (200, {"content-length": "x"}, 0, None, BlobInfo(), AcceptedResponse(BlobInfo(), None)),
        (206, {"content-range": "bytes 5-9/10"}, 5, 10, BlobInfo(10, STRONG), ENDS_AT_10),
        (206, partial_headers("bytes 5-9/10"), 5, 10, BlobInfo(10), ENDS_AT_10),
        (206, partial_headers("Bytes 5-9/10"), 5, 10, BlobInfo(10), ENDS_AT_10),
        (206, partial_headers("bytes 5-9/*"), 5, 10, BlobInfo(10), ENDS_AT_10),
        (206, partial_headers("bytes 0-9/10"), 0, 10, BlobInfo(10), ENDS_AT_10),
        (206, partial_headers("bytes 0-9/10"), 0, None, BlobInfo(), ENDS_AT_10),
        (206, partial_headers("bytes 5-7/10"), 5, 10, BlobInfo(10), ENDS_AT_8),
        (206, partial_headers("bytes 5-7/*"), 5, 10, BlobInfo(10), ENDS_AT_8),
        (206, partial_headers("bytes 0-7/10"), 0, 10, BlobInfo(10), ENDS_AT_8),
        (
            206,
            partial_headers("bytes 5-9/10", f"W/{STRONG}"),
            5,
            10,
            BlobInfo(10, STRONG),
            AcceptedResponse(BlobInfo(10, f"W/{STRONG}"), 10),
        ),
        (403, {}, 0, 5, BlobInfo(10), None),
        (412, {}, 5, 10, BlobInfo(10), None),
        (416, {"content-range": "bytes */10"}, 5, 10, BlobInfo(10, STRONG), None),
        (500, {}, 0, None, BlobInfo(), None),
    ],
)
def test_valid_responses(
    status: int,
    headers: dict[str, str],
    start: int,
    stop: int | None,
    blob: BlobInfo,
    expected: AcceptedResponse | None,
) -> None:
    """A valid response says what is known of the payload, and where its body ends."""
    assert validate_response(status, headers, start, stop, blob) == expected


@pytest.mark.parametrize(
    ("status", "headers", "whole", "changed", "no_ranges"),
    [
        (200, {"content-length": "10"}, True, False, False),
        (206, {}, False, False, True),
        (206, partial_headers("bytes 4-9/10"), False, False, True),
        (206, partial_headers("bytes 5-10/11"), False, False, True),
        (206, partial_headers("bytes 6-9/10"), False, False, True),
        (206, partial_headers("bytes 5-4/10"), False, False, True),
        (206, partial_headers("bytes=5-9/10"), False, False, True),
        (206, partial_headers("bytes 5-9/11"), False, True, False),
        (206, partial_headers("bytes 5-9/10", '"2"'), False, True, False),
        (412, {}, False, True, False),
    ],
)
def test_mismatched_responses(
    status: int, headers: dict[str, str], whole: bool, changed: bool, no_ranges: bool
) -> None:
    """A response that does not match the requested range or the payload is rejected."""
    rejection = validate_response(status, headers, 5, 10, BlobInfo(10, STRONG))
    assert isinstance(rejection, RejectedResponse)
    assert (rejection.whole, rejection.changed, rejection.no_ranges) == (whole, changed, no_ranges)


@pytest.mark.parametrize(
    ("known", "headers", "expected"),
    [
        (None, {"last-modified": DATE}, DATE),
        (None, {"last-modified": DATE, "etag": STRONG}, STRONG),
        (None, {"last-modified": "yesterday"}, None),
        (DATE, {}, DATE),
        (DATE, {"last-modified": DATE}, DATE),
        (DATE, {"last-modified": LATER}, "the store's Last-Modified has changed"),
        (DATE, {"last-modified": LATER, "etag": STRONG}, STRONG),
        (STRONG, {"last-modified": DATE}, STRONG),
        (STRONG, {"last-modified": DATE, "etag": STRONG}, STRONG),
        (STRONG, {"last-modified": DATE, "etag": '"2"'}, "the store's ETag has changed"),
    ],
)
def test_versions(known: str | None, headers: dict[str, str], expected: str | None) -> None:
    """Last-Modified identifies the version of a payload as long as the store sends no ETag."""
    response = validate_response(200, headers, 0, None, BlobInfo(10, known))
    if isinstance(response, AcceptedResponse):
        assert response.info.validator == expected
    else:
        assert isinstance(response, RejectedResponse)
        assert (response.reason, response.changed) == (expected, True)


@pytest.mark.parametrize(
    ("length", "known", "accepted"),
    [("10", 10, True), ("7", 10, False), (None, 10, False), ("10", None, False)],
)
def test_encoded_bodies(length: str | None, known: int | None, accepted: bool) -> None:
    """A Content-Encoding that was not requested is rejected, unless the size is the payload's."""
    headers = {"content-encoding": "gzip"} | ({} if length is None else {"content-length": length})
    response = validate_response(200, headers, 0, None, BlobInfo(known))
    assert isinstance(response, AcceptedResponse) is accepted
    if isinstance(response, RejectedResponse):
        assert "Content-Encoding: gzip" in response.reason


@pytest.mark.parametrize(("length", "accepted"), [("5", True), ("7", False), (None, False)])
def test_encoded_ranges(length: str | None, accepted: bool) -> None:
    """An encoded range is rejected, unless its size is the requested one."""
    headers = {**partial_headers("bytes 5-9/10"), "content-encoding": "gzip"}
    if length is not None:
        headers["content-length"] = length
    response = validate_response(206, headers, 5, 10, BlobInfo(10))
    assert isinstance(response, AcceptedResponse) is accepted


def test_responses_to_a_request_for_the_whole() -> None:
    """A request for the whole payload rejects a range in its middle, and another size."""
    middle = validate_response(206, partial_headers("bytes 3-9/10"), 0, 10, BlobInfo(10))
    assert isinstance(middle, RejectedResponse)
    other = validate_response(200, {"content-length": "11"}, 0, 10, BlobInfo(10))
    assert isinstance(other, RejectedResponse)
    assert other.changed
