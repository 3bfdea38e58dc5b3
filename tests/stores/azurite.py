"""Azurite, Microsoft's emulator of Azure blob storage, as a store with service SAS URLs."""

import asyncio
import base64
import hashlib
import hmac
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.stores.base import DISPOSITION, Child, find, loopback, request

VERSION = "2020-12-06"
ACCOUNT = "account"
CONTAINER = "artifacts"
KEY = base64.b64encode(b"not a secret").decode()
BLOCK_SIZE = 8 * 2**20


class Azurite(Child):
    """An Azurite with one container. Its signed URLs have the same form as GitHub's.

    The program is ``$AZURITE`` (a path), or ``azurite-blob`` in PATH.
    """

    def start(self) -> None:
        """Start Azurite on a free port and create the container."""
        command = [find("azurite-blob", "AZURITE"), "--location", str(self.directory)]
        command += ["--blobHost", loopback(), "--blobPort", "0"]
        command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        self.spawn(command, env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"})
        self.origin = self.wait_until(self._find_origin)
        request("PUT", f"{self.origin}/{ACCOUNT}/{CONTAINER}?restype=container&{account_sas()}")

    def _find_origin(self) -> str | None:
        found = re.search(r"successfully listens on (http://\S+)\n", self.output())
        return found and found[1]

    async def put(
        self, name: str, data: bytes | Path, content_type: str = "application/zip"
    ) -> None:
        """Store a block blob in blocks, as GitHub's uploader does, so it has no Content-MD5."""
        await asyncio.to_thread(self._put, name, data, content_type)

    def _put(self, name: str, data: bytes | Path, content_type: str) -> None:
        url = f"{self.origin}/{ACCOUNT}/{CONTAINER}/{quote(name)}?{account_sas()}"
        blocks: list[str] = []
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as file:
            while chunk := file.read(BLOCK_SIZE):
                blocks.append(base64.b64encode(b"%08d" % len(blocks)).decode())
                block = quote(blocks[-1], safe="")
                request("PUT", f"{url}&comp=block&blockid={block}", body=chunk)
        listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        headers = {"x-ms-version": VERSION, "x-ms-blob-content-type": content_type}
        request("PUT", f"{url}&comp=blocklist", body=body.encode(), headers=headers)

    def signed_url(self, name: str, ttl: float = 60.0) -> str:
        """Return a service SAS URL that allows reading the blob for exactly ``ttl`` seconds."""
        expires = _timestamp(ttl)
        signature = _sign(
            "r",
            "",  # start
            expires,
            f"/blob/{ACCOUNT}/{CONTAINER}/{name}",
            "",  # stored policy
            "",  # addresses
            "",  # protocols
            VERSION,
            "b",
            "",  # snapshot
            "",  # encryption scope
            "",  # Cache-Control
            DISPOSITION,
            "",  # Content-Encoding
            "",  # Content-Language
            "",  # Content-Type
        )
        query = {
            "rscd": DISPOSITION,
            "se": expires,
            "sig": signature,
            "sp": "r",
            "sr": "b",
            "sv": VERSION,
        }
        encoded = urlencode(query, safe="", quote_via=quote).replace("~", "%7E")
        return f"{self.origin}/{ACCOUNT}/{CONTAINER}/{quote(name)}?{encoded}"


def account_sas() -> str:
    """Return the query of an account SAS that gives full access to all blobs for an hour."""
    expires = _timestamp(3600)
    signature = _sign(ACCOUNT, "rwdlac", "b", "sco", "", expires, "", "", VERSION, "", "")
    query = {
        "se": expires,
        "sig": signature,
        "sp": "rwdlac",
        "srt": "sco",
        "ss": "b",
        "sv": VERSION,
    }
    return urlencode(query, safe="", quote_via=quote)


def _timestamp(seconds: float) -> str:
    """Return the time ``seconds`` from now, in Azure's format."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sign(*fields: str) -> str:
    digest = hmac.digest(base64.b64decode(KEY), "\n".join(fields).encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()
