"""Traces see each request once, without signed URLs, and their mistakes reach the caller."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ghartifacts_async import Client, ConnectionFailed
from ghartifacts_async.testing import FakeGitHub
from tests.support import QUICK, REPOSITORY, raw_server, says

# Sentry instruments the whole process for good.
SENTRY = """
import asyncio, json, sys, aiohttp, sentry_sdk
from ghartifacts_async import Client

events = []
sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1",
    traces_sample_rate=1.0,
    before_send=lambda event, _: events.append(event),
    before_send_transaction=lambda event, _: events.append(event),
)

async def main(token, url, repository, target, borrowed):
    session = aiohttp.ClientSession() if borrowed else None
    with sentry_sdk.start_transaction(name="download"):
        async with Client(token, base_url=url, session=session) as gh:
            await gh.repo(repository).download_artifact(1, target)
        sentry_sdk.capture_message("done")
    if session is not None:
        await session.close()
    message, transaction = events
    requests = message["breadcrumbs"]["values"], transaction["spans"]
    print(json.dumps([[one["data"] for one in each] for each in requests]))

asyncio.run(main(*sys.argv[1:5], len(sys.argv) > 5))
"""


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Instrument aiohttp with OpenTelemetry, and return the spans that it records."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()


async def download(fake: FakeGitHub, to: Any, session: aiohttp.ClientSession | None) -> None:
    """Download an artifact, with a session of the caller or of the client."""
    async with Client(fake.token, base_url=fake.url, session=session, retry=QUICK) as gh:
        await gh.repo(REPOSITORY).download_artifact(1, to)


def assert_traced_once(fake: FakeGitHub, urls: list[str]) -> None:
    """Check that the traced URLs are those of the requests, without the signed query."""
    assert len(urls) == len(fake.requests) >= 3
    assert not [url for url in urls if "sig=" in url]
    assert any(url.startswith(fake.blob_url) for url in urls)


@pytest.mark.parametrize("borrowed", [True, False])
async def test_opentelemetry(
    fake_github: FakeGitHub, spans: InMemorySpanExporter, tmp_path: Any, borrowed: bool
) -> None:
    """OpenTelemetry records one span per request, with or without a session of the caller."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * 1000)
    if borrowed:
        async with aiohttp.ClientSession() as session:
            await download(fake_github, tmp_path, session)
    else:
        await download(fake_github, tmp_path, None)
    attributes = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    assert_traced_once(
        fake_github, [str(each.get("http.url") or each.get("url.full")) for each in attributes]
    )


@pytest.mark.parametrize("borrowed", [True, False])
async def test_failures_in_spans(
    fake_github: FakeGitHub, spans: InMemorySpanExporter, tmp_path: Any, borrowed: bool
) -> None:
    """The span of a request to a store that failed has the error, without the signed query."""
    async with raw_server(says(b"no HTTP\r\n\r\n")) as store:
        fake_github.add_artifact(REPOSITORY, "dist", b"x", location=f"{store}/dist.zip?sig=S3cret")
        session = aiohttp.ClientSession() if borrowed else None
        with pytest.raises(ConnectionFailed):
            await download(fake_github, tmp_path, session)
        if session is not None:
            await session.close()
    events = [event for span in spans.get_finished_spans() for event in span.events]
    assert "not valid HTTP" in str([dict(event.attributes or {}) for event in events])
    assert "sig=" not in str([dict(event.attributes or {}) for event in events])


