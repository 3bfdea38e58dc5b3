"""The blob store as a function from `Request` to `Response`, as strict as Azure.

Real stores differ in details. This one does as Azure does: it serves a single range, ignores
multiple ranges, refuses a suffix range, and answers 416 to a range that starts at the blob's end.
"""

from __future__ import annotations

import re
import stat
import uuid
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import attrs

from ghartifacts_async.testing._blob.errors import BlobError
from ghartifacts_async.testing._blob.faults import NO_FAULT, BlobFault, apply_fault
from ghartifacts_async.testing._blob.signing import Signer
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.clock import Clock
from ghartifacts_async.testing._shared.database import Database
from ghartifacts_async.testing._shared.fault_schedule import FaultSchedule
from ghartifacts_async.testing._shared.held_requests import HeldRequests
from ghartifacts_async.testing._shared.messages import (
    FileSlice,
    Request,
    Response,
    etag_matches,
    has_no_body,
    http_date,
    seconds_after,
)

_VERSION = "2025-05-05"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)", re.ASCII)
_SUFFIX_RANGE = re.compile(r"bytes=-[0-9]+", re.ASCII)
_NAMESPACE = uuid.UUID("6f1b8f0e-6c3a-4e2b-9b0e-2f9a3d8c1e55")


@attrs.frozen(kw_only=True, eq=False)
class BlobControls:
    """The parts of the blob store that a test configures.

    Attributes:
        faults: The faults that are scheduled for requests.
        held: The requests that are held back.
        expired: The signed URLs that were invalidated by a fault, as the signer identifies them.
    """

    faults: FaultSchedule[BlobFault]
    held: HeldRequests
    expired: set[str] = attrs.field(factory=set)


class BlobHandler:
    """The part of the server that issues signed URLs and answers requests to them.

    Args:
        database: The server's data.
        controls: The parts that a test configures.
        now: The server's clock.
        signer: The signer of the URLs.
    """

    def __init__(
        self, database: Database, controls: BlobControls, now: Clock, signer: Signer
    ) -> None:
        self._database = database
        self._controls = controls
        self._now = now
        self._signer = signer
        self._artifact_ids: dict[str, int] = {}

    def signed_target(self, artifact: FakeArtifact, ttl: float) -> str:
        """Return the path and query of a URL that serves the artifact for `ttl` seconds."""
        path = _blob_path(artifact)
        self._artifact_ids[path] = artifact.id
        parameters = {
            "sp": "r",
            "sv": _VERSION,
            "sr": "b",
            "rscd": _content_disposition(artifact.file_name),
            "rsct": artifact.content_type,
        }
        target = self._signer.sign(path, parameters, self._now() + ttl)
        self._controls.expired.discard(self._signer.identify(target))
        return target

    @asynccontextmanager
    async def handle(self, request: Request) -> AsyncIterator[Response]:
        """Yield the response to a request. An error is also yielded as a response, not raised."""
        await self._controls.held.wait_until_released(request)
        with self._database.lock:
            self._now.execute_due()
            fault = self._controls.faults.next_for(request) or NO_FAULT
            response = self._respond(request, fault)
        yield response

    def _respond(self, request: Request, fault: BlobFault) -> Response:
        """Return the final response, with the fault and the common headers applied."""
        request_id = str(uuid.uuid4())
        try:
            response = self._execute(request, fault)
        except BlobError as error:
            response = error.response(request_id, self._now())
        headers = {
            "Date": http_date(self._now()),
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
            "x-ms-request-id": request_id,
            "x-ms-version": _VERSION,
        }
        if "Origin" in request.headers:
            headers["Access-Control-Allow-Origin"] = "*"
        response = Response(response.status, headers | response.headers, response.body)
        no_body = has_no_body(request.method, response.status)
        return apply_fault(fault, response, no_body=no_body)

    def _execute(self, request: Request, fault: BlobFault) -> Response:
        if "Authorization" in request.headers:
            raise BlobError(
                400,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct format. "
                "Check the value of Authorization header.",
            )
        if fault.is_expired:
            self._controls.expired.add(self._signer.identify(request.target))
        if fault.refusal is not None:
            retry_after = fault.retry_after
            headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
            raise BlobError.from_status(fault.refusal, headers)
        invalid = self._signer.error(request.target, self._now())
        if invalid is None and self._is_expired(request.target):
            invalid = "Signature not valid in the specified time frame"
        if invalid is not None:
            raise BlobError.from_status(403, detail=invalid)
        if request.method not in {"GET", "HEAD"}:
            raise BlobError.from_status(405, {"Allow": "GET, HEAD"})
        artifact = self._database.artifact(self._artifact_ids[request.path])
        if artifact is None or not artifact.path.is_file():
            raise BlobError.from_status(404)
        return _read_blob(request, artifact, fault)

    def _is_expired(self, target: str) -> bool:
        return self._signer.identify(target) in self._controls.expired


