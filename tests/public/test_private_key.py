"""A GitHubApp takes its key in every form that people store it in, and names what is wrong."""

from __future__ import annotations

import base64
import textwrap
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ghartifacts_async import GitHubApp, InvalidArgument
from tests.support import rsa_keys

PEM, PUBLIC = rsa_keys()
KEY = serialization.load_pem_private_key(PEM.encode(), None)
assert isinstance(KEY, rsa.RSAPrivateKey)
PKCS1 = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()


def encrypted(form: serialization.PrivateFormat) -> str:
    """Return the key encrypted with a password."""
    assert isinstance(KEY, rsa.RSAPrivateKey)
    encryption = serialization.BestAvailableEncryption(b"password")
    return KEY.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def elliptic_curve(form: serialization.PrivateFormat) -> str:
    """Return a key of another algorithm."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def escaped(text: str) -> str:
    """Return the text with its line breaks as in a ``.env`` file."""
    return text.replace("\n", "\\n")


@pytest.mark.parametrize(
    "key",
    [
        PEM,
        PKCS1,
        PEM.encode(),
        bytearray(PEM, "ascii"),
        PKCS1.replace("\n", "\r\n"),
        textwrap.indent(PKCS1, "    "),
        PKCS1.strip(),
        escaped(PKCS1),
        escaped(PKCS1.replace("\n", "\r\n")).replace("\r", "\\r"),
        f'"{escaped(PKCS1)}"',
        escaped(PKCS1).replace("\\", "\\\\"),
        PKCS1.replace("\n", "\\\n"),
        f" '{PKCS1}'\n",
        PKCS1.replace("\n", " "),
        base64.b64encode(PKCS1.encode()).decode(),
        base64.b64encode(PKCS1.encode()).decode().rstrip("="),
        base64.encodebytes(PKCS1.encode()),
        base64.urlsafe_b64encode(f">>>???\n{PKCS1}".encode()).decode(),
        base64.b64encode(escaped(PKCS1).encode()).decode(),
        f"Bag Attributes\n{PKCS1}\n{PUBLIC}",
    ],
)
def test_forms(key: str | bytes) -> None:
    """A key is accepted with escaped line breaks, in quotes, indented, and in base64."""
    app = GitHubApp(7, key, installation_id=42)
    assert app._jwt().count(".") == 2


def test_a_file(tmp_path: Path) -> None:
    """A key may be the path of the file that GitHub generated."""
    file = tmp_path / "app.pem"
    with pytest.raises(InvalidArgument, match="cannot be read"):
        GitHubApp(7, file, installation_id=42)
    for path in ("a\0b", "\ud800"):
        with pytest.raises(InvalidArgument, match="not the path of a file"):
            GitHubApp(7, Path(path), installation_id=42)
    file.write_text(PKCS1)
    assert GitHubApp(7, file, installation_id=42)._jwt()


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (None, "it is empty; is the variable set"),
        ("", "it is empty"),
        (b" \n", "it is empty"),
        ('""', "it is empty"),
        (5, "must be a str, bytes or a Path, not int"),
        ("/etc/app.pem", "or its path as a pathlib.Path"),
        (base64.b64encode(b"no key").decode(), "no line -----BEGIN RSA PRIVATE KEY-----"),
        (PUBLIC, "it is a public key"),
        (PUBLIC.replace("PUBLIC KEY", "CERTIFICATE"), "it is a certificate"),
        (encrypted(serialization.PrivateFormat.PKCS8), "it is encrypted"),
        (encrypted(serialization.PrivateFormat.TraditionalOpenSSL), "it is encrypted"),
        (elliptic_curve(serialization.PrivateFormat.PKCS8), "its type is ECPrivateKey"),
        (
            elliptic_curve(serialization.PrivateFormat.TraditionalOpenSSL),
            "its type is EC PRIVATE KEY",
        ),
        (elliptic_curve(serialization.PrivateFormat.OpenSSH), "its type is OPENSSH PRIVATE KEY"),
        (PKCS1[: len(PKCS1) // 2], "it does not end with -----END RSA PRIVATE KEY-----"),
        (PKCS1.replace(PKCS1[40:44], "AAAA"), "its content is damaged"),
    ],
)
def test_mistakes(key: Any, problem: str) -> None:
    """The error for a key says what is wrong with it, and no stack frame shows the key."""
    with pytest.raises(InvalidArgument, match="private_key is not the PEM") as caught:
        GitHubApp(7, key, installation_id=42)
    assert problem in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = str(caught.value) + "".join(
        str(frame.locals) for frame in frames if "tests" not in frame.filename
    )
    assert not any(line in shown for line in PKCS1.splitlines()[1:-1])


@pytest.mark.parametrize("app_id", [7, "7", "Iv1.8a61f9b3a7aba766", "Iv23liAbCdEf"])
def test_app_ids(app_id: int | str) -> None:
    """An app is named by its id or its client id."""
    assert f"GitHubApp {app_id}, installation 42" in repr(
        GitHubApp(app_id, PEM, installation_id="42")
    )


@pytest.mark.parametrize("app_id", [None, "", " 7\n", 0, -1, True, 1.5, "007", b"7", "a b"])
def test_wrong_app_ids(app_id: Any) -> None:
    """A value that is not the id of an app is refused."""
    with pytest.raises(InvalidArgument, match="app_id must be the id"):
        GitHubApp(app_id, PEM, installation_id=42)


@pytest.mark.parametrize(
    "permissions",
    [None, {"actions": "read"}, {"actions": "write", "organization_projects": "admin"}],
)
def test_permissions(permissions: dict[str, str] | None) -> None:
    """Permissions are names with the access that GitHub knows."""
    GitHubApp(7, PEM, installation_id=42, permissions=permissions)


@pytest.mark.parametrize(
    ("permissions", "problem"),
    [
        ({"actions": "admin"}, "permissions['actions'] must be one of ('read', 'write')"),
        ({"actions": None}, "not None"),
        ({"actions": True}, "not True"),
        ({"Actions": "read"}, "not the name of a permission"),
        ({5: "read"}, "not the name of a permission"),
        (["actions"], "must be a mapping"),
        ("actions", "must be a mapping"),
        ({}, "None for all permissions"),
    ],
)
def test_wrong_permissions(permissions: Any, problem: str) -> None:
    """Permissions that GitHub would refuse are refused at once."""
    with pytest.raises(InvalidArgument) as caught:
        GitHubApp(7, PEM, installation_id=42, permissions=permissions)
    assert problem in str(caught.value)