@pytest.mark.skipif(find_spec("sentry_sdk") is None, reason="sentry-sdk is not installed")
@pytest.mark.parametrize("borrowed", [True, False])
async def test_sentry(fake_github: FakeGitHub, tmp_path: Any, borrowed: bool) -> None:
    """Sentry records one span and one breadcrumb per request, with a session of either kind."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * 1000)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SENTRY, fake_github.token, fake_github.url, REPOSITORY),
        *(str(tmp_path / "dist.zip"), *["borrowed"] * borrowed),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    for recorded in json.loads(out):
        assert "sig=" not in json.dumps(recorded)
        assert_traced_once(fake_github, [str(each["url"]) for each in recorded])


@pytest.mark.parametrize("borrowed", [True, False])
async def test_an_instrumented_constructor(
    fake_github: FakeGitHub, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, borrowed: bool
) -> None:
    """An instrumentation that adds a trace config to each new session sees each request once."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * 1000)
    urls: list[str] = []
    original = aiohttp.ClientSession.__init__

    async def on_start(_: object, context: SimpleNamespace, params: Any) -> None:
        context.url = str(params.url)

    async def on_end(_: object, context: SimpleNamespace, __: object) -> None:
        urls.append(context.url)

    def instrumented(session: aiohttp.ClientSession, *args: Any, **options: Any) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(on_start)
        trace.on_request_end.append(on_end)
        options["trace_configs"] = [*(options.get("trace_configs") or ()), trace]
        original(session, *args, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", instrumented)
    if borrowed:
        async with aiohttp.ClientSession() as session:
            await download(fake_github, tmp_path, session)
    else:
        await download(fake_github, tmp_path, None)
    assert_traced_once(fake_github, urls)


@pytest.mark.parametrize("signal", ["on_request_start", "on_connection_create_start"])
@pytest.mark.parametrize("path", ["get", "download"])
@pytest.mark.parametrize("kind", [ValueError, RuntimeError, KeyError, OSError, TimeoutError])
async def test_a_mistake_in_a_trace(
    fake_github: FakeGitHub, tmp_path: Any, signal: str, path: str, kind: type[Exception]
) -> None:
    """An exception of a trace callback reaches the caller unchanged, after a single request."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x" * 1000)
    bug, reported = kind("my own bug"), []
    calls = 0

    async def fail(_: object, __: object, ___: object) -> None:
        nonlocal calls
        calls += 1
        if path == "get" or calls > 2:
            raise bug

    async def on_exception(_: object, __: object, params: Any) -> None:
        reported.append(params.exception)

    trace = aiohttp.TraceConfig()
    getattr(trace, signal).append(fail)
    trace.on_request_exception.append(on_exception)
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session,
        Client(fake_github.token, base_url=fake_github.url, session=session, retry=QUICK) as gh,
    ):
        repo = gh.repo(REPOSITORY)
        with pytest.raises(kind) as caught:
            await (repo.get_artifact(1) if path == "get" else repo.download_artifact(1, tmp_path))
    assert caught.value is bug
    assert calls == (1 if path == "get" else 3)
    assert all(error is bug for error in reported)


async def test_a_mistake_in_a_resolver(fake_github: FakeGitHub) -> None:
    """An exception of the caller's resolver that is no network error reaches the caller."""

    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(self, *_: Any, **__: Any) -> list[Any]:
            raise LookupError("my own bug")

        async def close(self) -> None:
            """Do nothing."""

    url = fake_github.url.replace("127.0.0.1", "localhost")
    connector = aiohttp.TCPConnector(resolver=Resolver())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        Client("token", base_url=url, session=session) as gh,
    ):
        with pytest.raises(LookupError, match="my own bug"):
            await gh.repo(REPOSITORY).get_artifact(1)


@pytest.mark.parametrize(
    "factory", [SimpleNamespace, lambda **fields: SimpleNamespace(n=7, **fields)]
)
async def test_the_context_of_a_trace(fake_github: FakeGitHub, factory: Any) -> None:
    """A trace gets the context that its own factory makes, the same one in all its callbacks."""
    fake_github.add_artifact(REPOSITORY, "dist", b"x")
    contexts: list[SimpleNamespace] = []

    async def keep(_: object, context: SimpleNamespace, __: object) -> None:
        contexts.append(context)

    trace = aiohttp.TraceConfig(factory)
    trace.on_request_start.append(keep)
    trace.on_request_end.append(keep)
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        Client(fake_github.token, base_url=fake_github.url, session=session) as gh,
    ):
        await gh.repo(REPOSITORY).get_artifact(1)
    start, end = contexts
    assert start is end
    assert vars(start) == vars(factory(trace_request_ctx=None))
