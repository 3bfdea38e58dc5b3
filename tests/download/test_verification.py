"""The file name of a payload, and the check that it is complete and correct."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghartifacts_async import Digest, DigestMismatch, IncompleteDownload
from ghartifacts_async._download.verification import (
    END_OF_ZIP,
    check,
    ends_zip,
    filename,
    max_size,
    may_refuse_range,
    needs_tail,
    sha256,
)
from ghartifacts_async._http.headers import disposition_filename
from tests.values import SHA256, artifact, assert_not_quadratic, examples


def zipped(comment: bytes = b"", *, files: int = 2) -> bytes:
    """Return a zip with small members and a comment."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(files):
            archive.writestr(f"{number}.txt", "hello" * number)
        archive.comment = comment
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "path", "disposition", "expected"),
    [
        ("application/zip", "/blob", None, "dist.zip"),
        ("application/zip; charset=binary", "/blob", None, "dist.zip"),
        ("Application/ZIP", "/blob", 'attachment; filename="other.zip"', "dist.zip"),
        ("application/x-zip-compressed", "/blob", None, "dist.zip"),
        ("application/zip-compressed", "/blob", None, "dist.zip"),
        (None, "/a/b.zip", None, "dist.zip"),
        ("text/plain", "/a/B.ZIP", None, "dist.zip"),
        ("text/plain", "/a/b%2Ezip", 'attachment; filename="report.txt"', "dist.zip"),
        (None, "/blob", None, "dist.zip"),
        ("", "/blob", None, "dist.zip"),
        ("application/octet-stream", "/blob", None, "dist.zip"),
        ("binary/octet-stream", "/blob", None, "dist.zip"),
        ("application/octet-stream", "/blob", "attachment", "dist.zip"),
        ("application/octet-stream", "/blob", 'attachment; filename="app.exe"', "app.exe"),
        (None, "/blob", "attachment; filename=report.json", "report.json"),
        ("text/html", "/blob", 'inline; filename="index.html"', "index.html"),
        ("text/html", "/blob", None, "dist"),
        ("text/html", "/zip", 'attachment; filename=""', "dist"),
        ("text/plain", "/blob", 'attachment; filename="../../.bashrc"', "_bashrc"),
        ("text/plain", "/blob", 'attachment; filename="con"', "_con"),
    ],
)
def test_filename(kind: str | None, path: str, disposition: str | None, expected: str) -> None:
    """A zip is named after its artifact; any other payload is named by its Content-Disposition."""
    headers = {"content-type": kind, "content-disposition": disposition}
    given_headers = {name: value for name, value in headers.items() if value is not None}
    assert filename(artifact(), path, given_headers) == expected


@pytest.mark.parametrize(
    ("name", "own_name", "expected"),
    [
        ("dist.zip", "dist.zip", "dist.zip"),
        ("Dist.ZIP", "Dist.ZIP", "Dist.ZIP"),
        ("dist.zip", "dist.zip.zip", "dist.zip.zip"),
        ("dist.zip", "Dist.zip", "dist.zip.zip"),
        ("dist", "dist", "dist.zip"),
    ],
)
def test_a_zip_that_was_uploaded_as_it_is_keeps_its_name(
    name: str, own_name: str, expected: str
) -> None:
    """A zip is not named ``.zip.zip`` if the artifact is named after it (``archive: false``)."""
    headers = {
        "content-type": "application/zip",
        "content-disposition": f'attachment; filename="{own_name}"',
    }
    assert filename(artifact(name=name), "/blob", headers) == expected


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "\0", "", "..", "CON", "\u202ex"])
def test_hostile_artifact_name(name: str) -> None:
    """An artifact name never leads out of the directory."""
    for kind in ("application/zip", "text/plain"):
        found = filename(artifact(name=name), "/blob", {"content-type": kind})
        assert not {"/", "\\", "\0"} & set(found)
        assert found not in {"", ".", ".."}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", None),
        ("attachment", None),
        ("attachment; filename", None),
        ('attachment; filename=""', None),
        ('attachment; filename="."', None),
        ('attachment; filename="dir/"', None),
        ('attachment; filename="dir/.."', None),
        ("attachment; filename=report.txt", "report.txt"),
        ('attachment; filename="report one.txt"', "report one.txt"),
        ('attachment; FileName="a;b,c.txt"', "a;b,c.txt"),
        ('attachment; filename="a\\"b.txt"', 'a"b.txt'),
        ('attachment; filename="\xe9.txt"', "\xe9.txt"),
        ('attachment; size=5; filename="a.txt"; x=y', "a.txt"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates.txt", "\u20ac rates.txt"),
        ("attachment; filename*=utf-8'en'%e2%82%ac.txt", "\u20ac.txt"),
        ("attachment; filename*=ISO-8859-1''%a3.txt", "\xa3.txt"),
        ("attachment; filename=\"e.txt\"; filename*=UTF-8''%e2%82%ac.txt", "\u20ac.txt"),
        ("attachment; filename*=UTF-8''%e2%82%ac.txt; filename=\"e.txt\"", "\u20ac.txt"),
        ("attachment; filename*=UTF-8''; filename=\"e.txt\"", "e.txt"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        ("attachment; filename*=UTF-8''..%2f..%5cboot.ini", "boot.ini"),
        ("attachment; filename*=UTF-8''%ff.txt", "\ufffd.txt"),
        ("attachment; filename*=no-such-charset''a.txt", None),
        ("attachment; filename*=UTF-8'a.txt; filename=b.txt", "b.txt"),
        ("attachment; filename*=utf-8''a; filename*0*=b", "a"),
        ("attachment; filename*0=a; filename*1=b", None),
        ("attachment; filename=a.txt; filename=b.txt", "a.txt"),
        ("attachment; filename = report one.txt ; x=y", "report one.txt"),
        ('attachment; filename="a.txt', "a.txt"),
        ("attachment; filename=" + "a" * 4096, None),
        ('attachment;\r\n filename="a.txt"', "a.txt"),
    ],
)
def test_disposition_filename(header: str, name: str | None) -> None:
    """The file name is the base name of `filename*`, or else of `filename`."""
    assert disposition_filename(header) == name


