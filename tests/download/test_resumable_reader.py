"""The resumable reader, against a model store that may do anything that HTTP allows."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import ArtifactsError, ConnectionFailed, Digest, RetryPolicy
from ghartifacts_async._api.limits.wait_reporter import WaitReporter
from ghartifacts_async._download.blob import BlobClient
from ghartifacts_async._download.ranges import Segment
from ghartifacts_async._download.resumable_reader import (
    RestartDownload,
    ResumableReader,
    Retrier,
)
from ghartifacts_async._http.buffered_body import BufferPool
from ghartifacts_async._http.redirects import SignedUrl
from tests.values import artifact, examples

PAYLOAD = bytes(range(200))
REPLACEMENT = PAYLOAD[::-1]
ATTEMPTS = 4

Behaviour = tuple[str, int]
BEHAVIOURS = [
    "right", "short", "cut", "empty", "whole", "wrong part", "later part", "past the end",
    "several parts", "wrong size", "no total", "no length", "other unit", "other etag", "weak etag",
    "no etag", "date", "gzip", "204", "302", "304", "400", "403", "404", "409", "412", "416", "429",
    "500", "501", "503", "reset", "extra",
]  # fmt: skip
PERMANENT = {"204", "302", "304", "404", "409", "gzip", "whole", "wrong size", "other etag"}
"""Behaviours after which the range cannot be read to its end."""


@define
class ModelResponse:
    """A response of the model store, read in small chunks."""

    status: int
    headers: dict[str, str]
    body: bytes
    breaks: bool = False
    on_read: Callable[[], object] = lambda: None
    url: SignedUrl = field(factory=lambda: SignedUrl("https://store.test/x?sig=1"))
    location: None = None

    async def read(self) -> bytes:
        """Return the next chunk, or ``b""`` at the end."""
        self.on_read()
        chunk, self.body = self.body[:7], self.body[7:]
        if not chunk and self.breaks:
            raise ConnectionFailed("store.test: the connection broke", host="store.test")
        return chunk

    async def read_start(self, size: int) -> bytes:
        """Return the first bytes."""
        return self.body[:size]

    def redact(self, text: str) -> str:
        """Return the text."""
        return text


@define
class ModelStore:
    """A store with a list of behaviours: one for each response, and the last for all others.

    It stands for the transport and for the provider of signed URLs.

    Attributes:
        behaviours: What it does, and a number that says how.
        checks_versions: Whether it obeys ``If-Match``.
        payload: What it stores. The behaviour "replaced" stores other bytes from then on.
    """

    behaviours: list[Behaviour]
    checks_versions: bool = False
    payload: bytes = PAYLOAD
    buffers: BufferPool = field(factory=BufferPool)
    requests: int = 0
    on_read: Callable[[], object] = lambda: None

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[tuple[SignedUrl, bool]]:
        """Issue a URL."""
        yield SignedUrl("https://store.test/x?sig=1"), True

    def invalidate(self, url: SignedUrl) -> None:
        """Accept any URL."""

    @asynccontextmanager
    async def stream(
        self,
        url: SignedUrl,  # noqa: ARG002 - the signature of Transport.stream
        headers: Mapping[str, str],
    ) -> AsyncIterator[ModelResponse]:
        """Respond to a request."""
        kind, number = self.behaviours[min(self.requests, len(self.behaviours) - 1)]
        self.requests += 1
        if kind == "reset":
            raise ConnectionFailed("store.test: cannot connect", host="store.test")
        if kind == "replaced":
            self.payload = REPLACEMENT
        if self.checks_versions and headers.get("If-Match", self._etag) != self._etag:
            kind = "412"
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("Range", ""))
        start, stop = (int(found[1]), int(found[2]) + 1) if found else (0, len(PAYLOAD))
        response = self._respond(kind, number, start, stop, has_range=found is not None)
        response.on_read = self.on_read
        yield response

    @property
    def _etag(self) -> str:
        return '"e"' if self.payload is PAYLOAD else '"new"'

    def _respond(
        self, kind: str, number: int, start: int, stop: int, *, has_range: bool
    ) -> ModelResponse:
        if kind.isdigit():
            return ModelResponse(int(kind), {}, b"")
        total = str(len(PAYLOAD))
        headers = {"etag": self._etag}
        if kind in {"short", "empty"} and has_range:
            stop = start + (1 + number % (stop - start) if kind == "short" else 0)
        if kind == "wrong part":
            start = max(0, start - 1 - number)
        if kind == "later part":
            start = min(start + 1 + number, stop - 1)
        if kind == "wrong size":
            total = str(len(PAYLOAD) + 1)
        if kind == "no total":
            total = "*"
        if kind in {"no etag", "date"}:
            del headers["etag"]
        if kind == "date":
            headers["last-modified"] = f"Fri, 27 Nov 2026 12:00:{number % 60:02} GMT"
        if kind in {"other etag", "weak etag"}:
            headers["etag"] = '"f"' if kind == "other etag" else 'W/"e"'
        if kind == "gzip":
            headers["content-encoding"] = "gzip"
        unit = "Bytes" if kind == "other unit" else "bytes"
        body = self.payload[start:stop]
        if kind == "whole" or not has_range:
            headers["content-length"] = str(len(PAYLOAD))
            status, body = 200, self.payload
        elif kind == "several parts":
            headers["content-type"] = "multipart/byteranges; boundary=x"
            status, body = 206, b"--x\r\n\r\n" + body + b"\r\n--x--\r\n"
        else:
            status = 206
            end = stop - 1 + (number if kind == "past the end" else 0)
            headers["content-range"] = f"{unit} {start}-{end}/{total}"
            headers["content-length"] = str(len(body))
        if kind == "no length":
            del headers["content-length"]
        if kind == "cut":
            return ModelResponse(status, headers, body[: number % (len(body) + 1)], breaks=True)
        if kind == "extra":
            body += b"more"
        return ModelResponse(status, headers, body)


def reader_of(store: ModelStore, segment: Segment, *, digest: bool) -> ResumableReader:
    """Return a reader of a segment of the payload, with or without a known digest."""
    known = Digest("sha256", hashlib.sha256(PAYLOAD).hexdigest()) if digest else None
    described = artifact(size_in_bytes=len(PAYLOAD), digest=known)
    transport: Any = store
    client = BlobClient(transport, transport, described, whole=True)
    policy = RetryPolicy(attempts=ATTEMPTS, wait_initial=1e-6, wait_max=1e-6)
    return ResumableReader(client, Retrier(policy, WaitReporter()), segment)


def plans(kinds: list[str]) -> st.SearchStrategy[list[Behaviour]]:
    """Generate lists of behaviours of these kinds."""
    behaviour = st.tuples(st.sampled_from(kinds), st.integers(0, len(PAYLOAD)))
    return st.lists(behaviour, min_size=1, max_size=12)


behaviours = plans(BEHAVIOURS)


@examples(500)
@given(
    behaviours,
    st.integers(0, len(PAYLOAD) - 1),
    st.integers(1, len(PAYLOAD)),
    st.booleans(),
)
def test_the_reader_yields_the_right_bytes_or_an_error(
    plan: list[Behaviour], start: int, length: int, digest: bool
) -> None:
    """The reader returns the bytes of the range in order, each once, until it raises an error."""

    async def test() -> None:
        stop = min(len(PAYLOAD), start + length)
        segment = Segment(start, stop)
        store = ModelStore(plan)
        reader = reader_of(store, segment, digest=digest)
        received = b""
        try:
            while chunk := await reader.read():
                received += chunk
                assert received == PAYLOAD[start : start + len(received)]
            assert start + len(received) == stop
        except (ArtifactsError, RestartDownload):
            assert segment.at == start + len(received) < stop
        finally:
            await reader.close()
        assert store.requests <= ATTEMPTS * (length + 2)

    asyncio.run(test())


@examples(300)
@given(behaviours, st.integers(0, len(PAYLOAD) - 1))
def test_the_reader_recovers(plan: list[Behaviour], start: int) -> None:
    """A store that recovers after fewer faults than there are attempts is read to its end."""
    faults = [one for one in plan if one[0] not in PERMANENT][: ATTEMPTS - 1]

    async def test() -> None:
        store = ModelStore([*faults, ("right", 0)])
        segment = Segment(start, len(PAYLOAD))
        reader = reader_of(store, segment, digest=True)
        received = b""
        try:
            while chunk := await reader.read():
                received += chunk
        except RestartDownload as restart:
            # The store refused two ranges in a row, so the whole payload is requested.
            whole = restart.whole
        else:
            whole = received == PAYLOAD[start:]
        finally:
            await reader.close()
        assert whole

    asyncio.run(test())


@examples(300)
@given(
    behaviours,
    st.integers(0, len(PAYLOAD) - 1),
    st.lists(st.integers(0, 60), max_size=30),
)
def test_bytes_that_others_take_over_are_not_read(
    plan: list[Behaviour], start: int, cuts: list[int]
) -> None:
    """If another connection takes over the end of a range, this reader stops before that part."""

    async def test() -> None:
        segment = Segment(start, len(PAYLOAD))
        left = iter(cuts)

        def shrink() -> None:
            assert segment.stop is not None
            segment.stop = max(segment.at, segment.stop - next(left, 0))

        store = ModelStore(plan, on_read=shrink)
        reader = reader_of(store, segment, digest=True)
        received = b""
        try:
            while chunk := await reader.read():
                received += chunk
                assert segment.left >= 0
            assert received == PAYLOAD[start : segment.stop]
            assert segment.left == 0
        except (ArtifactsError, RestartDownload):
            assert received == PAYLOAD[start : segment.at]
        finally:
            await reader.close()

    asyncio.run(test())


@examples(300)
@given(
    plans(["right", "short", "cut", "empty", "503", "reset", "replaced", "no total", "other unit"]),
    st.integers(0, len(PAYLOAD) - 1),
    st.booleans(),
)
def test_bytes_of_two_payloads_are_not_mixed(
    plan: list[Behaviour], start: int, checks_versions: bool
) -> None:
    """Without a digest, the bytes are those of one payload, even if it is replaced in between."""

    async def test() -> None:
        store = ModelStore([*plan, ("right", 0)], checks_versions)
        reader = reader_of(store, Segment(start, len(PAYLOAD)), digest=False)
        received = b""
        try:
            with suppress(ArtifactsError, RestartDownload):
                while chunk := await reader.read():
                    received += chunk
        finally:
            await reader.close()
        assert PAYLOAD[start:].startswith(received) or REPLACEMENT[start:].startswith(received)

    asyncio.run(test())
