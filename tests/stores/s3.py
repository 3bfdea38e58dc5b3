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
KEY_ID = SECRET = "S3RVER"  # the only account that s3rver knows
REGION = "us-east-1"


class S3rver(Child):
    """Serves one bucket.

    The program is found as ``$S3RVER`` (a path) or as ``s3rver`` in PATH.

    Of a version 4 URL s3rver checks the form and the expiry but **not the signature**; a
    version 2 signature it does check, over the decoded values. It answers unsigned requests too.
    """

    def start(self) -> None:
        """Start s3rver on a port that it chooses, with the bucket made."""
        command = [find("s3rver", "S3RVER"), "--directory", str(self.directory / "blobs")]
        command += ["--address", loopback(), "--port", "0", "--silent", "--no-vhost-buckets"]
        command += ["--configure-bucket", BUCKET]
        self.spawn(command)
        self.origin = f"http://{self.wait_until(self._listens)}"

    def _listens(self) -> str | None:
        found = re.search(r"listening on (\S+)\n", self.output())
        return found and found[1]

    async def put(
        self, name: str, data: bytes | Path, content_type: str = "application/zip"
    ) -> None:
        """Store an object; a path is streamed."""
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
        """Return a presigned URL good for ``ttl`` to ``ttl + 1`` seconds: S3 counts whole ones.

        Version 4 is what S3 and MinIO give; version 2 is for tests of an altered signature.
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
    """Return the query of a version 4 URL that is good for ``expires`` seconds."""
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
    # S3 wants the canonical encoding, in which ~ stays.
    encoded = urlencode(sorted(query.items()), quote_via=quote, safe="")
    canonical = f"GET\n{path}\n{encoded}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashed}"
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    signature = hmac.digest(key, text.encode(), hashlib.sha256).hex()
    return f"{encoded}&X-Amz-Signature={signature}"