@pytest.mark.parametrize(
    "header",
    [
        "attachment; filename*=idna''a%ff",
        "attachment; filename*=undefined''a",
        "attachment; filename*=\0''a",
        "attachment; filename*=base64''a",
        "attachment; filename*=unicode_escape''%5cx",
        f"attachment; filename*{'9' * 5000}=a",
        f"attachment; filename*{'9' * 5000}*=utf-8''a",
        "attachment; filename*=" + "'" * 8000,
        'attachment; filename="' + "\\" * 8000,
        "attachment" + ";" * 8000,
        "attachment; filename*0=a" * 300,
        'attachment; filename="\udce9\ud800.txt"',
    ],
)
def test_hostile_disposition(header: str) -> None:
    """A hostile or malformed Content-Disposition header never raises."""
    disposition_filename(header)
    assert filename(artifact(), "/blob", {"content-disposition": header})


@examples(200)
@given(st.text("ab;=*'\"%\\/. 0129fieutn-8\u0661\xe9\ud800\r\n") | st.text(st.characters()))
def test_any_disposition(tail: str) -> None:
    """A file name from Content-Disposition never contains a directory."""
    for header in (tail, f"attachment; filename={tail}", f"attachment; filename*{tail}"):
        name = disposition_filename(header)
        assert name is None or (name.strip(" .") and not {"/", "\\"} & set(name))


@examples(100)
@given(st.text(st.characters(codec="utf-8", exclude_characters="/\\"), min_size=1))
def test_disposition_round_trip(name: str) -> None:
    """A name that is not only dots and spaces is read from `filename*` unchanged."""
    found = disposition_filename(f"attachment; filename*=UTF-8''{quote(name)}")
    assert found == (name if name.strip(" .") else None)


DIGEST = Digest("sha256", SHA256)
ZIP = zipped()


OTHER = Digest("sha256", "ab" * 32)


@pytest.mark.parametrize(
    ("size", "digest", "received", "tail", "verified"),
    [
        (556, DIGEST, 556, b"...", True),
        (556, Digest("sha512", "ab" * 64), 556, b"...", False),
        (556, None, 556, b"...", False),
        (0, DIGEST, 0, b"", True),
        (99_999, None, len(ZIP), ZIP, False),
        (1, None, len(ZIP), ZIP, False),
    ],
)
def test_complete_payload(
    size: int, digest: Digest | None, received: int, tail: bytes, verified: bool
) -> None:
    """A payload is complete if its size is right or, without a digest, if it is a complete zip."""
    recorded = artifact(size_in_bytes=size, digest=digest)
    assert check(recorded, received, DIGEST, tail) is verified
    assert needs_tail(recorded, received) is (digest is None and received != size)


