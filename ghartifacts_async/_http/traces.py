"""Trace configs of aiohttp: each request is traced once, and no trace shows a signed URL.

Instrumentations such as those of OpenTelemetry and Sentry add a trace config of their own to every
new session. The client's session uses the trace configs of the caller's session instead, if there
is one, so that no request is traced twice.

The callbacks get the URL of a blob store without its query. The response that some of them get
still has it. If a request fails, they get the error of this library instead of aiohttp's exception,
whose text may contain a signed URL or the password of a proxy. If a callback raises an exception,
the call raises it unchanged: it is not a failure of the network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
from attrs import evolve

from ghartifacts_async._http.exception_mapping import REQUEST_EXCEPTIONS, map_exception

_SIGNALS = tuple(name for name in dir(aiohttp.TraceConfig) if name.startswith("on_"))

_is_signed: ContextVar[bool] = ContextVar("is_signed", default=False)


class CallbackFailed(Exception):
    """A callback of a trace config raised an exception.

    Args:
        error: The exception.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@contextmanager
def signed_request() -> Iterator[None]:
    """Hide the query of the URL that is requested in the block."""
    token = _is_signed.set(True)
    try:
        yield
    finally:
        _is_signed.reset(token)


def set_trace_configs(
    session: aiohttp.ClientSession, borrowed_session: aiohttp.ClientSession | None
) -> None:
    """Let a new session call the callbacks of the caller's session, or else its own."""
    originals = (session if borrowed_session is None else borrowed_session).trace_configs
    session.trace_configs[:] = [_TraceConfig(original) for original in originals]


class _TraceConfig(aiohttp.TraceConfig):
    """A trace config that calls the callbacks of another one."""

    def __init__(self, original: aiohttp.TraceConfig) -> None:
        super().__init__()
        self._original = original
        for name in _SIGNALS:
            getattr(self, name).extend(map(_wrapped, getattr(original, name)))
        self.freeze()

    def trace_config_ctx(self, trace_request_ctx: Any = None) -> SimpleNamespace:
        return self._original.trace_config_ctx(trace_request_ctx)


def _wrapped(callback: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def call(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
        if _is_signed.get() and hasattr(params, "url"):
            params = evolve(params, url=params.url.with_query(None))
        reported = getattr(params, "exception", None)
        if isinstance(reported, CallbackFailed):
            params = evolve(params, exception=reported.error)
        elif isinstance(reported, REQUEST_EXCEPTIONS):
            params = evolve(params, exception=map_exception(reported, str(params.url)))
        try:
            await callback(session, context, params)
        except Exception as error:
            failure = CallbackFailed(error)
        else:
            return
        raise failure

    return call
