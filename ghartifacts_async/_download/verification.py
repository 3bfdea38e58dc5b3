"""Check the store's responses, name the file, and check that the payload is complete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from struct import Struct
from urllib.parse import unquote

from attrs import frozen

from ghartifacts_async._disk.filenames import safe_filename
from ghartifacts_async._http.headers import (
    disposition_filename,
    is_etag,
    may_be_same_version,
    validator,
)
from ghartifacts_async._http.messages import printable
from ghartifacts_async.errors import DigestMismatch, IncompleteDownload
from ghartifacts_async.models import Artifact, Digest

_ZIP_TYPES = frozenset(
    {"application/zip", "application/x-zip-compressed", "application/zip-compressed"}
)
_UNSPECIFIC_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})

_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_IDENTITY = frozenset({"", "identity"})

RANGE_REFUSED = frozenset({412, 416, 501})
"""Statuses that concern the requested range, of which some stores have a wrong idea at times."""

REQUEST_REFUSED = frozenset(range(400, 500)) - {401, 403, 404, 407, 408, 410, 425, 429}
"""Statuses with which some stores refuse the signed URL, and others the requested range."""

_MORE_THAN_TWICE = 64 * 2**20

_END_RECORD_MARK = b"PK\x05\x06"
_END_RECORD = Struct("<12xIIH")
END_OF_ZIP = _END_RECORD.size + 0xFFFF
"""Size of the end record of a zip with the longest possible comment, in bytes."""


@frozen
class BlobInfo:
    """The size and the version of a payload, as far as they are known.

    A response with a different size or version is rejected.

    Attributes:
        total: Size in bytes, or None if it is unknown.
        validator: The payload's ``ETag`` or ``Last-Modified``, or None if neither is known.
    """

    total: int | None = None
    validator: str | None = None


@frozen
class RejectedResponse:
    """The reason why a response is rejected.

    Attributes:
        reason: Description for an error message.
        changed: Whether the payload seems to have changed since an earlier response.
        whole: Whether the store sent the whole payload in response to a range request.
        no_ranges: Whether the store seems not to serve the requested range.
        encoding: A Content-Encoding that was not requested, or None.
    """

    reason: str
    changed: bool = False
    whole: bool = False
    no_ranges: bool = False
    encoding: str | None = None


@frozen
class AcceptedResponse:
    """A response that matches its request.

    Attributes:
        info: What is known of the payload after the response.
        stop: Offset after the last byte of the body, or None if it is unknown. A store may send
            less than the requested range.
    """

    info: BlobInfo
    stop: int | None


def may_refuse_range(status: int, code: str | None) -> bool:
    """Return True if a store may refuse a request only because it asks for a range.

    A request for the whole payload may then work. A response with an error code concerns the signed
    URL or the blob, unless its status or its code is one that concerns ranges.
    """
    concerns_range = code is None or "range" in code.lower()
    return status in RANGE_REFUSED or (status in REQUEST_REFUSED and concerns_range)


def is_whole(start: int, stop: int | None, info: BlobInfo) -> bool:
    """Return True if a range is the whole payload, so that no ``Range`` header is needed."""
    return start == 0 and (stop is None or stop == info.total)


def range_headers(start: int, stop: int | None, info: BlobInfo) -> dict[str, str]:
    """Return the headers for requesting a range.

    Every request has a single range with a first and a last byte, because blob stores handle other
    forms differently.

    Source: RFC 9110, section 14; https://learn.microsoft.com/rest/api/storageservices/get-blob
    """
    headers: dict[str, str] = {}
    if not is_whole(start, stop, info):
        assert stop is not None
        headers["Range"] = f"bytes={start}-{stop - 1}"
    if info.validator is not None and info.validator.startswith('"'):
        headers["If-Match"] = info.validator
    return headers


def validate_response(
    status: int, headers: Mapping[str, str], start: int, stop: int | None, info: BlobInfo
) -> AcceptedResponse | RejectedResponse | None:
    """Check that a response matches its request, and the size and version of the payload.

    This also detects stores that ignore the ``If-Match`` or the ``Range`` header.

    Args:
        status: Status of the response.
        headers: Headers of the response, by lower-case name.
        start: Offset of the first requested byte.
        stop: Offset after the last requested byte; None for the end of the payload.
        info: Size and version of the payload, as far as they are known.

    Returns:
        The accepted response, the reason to reject it, or None for another error status.
    """
    whole = is_whole(start, stop, info)
    if status == 412 and "If-Match" in range_headers(start, stop, info):
        return RejectedResponse("the store answered 412: the payload has changed", changed=True)
    if status == 200 and not whole:
        return RejectedResponse(
            "the store sent the whole payload instead of the requested range", whole=True
        )
    if status == 200:
        total, body_stop = _length(headers), None
    elif status == 206:
        value = headers.get("content-range", "")
        content_range = _parse_content_range(value)
        if content_range is None:
            return RejectedResponse(
                f"the store sent Content-Range {printable(value)!r}", no_ranges=True
            )
        first, body_stop, total = content_range
        size = info.total if total is None else total
        limit = min(end for end in (stop, size, body_stop) if end is not None)
        if first != start or not first < body_stop <= limit:
            requested = "the whole payload" if stop is None else f"{start}-{stop - 1}"
            return RejectedResponse(
                f"the store sent bytes {first}-{body_stop - 1} instead of {requested}",
                no_ranges=True,
            )
    else:
        return None
    encoding = headers.get("content-encoding", "").strip().lower()
    length = info.total if body_stop is None else body_stop - start
    has_payload_size = total == info.total is not None and _length(headers) == length
    if encoding not in _IDENTITY and not has_payload_size:
        return RejectedResponse(
            f"the store sent Content-Encoding: {printable(encoding)}, although the request "
            "accepts only the unencoded payload",
            encoding=encoding,
        )
    if info.total is not None and total not in {None, info.total}:
        return RejectedResponse(
            f"the store announced {total} bytes instead of {info.total}", changed=True
        )
    version = validator(headers, info.validator)
    if version is not None and not may_be_same_version(info.validator, version):
        header = "ETag" if is_etag(version) else "Last-Modified"
        return RejectedResponse(f"the store's {header} has changed", changed=True)
    size = info.total if total is None else total
    known = BlobInfo(size, version or info.validator)
    return AcceptedResponse(known, size if body_stop is None else body_stop)


def _parse_content_range(value: str) -> tuple[int, int, int | None] | None:
    """Return the first offset, the offset after the last one, and the size or None."""
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        return None
    return int(match[1]), int(match[2]) + 1, None if match[3] == "*" else int(match[3])


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if _LENGTH.fullmatch(length) else None


def filename(artifact: Artifact, url_path: str, headers: Mapping[str, str]) -> str:
    """Return the name to save a payload as.

    A zip is named ``<artifact name>.zip``. An artifact that was uploaded with ``archive: false``
    (upload-artifact v7) is not a zip but the uploaded file, and keeps the name of that file, which
    is in the ``Content-Disposition`` header. Like GitHub's own client, treat a payload as a zip if
    its MIME type is that of a zip or the URL path ends in ``.zip``. Also treat it as a zip if the
    headers contain neither a specific MIME type nor a file name.

    A zip that was uploaded with ``archive: false`` keeps its name, too. GitHub names the artifact
    after the file then, so both have the same name.

    Args:
        artifact: Artifact, as GitHub describes it.
        url_path: Percent-encoded path of the signed URL.
        headers: Headers of the store's response, by lower-case name.
    """
    mime_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    own_name = disposition_filename(headers.get("content-disposition", ""))
    if own_name == artifact.name and artifact.name.lower().endswith(".zip"):
        return safe_filename(artifact.name)
    if mime_type in _ZIP_TYPES or unquote(url_path).lower().endswith(".zip"):
        return safe_filename(artifact.name, ".zip")
    if mime_type in _UNSPECIFIC_TYPES and own_name is None:
        return safe_filename(artifact.name, ".zip")
    return safe_filename(own_name or artifact.name)


def sha256(artifact: Artifact) -> Digest | None:
    """Return GitHub's SHA-256 digest of an artifact, or None if GitHub has none."""
    digest = artifact.digest
    return digest if digest is not None and digest.algorithm == "sha256" else None


