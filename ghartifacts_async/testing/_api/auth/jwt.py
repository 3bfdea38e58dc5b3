"""Verification of the JWTs of apps, as strict as GitHub's.

A JWT must be signed with RS256, and its times are compared with the server's clock. PyJWT and
cryptography are imported only when a test adds an app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt.types import Options

_MAX_LIFETIME = 600
UNDECODABLE = "A JSON web token could not be decoded"
_BAD_ISSUED_AT = (
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
    "was issued"
)
_BAD_EXPIRY = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
    "which the assertion expires"
)
_EXPIRY_TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"


def load_key(pem: str | bytes) -> Any:
    """Load an app's public key.

    Raises:
        ModuleNotFoundError: PyJWT or cryptography is not installed.
        ValueError: The text is not an RSA public key in PEM format.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from jwt import decode  # noqa: F401 - fail here, not when the first request arrives
    except ImportError:
        raise ModuleNotFoundError(
            "FakeGitHub needs PyJWT and cryptography to verify an app's JWTs: install PyJWT[crypto]"
        ) from None
    key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("an app's public key must be an RSA key")
    return key


def check_jwt(token: str, keys: Mapping[str, Any], now: float) -> str | tuple[int, str]:
    """Verify a JWT.

    Args:
        token: The JWT.
        keys: The public keys of the apps, by app id.
        now: The time, in seconds since the epoch.

    Returns:
        The id of the app, or the status and message of the error response.

    Source:
        https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
    """
    from jwt import PyJWTError, decode

    try:
        issuer = str(decode(token, options={"verify_signature": False}).get("iss"))
        if issuer not in keys:
            return 404, "Integration not found"
        # The claims are checked below, because PyJWT would use the system's clock.
        unchecked: Options = {
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
            "verify_aud": False,
            "verify_iss": False,
        }
        claims = decode(token, keys[issuer], algorithms=["RS256"], options=unchecked)
    except PyJWTError:
        return 401, UNDECODABLE
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or issued > now:
        return 401, _BAD_ISSUED_AT
    if not isinstance(expires, int | float) or expires <= now:
        return 401, _BAD_EXPIRY
    if expires > now + _MAX_LIFETIME:
        return 401, _EXPIRY_TOO_FAR
    return issuer
