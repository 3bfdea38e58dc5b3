"""The blob origin: signed URLs in, files out, as strict as an Azure blob host.

Where stores differ, this one does what Azure does: a single range is served, several are
ignored, a suffix is refused, and a start at the end of the blob cannot be satisfied.
"""

from __future__ import annotations

import re
import stat
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

import attrs

from ghartifacts_async.testing._artifact import FakeArtifact
from ghartifacts_async.testing._messages import (
    FileSlice,
    Reply,
    Request,
    etag_matches,
    http_date,
)
from ghartifacts_async.testing._signing import Signer
from ghartifacts_async.testing._store import Store

_VERSION = "2025-05-05"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)", re.ASCII)
_SUFFIX = re.compile(r"bytes=-[0-9]+", re.ASCII)
_NAMESPACE = uuid.UUID("6f1b8f0e-6c3a-4e2b-9b0e-2f9a3d8c1e55")


@attrs.frozen
class _FailedError(Exception):
    """Carries a refusal out of whichever check makes it."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = attrs.field(factory=dict)
    detail: str = ""


class BlobHost:
    """Hands out signed URLs and answers the requests made with them.

    Args:
        store: What there is.
        now: Seconds since the epoch.
    """

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._signer = Signer()
        self._ids: dict[str, int] = {}

    def signed_target(self, artifact: FakeArtifact, ttl: float) -> str:
        """Return path and query that serve the artifact's file for `ttl` seconds."""
        path = _blob_path(artifact)
        self._ids[path] = artifact.id
        parameters = {
            "sp": "r",
            "sv": _VERSION,
            "sr": "b",
            "rscd": _disposition(artifact.file_name),
            "rsct": artifact.content_type,
        }
        return self._signer.sign(path, parameters, self._now() + ttl)

    def answer(self, request: Request) -> Reply:
        """Answer one request; a request that must fail is answered too, nothing is raised."""
        request_id = str(uuid.uuid4())
        try:
            reply = self._decide(request)
        except _FailedError as failure:
            reply = _error_reply(failure, request_id, self._now())
        headers = {
            "Date": http_date(self._now()),
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
            "x-ms-request-id": request_id,
            "x-ms-version": _VERSION,
        }
        return Reply(reply.status, headers | reply.headers, reply.body)

    def _decide(self, request: Request) -> Reply:
        if "Authorization" in request.headers:
            raise _FailedError(
                400,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct format. "
                "Check the value of Authorization header.",
            )
        refusal = self._signer.refusal(request.target, self._now())
        if refusal is not None:
            raise _FailedError(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of "
                "Authorization header is formed correctly including the signature.",
                detail=refusal,
            )
        if request.method not in {"GET", "HEAD"}:
            message = "The resource doesn't support specified Http Verb."
            raise _FailedError(405, "UnsupportedHttpVerb", message, {"Allow": "GET, HEAD"})
        artifact = self._store.artifact(self._ids[request.raw_path])
        if artifact is None or not artifact.path.is_file():
            raise _FailedError(404, "BlobNotFound", "The specified blob does not exist.")
        return _serve(request, artifact)


def _serve(request: Request, artifact: FakeArtifact) -> Reply:
    status = artifact.path.stat()
    size = status[stat.ST_SIZE]
    etag = f'"0x8D{status.st_mtime_ns:X}{size:X}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": _disposition(artifact.file_name),
        "Content-Type": artifact.content_type,
        "ETag": etag,
        "Last-Modified": http_date(status.st_mtime),
        "x-ms-blob-type": "BlockBlob",
    }
    conditions = request.headers
    if "If-Match" in conditions and not etag_matches(conditions["If-Match"], etag, weakly=False):
        message = "The condition specified using HTTP conditional header(s) is not met."
        raise _FailedError(412, "ConditionNotMet", message)
    if "If-None-Match" in conditions and etag_matches(
        conditions["If-None-Match"], etag, weakly=True
    ):
        return Reply(304, headers)
    wanted = _wanted(request.headers.get("Range", ""), size)
    if wanted is None:
        return Reply(200, headers, FileSlice(artifact.path, 0, size))
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    return Reply(206, headers, FileSlice(artifact.path, wanted.start, len(wanted)))


def _wanted(header: str, size: int) -> range | None:
    """Return the bytes that a `Range` asks for, or None where all of them are to be sent."""
    if _SUFFIX.fullmatch(header):
        message = "The value for one of the HTTP headers is not in the correct format."
        raise _FailedError(400, "InvalidHeaderValue", message)
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    start = int(match[1])
    end = int(match[2]) if match[2] else size - 1
    if start >= size:
        message = "The range specified is invalid for the current size of the resource."
        raise _FailedError(416, "InvalidRange", message, {"Content-Range": f"bytes */{size}"})
    return range(start, min(end + 1, size)) if end >= start else None


def _blob_path(artifact: FakeArtifact) -> str:
    """Name the blob, the same for every URL of an artifact."""
    run = uuid.uuid5(_NAMESPACE, f"{artifact.repository_id}/{artifact.run_id}")
    blob = uuid.uuid5(_NAMESPACE, str(artifact.id)).hex
    suffix = "" if artifact.is_raw else ".zip"
    return f"/actions-results/{run}/artifacts/{blob}{suffix}"


def _disposition(file_name: str) -> str:
    """Write `Content-Disposition` for old and new clients (RFC 6266, RFC 5987)."""
    printable = "".join(char if " " <= char <= "~" else "_" for char in file_name)
    quoted = printable.replace("\\", "\\\\").replace('"', '\\"')
    encoded = quote(file_name, safe="", errors="surrogatepass")
    return f"attachment; filename=\"{quoted}\"; filename*=UTF-8''{encoded}"


def _error_reply(failure: _FailedError, request_id: str, now: float) -> Reply:
    moment = datetime.fromtimestamp(now, UTC).isoformat()
    message = escape(f"{failure.message}\nRequestId:{request_id}\nTime:{moment}")
    detail = failure.detail and (
        f"<AuthenticationErrorDetail>{escape(failure.detail)}</AuthenticationErrorDetail>"
    )
    body = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{failure.code}</Code><Message>{message}</Message>{detail}</Error>"
    )
    headers = {"Content-Type": "application/xml", "x-ms-error-code": failure.code}
    return Reply(failure.status, headers | failure.headers, body.encode())
