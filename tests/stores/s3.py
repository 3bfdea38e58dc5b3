"""s3rver, a small S3 server, with presigned URLs of both signature versions."""

import asyncio
import base64
import hashlib
import hmac
import math
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

from tests.stores.base import DISPOSITION, Child, find, loopback, request

BUCKET = "artifacts"
KEY_ID = SECRET = "S3RVER"  # the only credentials that s3rver accepts
REGION = "us-east-1"


class S3rver(Child):
    """An s3rver with one bucket.

    The program is ``$S3RVER`` (a path), or ``s3rver`` in PATH.

    In a version 4 URL s3rver checks the form and the expiry but **not the signature**. It does
    check version 2 signatures, over the decoded values. It also answers unsigned requests.
    """

    def start(self) -> None:
        """Start s3rver on a free port and create the bucket."""
        command = [find("s3rver", "S3RVER"), "--directory", str(self.directory / "blobs")]
        command += ["--address", loopback(), "--port", "0", "--silent", "--no-vhost-buckets"]
        command += ["--configure-bucket", BUCKET]
        self.spawn(command)
        self.origin = f"http://{self.wait_until(self._find_address)}"

    def _find_address(self) -> str | None:
        found = re.search(r"listening on (\S+)\n", self.output())
        return found and found[1]

    async def put(
        self, name: str, data: bytes | Path, content_type: str = "application/zip"
    ) -> None:
        """Store an object. If ``data`` is a path, stream the file."""
        await asyncio.to_thread(self._put, name, data, content_type)

    def _put(self, name: str, data: bytes | Path, content_type: str) -> None:
        url = f"{self.origin}/{BUCKET}/{quote(name)}"
        headers = {"Content-Type": content_type}
        if isinstance(data, bytes):
            request("PUT", url, body=data, headers=headers)
            return
        with data.open("rb") as file:
            headers["Content-Length"] = str(data.stat().st_size)
            request("PUT", url, body=file, headers=headers)

    def signed_url(self, name: str, ttl: float = 60.0, *, version: Literal[2, 4] = 4) -> str:
        """Return a presigned URL that is valid for ``ttl`` to ``ttl + 1`` seconds.

        The expiry is rounded up, because S3 uses whole seconds. Use version 4, as S3 and MinIO
        do, except in tests of altered signatures: s3rver checks only version 2 signatures.
        """
        now = time.time()
        path = f"/{BUCKET}/{quote(name)}"
        expires = math.ceil(now + ttl)
        overrides = {"response-content-disposition": DISPOSITION}
        if version == 2:
            return f"{self.origin}{path}?{sign_v2(path, expires, overrides)}"
        start = math.floor(min(now, now + ttl - 1))
        host = self.origin.removeprefix("http://")
        moment = datetime.fromtimestamp(start, UTC)
        query = sign_v4(host, path, moment, expires - start, overrides)
        return f"{self.origin}{path}?{query}"


def sign_v2(path: str, expires: int, overrides: dict[str, str]) -> str:
    """Return the query of a version 2 URL."""
    resource = "&".join(f"{name}={value}" for name, value in sorted(overrides.items()))
    text = f"GET\n\n\n{expires}\n{path}?{resource}"
    digest = hmac.digest(SECRET.encode(), text.encode(), hashlib.sha1)
    signature = base64.b64encode(digest).decode()
    query = {"AWSAccessKeyId": KEY_ID, "Expires": str(expires), "Signature": signature}
    return urlencode({**query, **overrides}, quote_via=quote, safe="").replace("~", "%7E")


def sign_v4(
    host: str,
    path: str,
    moment: datetime,
    expires: int,
    overrides: dict[str, str],
    *,
    key_id: str = KEY_ID,
    secret: str = SECRET,
) -> str:
    """Return the query of a version 4 URL that is valid for ``expires`` seconds."""
    day = f"{moment:%Y%m%d}"
    scope = f"{day}/{REGION}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key_id}/{scope}",
        "X-Amz-Date": f"{moment:%Y%m%dT%H%M%SZ}",
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": "host",
        **overrides,
    }
    # S3 requires the canonical encoding, which leaves ~ unescaped.
    encoded = urlencode(sorted(query.items()), quote_via=quote, safe="")
    canonical = f"GET\n{path}\n{encoded}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashed}"
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.digest(key, text.encode(), hashlib.sha256).hex()
    return f"{encoded}&X-Amz-Signature={signature}"
