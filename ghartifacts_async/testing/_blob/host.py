"""The blob origin: signed URLs in, files out, as strict as an Azure blob host.

Where stores differ, this one does what Azure does: a single range is served, several are
ignored, a suffix is refused, and a start at the end of the blob cannot be satisfied.
"""

from __future__ import annotations

import re
import stat
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

import attrs

from ghartifacts_async.testing._api.faults import Faults
from ghartifacts_async.testing._blob.errors import FailedError
from ghartifacts_async.testing._blob.faults import NO_FAULT, BlobFault
from ghartifacts_async.testing._blob.signing import Signer
from ghartifacts_async.testing._shared.artifact import FakeArtifact
from ghartifacts_async.testing._shared.matching import Holds
from ghartifacts_async.testing._shared.messages import (
    FileSlice,
    Reply,
    Request,
    etag_matches,
    http_date,
)
from ghartifacts_async.testing._shared.store import Store

_VERSION = "2025-05-05"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)", re.ASCII)
_SUFFIX = re.compile(r"bytes=-[0-9]+", re.ASCII)
_NAMESPACE = uuid.UUID("6f1b8f0e-6c3a-4e2b-9b0e-2f9a3d8c1e55")


@attrs.frozen(kw_only=True, eq=False)
class BlobConduct:
    """How the blob host treats its callers.

    Attributes:
        faults: What goes wrong.
        holds: Who has to wait.
        expired: The targets of URLs that have expired before their time.
    """

    faults: Faults[BlobFault]
    holds: Holds
    expired: set[str] = attrs.field(factory=set)


class BlobHost:
    """Hands out signed URLs and answers the requests made with them.

    Args:
        store: What there is.
        conduct: How callers are treated.
        now: Seconds since the epoch.
    """

    def __init__(self, store: Store, conduct: BlobConduct, now: Callable[[], float]) -> None:
        self._store = store
        self._conduct = conduct
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
        target = self._signer.sign(path, parameters, self._now() + ttl)
        self._conduct.expired.discard(target)
        return target

    @asynccontextmanager
    async def serve(self, request: Request) -> AsyncIterator[Reply]:
        """Answer one request; a request that must fail is answered too, nothing is raised."""
        await self._conduct.holds.passed(request)
        yield self._answer(request, self._conduct.faults.next_for(request) or NO_FAULT)

    def _answer(self, request: Request, fault: BlobFault) -> Reply:
        """Find the answer, give it what every answer has, and let go wrong what is to."""
        request_id = str(uuid.uuid4())
        try:
            reply = self._decide(request, fault)
        except FailedError as failure:
            reply = failure.reply(request_id, self._now())
        headers = {
            "Date": http_date(self._now()),
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
            "x-ms-request-id": request_id,
            "x-ms-version": _VERSION,
        }
        reply = Reply(reply.status, headers | reply.headers, reply.body)
        bodiless = request.method == "HEAD" or reply.status in {204, 304}
        return fault.applied(reply, bodiless=bodiless)

    def _decide(self, request: Request, fault: BlobFault) -> Reply:
        if "Authorization" in request.headers:
            raise FailedError(
                400,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct format. "
                "Check the value of Authorization header.",
            )
        if fault.is_expired:
            self._conduct.expired.add(request.target)
        if fault.refusal is not None:
            retry_after = fault.retry_after
            headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
            raise FailedError.of(fault.refusal, headers)
        refusal = self._signer.refusal(request.target, self._now())
        if refusal is None and request.target in self._conduct.expired:
            refusal = "Signature not valid in the specified time frame"
        if refusal is not None:
            raise FailedError.of(403, detail=refusal)
        if request.method not in {"GET", "HEAD"}:
            raise FailedError.of(405, {"Allow": "GET, HEAD"})
        artifact = self._store.artifact(self._ids[request.raw_path])
        if artifact is None or not artifact.path.is_file():
            raise FailedError.of(404)
        return _serve(request, artifact, fault)


def _serve(request: Request, artifact: FakeArtifact, fault: BlobFault) -> Reply:
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
    guarded = "If-Match" in conditions and "ETag" not in fault.headers
    if guarded and not etag_matches(conditions["If-Match"], etag, weakly=False):
        raise FailedError.of(412)
    if "If-None-Match" in conditions and etag_matches(
        conditions["If-None-Match"], etag, weakly=True
    ):
        return Reply(304, headers)
    wanted = None if fault.is_whole else _wanted(request.headers.get("Range", ""), size)
    if wanted is None:
        return Reply(200, headers, FileSlice(artifact.path, 0, size))
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    return Reply(206, headers, FileSlice(artifact.path, wanted.start, len(wanted)))


def _wanted(header: str, size: int) -> range | None:
    """Return the bytes that a `Range` asks for, or None where all of them are to be sent."""
    if _SUFFIX.fullmatch(header):
        raise FailedError.of(400)
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    start = int(match[1])
    end = int(match[2]) if match[2] else size - 1
    if start >= size:
        raise FailedError.of(416, {"Content-Range": f"bytes */{size}"})
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
