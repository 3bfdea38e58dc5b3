"""What an artifact's payload is called, and whether it is all there and right."""

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
_UNTOLD_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})

_END_RECORD_MARK = b"PK\x05\x06"
_END_RECORD = Struct("<12xIIH")
END_OF_ZIP = _END_RECORD.size + 0xFFFF
"""How many of the last bytes of a zip hold its end record, comment included."""


def filename(artifact: Artifact, url_path: str, headers: Mapping[str, str]) -> str:
    """The name of the file in a directory: ``<artifact name>.zip``, or a raw payload's own name.

    Uploads with ``archive: false`` (upload-artifact v7) serve the file itself. As the official
    client does, a payload counts as a zip by its MIME type or a URL path that ends in ``.zip``,
    and a raw file is named by ``Content-Disposition``; as a zip counts also one of which the
    store tells neither type nor name.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _ZIP_TYPES or unquote(url_path).lower().endswith(".zip"):
        return safe_filename(artifact.name, ".zip")
    own_name = disposition_filename(headers.get("content-disposition", ""))
    if kind in _UNTOLD_TYPES and own_name is None:
        return safe_filename(artifact.name, ".zip")
    return safe_filename(own_name or artifact.name)


def disposition_filename(header: str) -> str | None:
    """The base name in a ``Content-Disposition`` header, ``filename*`` before ``filename``.

    Source: RFC 6266, section 4.3.
    """
    message = Message()
    # Bytes that are no text, and line breaks, have no business in a header.
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
    """The digest of an artifact, where it is of the kind that is computed here.

    Of another kind nobody would notice that it is not the one.
    """
    digest = artifact.digest
    return digest if digest is not None and digest.algorithm == "sha256" else None


def needs_tail(artifact: Artifact, received: int) -> bool:
    """Whether only the last bytes of a payload can tell that these are all."""
    return artifact.digest is None and received != artifact.size_in_bytes


def check(artifact: Artifact, received: int, digest: Digest, tail: bytes) -> bool:
    """Make sure that these are all the bytes, and the right ones; whether GitHub's digest says so.

    An artifact with a digest has the size that GitHub says. One without may not: before
    upload-artifact v4, `size_in_bytes` counts the files before they were zipped (GHES still
    works so), and its zip is complete where its end record closes it.

    Args:
        artifact: As GitHub describes it.
        received: Bytes that came.
        digest: SHA-256 of them.
        tail: The last of them, `END_OF_ZIP` or all, where it `needs_tail`.

    Raises:
        IncompleteDownload: Bytes are missing, are too many, or nothing tells.
        DigestMismatch: They are not those that were uploaded.
    """
    if received != artifact.size_in_bytes and (
        artifact.digest is not None or not ends_zip(tail, received)
    ):
        raise IncompleteDownload(
            f"artifact {artifact.id}: {received} bytes came, GitHub records "
            f"{artifact.size_in_bytes}",
            received=received,
            expected=artifact.size_in_bytes,
        )
    if artifact.digest is None or artifact.digest.algorithm != digest.algorithm:
        return False
    if artifact.digest != digest:
        raise DigestMismatch(
            f"artifact {artifact.id}: GitHub recorded {artifact.digest}, what came is {digest}",
            expected=str(artifact.digest),
            actual=str(digest),
        )
    return True


def ends_zip(tail: bytes, size: int) -> bool:
    """Whether a payload of this size ends as a zip: with an end record that closes it.

    The record tells where the central directory lies, which ends where the record begins
    (before zip64's own records, where there are any), and how long the comment after it is.

    Args:
        tail: The payload's last bytes, `END_OF_ZIP` of them or all.
        size: Bytes of the whole payload.

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
