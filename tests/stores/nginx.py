"""nginx as a blob store with signed URLs, whose signature covers the raw bytes of the URL."""

import asyncio
import base64
import hashlib
import itertools
import json
import math
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.stores.base import DISPOSITION, Child, ProgramMissingError, find, loopback, request

SECRET = "not-a-secret"

# A single foreground process needs no root and leaves no worker process behind.
CONFIG = """
{user}
daemon off;
master_process off;
pid "{directory}/pid";
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path "{directory}/temp";
    proxy_temp_path "{directory}/temp";
    fastcgi_temp_path "{directory}/temp";
    uwsgi_temp_path "{directory}/temp";
    scgi_temp_path "{directory}/temp";
    types {{ application/zip zip; text/html html; text/plain txt; }}
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    log_format requests escape=json
        '{{"request":"$request","status":"$status","bytes_sent":"$bytes_sent",'
        '"body_bytes_sent":"$body_bytes_sent","authorization":"$http_authorization",'
        '"cookie":"$http_cookie","range":"$http_range"}}';
    # $request_uri is the target as the client sent it, neither decoded nor normalised.
    # The unused bits of the last base64 letter must be zero: otherwise nginx would accept three
    # other letters in its place.
    map $request_uri $signed_part {{ "~^(?<before>.+)&sig=[-\\w]+$" $before; }}
    map $request_uri $signature {{ "~&sig=(?<after>[-\\w]+[AQgw])$" $after; }}
    map "$http_authorization$http_cookie" $leaked {{ "" 0; default 1; }}
    server {{
        listen {address}:{port} reuseport{tls};
        access_log "{directory}/access.log" requests;
        if ($leaked) {{ return 400; }}
        location = /.ready {{
            access_log off;
            return 204;
        }}
        location / {{
            secure_link $signature,$arg_se;
            secure_link_md5 "$signed_part {secret}";
            if ($secure_link = "") {{ return 403; }}
            if ($secure_link = "0") {{ return 403; }}
            root "{directory}/blobs";
            limit_rate {limit_rate};
        }}
    }}
}}
"""
# Started by root, nginx gives its temporary directory to another user. Root may then be unable to
# remove it, if it runs without CAP_DAC_OVERRIDE.
USER = "user root;" if os.name != "nt" and os.geteuid() == 0 else ""
TLS = """ ssl;
        ssl_certificate "{directory}/cert.pem";
        ssl_certificate_key "{directory}/key.pem\""""


class Nginx(Child):
    """An nginx that serves blobs from its own directory through ``secure_link``.

    The signature covers path and query as sent. A URL gets 403 if it was altered, if its
    percent-encoding was rewritten, or if it has expired. A request with a non-empty
    ``Authorization`` or ``Cookie`` header has leaked a credential and gets 400.

    The program is ``$NGINX_PROGRAM``, or ``nginx`` in PATH. TLS needs ``openssl``.

    Args:
        limit_rate: The maximum rate of each response in bytes per second; 0 is unlimited.
        tls: Whether to use HTTPS with a newly created certificate, which ``ca`` returns.
    """

    def __init__(self, *, limit_rate: int = 0, tls: bool = False) -> None:
        super().__init__()
        self._limit_rate = limit_rate
        self._tls = tls
        self._mtimes = itertools.count(int(time.time()) - 10_000_000)

    @property
    def ca(self) -> Path | None:
        """The certificate to trust, or None without TLS."""
        return self.directory / "cert.pem" if self._tls else None

    def start(self) -> None:
        """Start nginx on a free port."""
        program = find("nginx", "NGINX_PROGRAM")
        about = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
        if "http_secure_link_module" not in about:
            raise ProgramMissingError(f"{program} is built without secure_link")
        (self.directory / "blobs").mkdir()
        address = loopback()
        if self._tls:
            self._make_certificate(address)
        with socket.socket() as reservation:
            # The bound socket reserves the port, and SO_REUSEPORT lets nginx bind it too. The
            # socket does not listen, so it receives no connections.
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reservation.bind((address, 0))
            port = reservation.getsockname()[1]
            self.origin = f"{'https' if self._tls else 'http'}://{address}:{port}"
            config = self.directory / "nginx.conf"
            config.write_text(
                CONFIG.format(
                    user=USER,
                    directory=self.directory,
                    address=address,
                    port=port,
                    tls=TLS.format(directory=self.directory) if self._tls else "",
                    secret=SECRET,
                    limit_rate=self._limit_rate,
                )
            )
            self.spawn([program, "-p", str(self.directory), "-e", "stderr", "-c", str(config)])
            self.wait_until(self._is_ready)

    def _is_ready(self) -> bool | None:
        try:
            request("GET", f"{self.origin}/.ready", ca=self.ca)
        except OSError:
            return None
        return True

    def _make_certificate(self, address: str) -> None:
        """Create a self-signed certificate that strict clients accept."""
        command = [find("openssl", "OPENSSL"), "req", "-x509", "-nodes", "-days", "2"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-subj", "/CN=test blob store", "-keyout", "key.pem", "-out", "cert.pem"]
        command += ["-addext", f"subjectAltName=IP:{address}"]
        command += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
        subprocess.run(command, cwd=self.directory, check=True, capture_output=True)

    async def put(
        self, name: str, data: bytes | Path, content_type: str = "application/zip"
    ) -> None:
        """Store a blob. If ``data`` is a path, link the file instead of copying it.

        nginx derives the content type from the suffix of the name. It computes the ETag from the
        size and the modification time in whole seconds, so each call with bytes sets a different
        modification time.
        """
        del content_type
        await asyncio.to_thread(self._put, name, data)

    def _put(self, name: str, data: bytes | Path) -> None:
        blob = self.directory / "blobs" / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        new = blob.with_name(f"{blob.name}.new")
        if isinstance(data, Path):
            new.symlink_to(data.resolve())
        else:
            new.write_bytes(data)
            mtime = next(self._mtimes)
            os.utime(new, (mtime, mtime))
        new.replace(blob)

    def signed_url(self, name: str, ttl: float = 60.0) -> str:
        """Return a URL that is valid for ``ttl`` to ``ttl + 1`` seconds.

        The exact time varies by up to a second because nginx compares whole seconds.
        """
        expires = math.ceil(time.time() + ttl) - 1
        disposition = quote(DISPOSITION, safe="").replace("~", "%7E")
        signed = f"/{quote(name)}?rscd={disposition}&se={expires}"
        digest = hashlib.md5(f"{signed} {SECRET}".encode(), usedforsecurity=False).digest()
        signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return f"{self.origin}{signed}&sig={signature}"

    def log(self) -> list[dict[str, Any]]:
        """Return the finished requests, oldest first.

        The keys are ``request`` (the request line as sent), the numbers ``status``,
        ``bytes_sent`` and ``body_bytes_sent``, and the headers ``authorization``, ``cookie`` and
        ``range`` ("" if absent).

        This method first sends a request of its own, which is not logged. nginx has only one
        process and logs a request when it sends the last byte, so after this response the log
        has all requests that finished before. If a client aborts a response, nginx logs the
        request when it notices.
        """
        request("GET", f"{self.origin}/.ready", ca=self.ca)
        text = (self.directory / "access.log").read_text(errors="replace")
        lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            for key in ("status", "bytes_sent", "body_bytes_sent"):
                line[key] = int(line[key])
        return lines
