"""What aiohttp raises, told anew: its texts print whole signed URLs, ours name the host."""

from __future__ import annotations

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from ghartifacts_async._http.urls import host_of
from ghartifacts_async.errors import (
    CertificateRefused,
    ConnectionFailed,
    TimedOut,
    TransportError,
)

# RuntimeError is what aiohttp raises where a connection is closed under a request.
FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError, ValueError)
"""Whatever aiohttp raises for a request that did not succeed."""


_CERTIFICATE = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
_NEVER_SENT = (
    *_CERTIFICATE,
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)


def translated(error: Exception, url: str) -> TransportError:
    """The error of this library for one of aiohttp's. Raise it outside of its handler."""
    host = host_of(url)
    kind: type[TransportError] = ConnectionFailed
    if isinstance(error, _CERTIFICATE):
        kind = CertificateRefused
    elif isinstance(error, TimeoutError):
        kind = TimedOut
    arrived = not isinstance(error, _NEVER_SENT)
    return kind(f"{host}: {_reason(error)}", host=host, may_have_arrived=arrived)


def _reason(error: Exception) -> str:
    """What went wrong, in words that cannot hold a URL."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate was refused ({error.certificate_error})"
        case aiohttp.ServerFingerprintMismatch():
            return "its certificate is not the pinned one"
        case aiohttp.ClientProxyConnectionError():
            return (
                f"cannot connect to the proxy ({error.strerror or type(error.os_error).__name__})"
            )
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status}"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "its answer is not proper HTTP"
        case aiohttp.ClientConnectorError():
            return f"cannot connect ({error.strerror or type(error.os_error).__name__})"
        case aiohttp.ClientPayloadError():
            return "the connection broke before the end of the body"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection"
        case OSError(strerror=str(words)):
            return f"the connection broke ({words})"
        case _:
            return f"the connection failed ({type(error).__name__})"
