"""The private key of a GitHub App, in the forms in which people store it."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)(?:-----END \1-----|\Z)", re.DOTALL)
_CARRIAGE_RETURN = re.compile(r"\\+r")
_LINE_BREAK = re.compile(r"\\+n")
_LINE = 64
_FROM_URL_SAFE = str.maketrans("-_", "+/")


def load_private_key(source: str | bytes | os.PathLike[str] | None) -> tuple[Any, str]:
    r"""Load an RSA private key.

    It may be in PEM format with any line breaks and indentation, also with its line breaks written
    as ``\n``, in quotes, or in base64.

    This function raises no errors, because their tracebacks would show parts of the key.

    Args:
        source: The key, or the path of a file that contains it.

    Returns:
        The key and ``""``, or None and what is wrong with the source.
    """
    if isinstance(source, os.PathLike):
        try:
            source = Path(source).read_bytes()
        except OSError as error:
            return None, f"the file cannot be read ({error.strerror})"
        except ValueError:  # such as a path with a null character
            return None, "it is not the path of a file"
    if isinstance(source, bytes | bytearray):
        return _load(source.decode("latin-1"))
    if source is None or isinstance(source, str):
        return _load(source or "")
    return None, f"it must be a str, bytes or a Path, not {type(source).__name__}"


def _load(text: str) -> tuple[Any, str]:
    """Load the key from its text."""
    text = _unescaped(text)
    if not text:
        return None, "it is empty; is the variable set that should contain it?"
    found = _BLOCK.search(text) or _BLOCK.search(_unescaped(_from_base64(text)))
    if found is None:
        return None, (
            "it has no line -----BEGIN RSA PRIVATE KEY-----; pass the content of the app's .pem "
            "file, or its path as a pathlib.Path"
        )
    label, body = found.groups()
    if problem := _problem_of(label, found):
        return None, problem
    body = "".join(body.replace("\\", "").split())
    lines = "\n".join(body[at : at + _LINE] for at in range(0, len(body), _LINE))
    return _parse(f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode())


def _problem_of(label: str, found: re.Match[str]) -> str:
    """Return what is wrong with a PEM block of another kind or an incomplete one, or ``""``."""
    if "PUBLIC" in label or label == "CERTIFICATE":
        return f"it is a {label.lower()}; pass the private key that GitHub generated for the app"
    if "ENCRYPTED" in label or "ENCRYPTED" in found[2]:
        return "it is encrypted; decrypt it with 'openssl rsa -in encrypted.pem -out app.pem'"
    if not found[0].endswith(f"-----END {label}-----"):
        return f"it is incomplete: it does not end with -----END {label}-----"
    if label not in {"RSA PRIVATE KEY", "PRIVATE KEY"}:
        return f"its type is {label}, but the keys of GitHub Apps are RSA keys"
    return ""


def _parse(pem: bytes) -> tuple[Any, str]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except Exception:  # its message may quote the key
        return None, "its content is damaged"
    if not isinstance(key, RSAPrivateKey):
        return None, f"its type is {type(key).__name__}, but the keys of GitHub Apps are RSA keys"
    return key, ""


def _unescaped(text: str) -> str:
    """Return the text without quotes, and with line breaks that were written as escapes."""
    text = _CARRIAGE_RETURN.sub("", text.strip().strip("\"'"))
    return _LINE_BREAK.sub("\n", text).strip()


def _from_base64(text: str) -> str:
    """Return the text that is encoded in base64, or ``""`` if it is not."""
    try:
        encoded = "".join(text.split()).rstrip("=").translate(_FROM_URL_SAFE)
        padding = "=" * (-len(encoded) % 4)
        return base64.b64decode(encoded + padding, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""