def max_size(artifact: Artifact) -> int:
    """Return the maximum number of bytes to accept as the payload of an artifact.

    With a digest, this is `size_in_bytes`. Without one, the sizes may differ (see `check`), and
    the limit only keeps a store from filling the disk: it is twice `size_in_bytes` and 64 MiB.
    """
    size = artifact.size_in_bytes
    return size if artifact.digest is not None else 2 * size + _MORE_THAN_TWICE


def needs_tail(artifact: Artifact, received: int) -> bool:
    """Return True if `check` needs the last bytes of a payload to decide if it is complete."""
    return artifact.digest is None and received != artifact.size_in_bytes


def check(artifact: Artifact, received: int, digest: Digest, tail: bytes) -> bool:
    """Check that a payload is complete and correct.

    If GitHub has a digest of the artifact, the payload must have `size_in_bytes` bytes. Without a
    digest, the sizes may differ: before upload-artifact v4, and still on GHES, `size_in_bytes` is
    the size of the files before they were zipped. A payload of another size is then complete if it
    ends with the end record of a zip.

    Args:
        artifact: Artifact, as GitHub describes it.
        received: Number of received bytes.
        digest: SHA-256 of the received bytes.
        tail: The last `END_OF_ZIP` bytes of the payload, or the whole payload if it is smaller. It
            may be empty if `needs_tail` returns False.

    Returns:
        True if the payload matches GitHub's digest. False if GitHub has no digest with the same
        algorithm as `digest`.

    Raises:
        IncompleteDownload: The payload has too few or too many bytes.
        DigestMismatch: The payload differs from GitHub's digest.
    """
    if received != artifact.size_in_bytes and (
        artifact.digest is not None or not ends_zip(tail, received)
    ):
        raise IncompleteDownload(
            f"artifact {artifact.id}: received {received} bytes, but GitHub records "
            f"a size of {artifact.size_in_bytes} bytes",
            received=received,
            expected=artifact.size_in_bytes,
        )
    if artifact.digest is None or artifact.digest.algorithm != digest.algorithm:
        return False
    if artifact.digest != digest:
        raise DigestMismatch(
            f"artifact {artifact.id}: GitHub records the digest {artifact.digest}, but the "
            f"received bytes have {digest}",
            expected=str(artifact.digest),
            actual=str(digest),
        )
    return True


def ends_zip(tail: bytes, size: int) -> bool:
    """Return True if a payload ends with the end record of a zip.

    The comment of the end record must end where the payload ends. The central directory must end
    where the end record begins, except in a zip64, which has further records between the two.

    Args:
        tail: The last `END_OF_ZIP` bytes of the payload, or the whole payload if it is smaller.
        size: Size of the payload in bytes.

    Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3.16
    """
    start = tail.rfind(_END_RECORD_MARK)
    while start >= 0:
        if len(tail) - start >= _END_RECORD.size:
            directory_size, directory_start, comment = _END_RECORD.unpack_from(tail, start)
            before = size - len(tail) + start
            zip64 = directory_start == 0xFFFFFFFF or directory_size == 0xFFFFFFFF
            closes = start + _END_RECORD.size + comment == len(tail)
            if closes and (zip64 or directory_start + directory_size == before):
                return True
        start = tail.rfind(_END_RECORD_MARK, 0, start)
    return False