def _read_blob(request: Request, artifact: FakeArtifact, fault: BlobFault) -> Response:
    """Return the blob or the requested range of it, subject to the request's conditions."""
    file_status = artifact.path.stat()
    size = file_status[stat.ST_SIZE]
    etag = f'"0x8D{file_status.st_mtime_ns:X}{size:X}{fault.replica or ""}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": _content_disposition(artifact.file_name),
        "Content-Type": artifact.content_type,
        "ETag": etag,
        "Last-Modified": http_date(file_status.st_mtime),
        "x-ms-blob-type": "BlockBlob",
    }
    conditions = request.headers
    checks_etag = "If-Match" in conditions and "ETag" not in fault.headers
    if checks_etag and not etag_matches(conditions["If-Match"], etag, weakly=False):
        raise BlobError.from_status(412)
    modified = headers["Last-Modified"]
    age = seconds_after(modified, conditions.get("If-Unmodified-Since", ""))
    if "If-Match" not in conditions and age is not None and age > 0:
        raise BlobError.from_status(412)
    age = seconds_after(modified, conditions.get("If-Modified-Since", ""))
    is_known = age is not None and age <= 0
    if "If-None-Match" in conditions:
        is_known = etag_matches(conditions["If-None-Match"], etag, weakly=True)
    if is_known:
        return Response(304, headers)
    header = conditions.get("x-ms-range") or conditions.get("Range") or ""
    if header and fault.range_refusal is not None:
        raise BlobError.from_status(fault.range_refusal)
    requested = None if fault.ignores_range else _parse_range(header, size)
    if requested is None:
        return _encoded(200, headers, FileSlice(artifact.path, 0, size), fault)
    requested = requested[: fault.max_range]
    headers["Content-Range"] = f"bytes {requested.start}-{requested.stop - 1}/{size}"
    body = FileSlice(artifact.path, requested.start, len(requested))
    return _encoded(206, headers, body, fault)


def _encoded(status: int, headers: dict[str, str], body: FileSlice, fault: BlobFault) -> Response:
    """Return a response whose body has the encoding of the fault, if any."""
    if fault.encoding is None:
        return Response(status, headers, body)
    with body.path.open("rb") as file:
        file.seek(body.offset)
        content = file.read(body.length)
    encoder = zlib.compressobj(wbits=zlib.MAX_WBITS + (16 if fault.encoding == "gzip" else 0))
    content = encoder.compress(content) + encoder.flush()
    return Response(status, {**headers, "Content-Encoding": fault.encoding}, content)


def _parse_range(header: str, size: int) -> range | None:
    """Return the positions that `Range` requests, or None to send the whole blob."""
    if _SUFFIX_RANGE.fullmatch(header):
        raise BlobError.from_status(400)
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    start = int(match[1])
    end = int(match[2]) if match[2] else size - 1
    if start >= size:
        raise BlobError.from_status(416, {"Content-Range": f"bytes */{size}"})
    return range(start, min(end + 1, size)) if end >= start else None


def _blob_path(artifact: FakeArtifact) -> str:
    """Return the path of the blob, the same in every signed URL of the artifact."""
    run = uuid.uuid5(_NAMESPACE, f"{artifact.repository_id}/{artifact.run_id}")
    blob = uuid.uuid5(_NAMESPACE, str(artifact.id)).hex
    suffix = "" if artifact.is_raw else ".zip"
    return f"/actions-results/{run}/artifacts/{blob}{suffix}"


def _content_disposition(file_name: str) -> str:
    """Return `Content-Disposition` with an ASCII and a UTF-8 file name.

    Source:
        RFC 6266, section 4.3; RFC 8187.
    """
    printable = "".join(char if " " <= char <= "~" else "_" for char in file_name)
    quoted = printable.replace("\\", "\\\\").replace('"', '\\"')
    encoded = quote(file_name, safe="", errors="surrogatepass")
    return f"attachment; filename=\"{quoted}\"; filename*=UTF-8''{encoded}"
