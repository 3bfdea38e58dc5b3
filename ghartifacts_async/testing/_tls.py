"""`CertificateAuthority`: a certificate authority for one test, and the certificate of a server."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterable
from pathlib import Path


class CertificateAuthority:
    """A certificate authority that a test trusts, with one certificate for the server.

    Args:
        names: The host names and addresses of the server.

    Attributes:
        ca_file: The certificate of the authority, in PEM format.
        server_context: The context with the server's certificate and key.

    Raises:
        ModuleNotFoundError: trustme is not installed.
    """

    def __init__(self, names: Iterable[str]) -> None:
        try:
            import trustme
        except ImportError:
            raise ModuleNotFoundError(
                "FakeGitHub needs trustme to make certificates: install ghartifacts_async[testing]"
            ) from None
        authority = trustme.CA()
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self.server_context)
        self._directory = tempfile.TemporaryDirectory(prefix="fake-github-ca-")
        self.ca_file = Path(self._directory.name, "ca.pem")
        authority.cert_pem.write_to_path(str(self.ca_file))

    def client_context(self) -> ssl.SSLContext:
        """Return a context for clients that trusts only this authority."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def close(self) -> None:
        """Delete the file."""
        self._directory.cleanup()
