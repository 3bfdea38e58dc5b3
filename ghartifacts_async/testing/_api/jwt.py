"""The JWTs of apps, checked as GitHub does: RS256, and every time on the server's clock.

PyJWT and cryptography are needed by those who add an app, and imported for them alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt.types import Options

_LONGEST = 600
UNDECODABLE = "A JSON web token could not be decoded"
_ISSUED = (
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
    "was issued"
)
_EXPIRES = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
    "which the assertion expires"
)
_TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"


def load_key(pem: str | bytes) -> Any:
    """Read an app's public key.

    Raises:
        ModuleNotFoundError: PyJWT or cryptography is not installed.
        ValueError: It is no public RSA key in PEM.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from jwt import decode  # noqa: F401 - found missing here, not at the first request
    except ImportError:
        raise ModuleNotFoundError(
            "a FakeGitHub checks the signatures of apps: install PyJWT[crypto]"
        ) from None
    key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("an app's public key is an RSA key")
    return key


def check_jwt(token: str, keys: Mapping[str, Any], now: float) -> str | tuple[int, str]:
    """Return the app that a token speaks for, or status and message of its refusal.

    Args:
        token: The token.
        keys: Public keys by app id.
        now: Seconds since the epoch.
    """
    from jwt import PyJWTError, decode

    try:
        issuer = str(decode(token, options={"verify_signature": False}).get("iss"))
        if issuer not in keys:
            return 404, "Integration not found"
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
        return 401, _ISSUED
    if not isinstance(expires, int | float) or expires <= now:
        return 401, _EXPIRES
    if expires > now + _LONGEST:
        return 401, _TOO_FAR
    return issuer
