"""Determine the file name of a payload, and check that the payload is complete and correct."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from email.utils import collapse_rfc2231_value
from struct import Struct
from urllib.parse import unquote

from ghartifacts_async._disk.filenames import safe_filename
from ghartifacts_async.errors import DigestMismatch, IncompleteDownload
from ghartifacts_async.models import Artifact, Digest

_ZIP_TYPES = frozenset(
    {"application/zip", "application/x-zip-compressed", "application/zip-compressed"}
)
_UNSPECIFIC_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})

_END_RECORD_MARK = b"PK\x05\x06"
_END_RECORD = Struct("<12xIIH")
END_OF_ZIP = _END_RECORD.size + 0xFFFF
"""Size of the end record of a zip with the longest possible comment, in bytes."""


def filename(artifact: Artifact, url_path: str, headers: Mapping[str, str]) -> str:
    """Return the name to save a payload as.

    A zip is named ``<artifact name>.zip``. An artifact that was uploaded with ``archive: false``
    (upload-artifact v7) is not a zip but the uploaded file, and keeps the name of that file, which
    is in the ``Content-Disposition`` header. Like GitHub's own client, treat a payload as a zip if
    its MIME type is that of a zip or the URL path ends in ``.zip``. Also treat it as a zip if the
    headers contain neither a specific MIME type nor a file name.

    Args:
        artifact: Artifact, as GitHub describes it.
        url_path: Percent-encoded path of the signed URL.
        headers: Headers of the store's response, by lower-case name.
    """
    mime_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if mime_type in _ZIP_TYPES or unquote(url_path).lower().endswith(".zip"):
        return safe_filename(artifact.name, ".zip")
    own_name = disposition_filename(headers.get("content-disposition", ""))
    if mime_type in _UNSPECIFIC_TYPES and own_name is None:
        return safe_filename(artifact.name, ".zip")
    return safe_filename(own_name or artifact.name)


def disposition_filename(header: str) -> str | None:
    """Return the file name in a ``Content-Disposition`` header without directories, or None.

    The parameter ``filename*`` takes precedence over ``filename``.

    Source: RFC 6266, section 4.3.
    """
    message = Message()
    # Replace undecodable bytes and line breaks, which would make the header invalid.
    message["Content-Disposition"] = " ".join(header.encode(errors="replace").decode().split())
    try:
        parameters = message.get_params(header="Content-Disposition") or []
        names = [value for name, value in parameters if name.lower() == "filename"]
        extended = [value for value in names if isinstance(value, tuple)]
        texts = [collapse_rfc2231_value(name) for name in (*extended, *names)]
    except (LookupError, ValueError):
        return None
    for text in texts:
        base = text.replace("\\", "/").rpartition("/")[2]
        if base.strip(" ."):
            return base
    return None


def sha256(artifact: Artifact) -> Digest | None:
    """Return GitHub's SHA-256 digest of an artifact, or None if GitHub has none."""
    digest = artifact.digest
    return digest if digest is not None and digest.algorithm == "sha256" else None


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
