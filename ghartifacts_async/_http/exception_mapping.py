"""Map exceptions of aiohttp to errors of this library, which name the host but never the URL."""

from __future__ import annotations

import re

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError
from yarl import URL

from ghartifacts_async._http.headers import MAX_SIZE
from ghartifacts_async._http.redaction import Secret, plain
from ghartifacts_async._http.urls import host_of
from ghartifacts_async.errors import (
    CertificateRefused,
    ConnectionFailed,
    TimedOut,
    TransportError,
)

REQUEST_EXCEPTIONS = (aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError)
"""The exceptions that aiohttp raises for a failed request.

A `UnicodeError` means that the name of a host cannot be encoded. Any other exception comes from a
mistake in this library or in the caller's code.
"""

MAX_HEADER = 2**16
"""Longest header line that is accepted, in bytes."""

_UNKNOWN_ENCODING = re.compile(r"content-encoding: (\w+) \((?:br|zstd)\)")
_CERTIFICATE = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
_PROXY_REFUSED = frozenset({401, 403, 407})
_NEVER_SENT = (
    *_CERTIFICATE,
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
)


def encoded_url(url: str | Secret) -> URL:
    """Return a URL that aiohttp sends byte for byte.

    Raises:
        aiohttp.InvalidURL: The URL is invalid. The error has only its host.
    """
    try:
        return URL(plain(url), encoded=True)
    except ValueError:
        pass
    raise aiohttp.InvalidURL(host_of(plain(url)))


def map_exception(error: Exception, url: str) -> TransportError:
    """Return the error of this library for an exception of aiohttp.

    Raise it outside the except block. Otherwise the exception, whose message may contain the URL,
    would be chained.
    """
    host = host_of(url)
    kind: type[TransportError] = ConnectionFailed
    if isinstance(error, _CERTIFICATE):
        kind = CertificateRefused
    elif isinstance(error, TimeoutError):
        kind = TimedOut
    return kind(
        f"{host}: {_reason(error)}",
        host=host,
        may_have_arrived=not isinstance(error, _NEVER_SENT),
        retryable=not (
            kind is CertificateRefused
            or _is_too_long(error)
            or _encoding(error)
            or (isinstance(error, aiohttp.ClientHttpProxyError) and error.status in _PROXY_REFUSED)
        ),
    )


def headers_too_large(host: str) -> ConnectionFailed:
    """Return the error to raise if the headers of a response are too large."""
    return ConnectionFailed(
        f"{host}: the headers of the response are larger than {MAX_SIZE} bytes",
        host=host,
        retryable=False,
    )


def _is_too_long(error: Exception) -> bool:
    """Return True if the response was rejected because of a header that is too long."""
    return isinstance(error, aiohttp.ClientResponseError | HttpProcessingError) and (
        error.message.startswith("Got more than")
    )


def _encoding(error: Exception) -> str | None:
    """Return the compression that aiohttp cannot decode and has not requested, or None."""
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        found = _UNKNOWN_ENCODING.search(error.message)
        return found[1] if found else None
    return None


def _is_undecodable(error: BaseException | None) -> bool:
    """Return True if aiohttp failed to decompress the body of a response.

    How often aiohttp wraps this exception depends on whether the body arrived with the headers.
    """
    while error is not None and not isinstance(error, ContentEncodingError):
        error = error.__cause__
    return error is not None


def _reason(error: Exception) -> str:
    """Describe an exception without its message, which may contain the URL."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case TimeoutError():
            return "no response in time"
        case aiohttp.ClientConnectorCertificateError():
            return (
                f"cannot verify its certificate ({error.certificate_error}); if a company's own "
                "authority issued it, set SSL_CERT_FILE to a file that contains the authority's "
                "certificate, or pass ssl= to Client"
            )
        case aiohttp.ServerFingerprintMismatch():
            return "its certificate does not match the pinned fingerprint"
        case aiohttp.ClientProxyConnectionError():
            return (
                f"cannot connect to the proxy ({error.strerror or type(error.os_error).__name__})"
            )
        case aiohttp.ClientHttpProxyError(status=407):
            return "the proxy responded with status 407; put credentials into the proxy's URL"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy responded with status {error.status}"
        case _ if encoding := _encoding(error):
            return f"the response is compressed with {encoding}, which was not requested"
        case _ if _is_undecodable(error):
            return "the body cannot be decompressed; it may not be compressed as its headers say"
        case aiohttp.ClientResponseError() | HttpProcessingError() if _is_too_long(error):
            return f"a header of the response is longer than {MAX_HEADER} bytes"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "the response is not valid HTTP"
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