@pytest.mark.parametrize(
    ("size", "digest", "received", "tail"),
    [
        (556, DIGEST, 555, b""),
        (556, DIGEST, 557, b""),
        (556, DIGEST, 0, b""),
        (99_999, DIGEST, len(ZIP), ZIP),
        (556, None, 555, b"raw"),
        (99_999, None, len(ZIP) - 1, ZIP[:-1]),
        (99_999, None, 0, b""),
    ],
)
def test_incomplete_payload(size: int, digest: Digest | None, received: int, tail: bytes) -> None:
    """A payload of the wrong size raises IncompleteDownload with both sizes."""
    with pytest.raises(IncompleteDownload) as caught:
        check(artifact(size_in_bytes=size, digest=digest), received, DIGEST, tail)
    assert (caught.value.received, caught.value.expected) == (received, size)
    assert str(caught.value).startswith(f"artifact 11: received {received} bytes")


def test_wrong_digest() -> None:
    """A payload of the right size with a wrong digest raises DigestMismatch with both digests."""
    with pytest.raises(DigestMismatch) as caught:
        check(artifact(size_in_bytes=5, digest=DIGEST), 5, OTHER, b"")
    assert (caught.value.expected, caught.value.actual) == (str(DIGEST), str(OTHER))


@pytest.mark.parametrize(
    "tail",
    [
        ZIP,
        zipped(files=0),
        zipped(b"a comment"),
        zipped(b"PK\x05\x06" * 9),
        zipped(b"x" * 0xFFFF),
        zipped(b"PK\x05\x06" * 0x3FFF),
        zipped(b"x" + zipped()[:-1]),
    ],
)
def test_ends_zip(tail: bytes) -> None:
    """The end of a zip is recognised despite any comment, even from the last bytes alone."""
    assert ends_zip(tail, len(tail))
    assert ends_zip(tail[-END_OF_ZIP:], len(tail))


def test_a_zip_with_a_wrong_beginning() -> None:
    """A zip with missing or extra bytes at its beginning is not complete."""
    assert not ends_zip(ZIP[10:], len(ZIP) - 10)
    assert not ends_zip(b"x" * 10 + ZIP, len(ZIP) + 10)


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"PK",
        b"PK\x05\x06",
        b"PK\x05\x06" + b"\0" * 17,
        b"PK\x05\x06" + b"\0" * 19,
        b"PK\x05\x06" + b"\xff" * 18,
        b"PK\x05\x06" * 1000,
        b"PK\x03\x04" + b"\0" * 100,
        ZIP + b"\0",
    ],
)
def test_not_the_end_of_a_zip(tail: bytes) -> None:
    """Bytes that do not end with a valid end record are not the end of a zip."""
    assert not ends_zip(tail, len(tail))


@examples(150)
@given(st.binary(max_size=300), st.integers(1, 300))
def test_truncated_zip(comment: bytes, missing: int) -> None:
    """A zip without its last bytes, however few, is not complete."""
    whole = zipped(comment.replace(b"PK", b"pk"))
    assert ends_zip(whole, len(whole))
    cut = whole[: -min(missing, len(whole) - 1)]
    assert not ends_zip(cut, len(cut))


def test_ends_zip_in_linear_time() -> None:
    """A tail full of false end records is searched in linear time."""
    assert not ends_zip((b"PK\x05\x06" * END_OF_ZIP)[:END_OF_ZIP], END_OF_ZIP)
    assert_not_quadratic(lambda size: ends_zip(b"PK\x05\x06" * (size // 4), size))


def test_only_sha256_digests_are_verified() -> None:
    """Only a SHA-256 digest is used to verify a payload."""
    known = Digest("sha256", SHA256)
    assert sha256(artifact(digest=known)) == known
    assert sha256(artifact(digest=Digest("md5", "00"))) is None
    assert sha256(artifact(digest=None)) is None


def test_the_largest_payload() -> None:
    """A digest fixes the size; without one, twice GitHub's size and 64 MiB are accepted."""
    with_digest = artifact(size_in_bytes=1000, digest=Digest.parse(f"sha256:{SHA256}"))
    assert max_size(with_digest) == 1000
    assert max_size(artifact(size_in_bytes=1000)) == 2000 + 64 * 2**20


def test_statuses_that_may_refuse_ranges() -> None:
    """A request without a range follows a refusal, unless that is about the URL or the blob."""
    refused = [status for status in range(300, 600) if may_refuse_range(status, None)]
    assert {400, 405, 412, 413, 416, 501} < {*refused}
    assert not {*refused} & {401, 403, 404, 408, 410, 425, 429, 500, 503}
    assert [status for status in refused if may_refuse_range(status, "X")] == [412, 416, 501]
    assert may_refuse_range(400, "InvalidRange")
    assert not may_refuse_range(403, "InvalidRange")
