"""Safe names for files, out of names that anybody may have chosen.

The result names a file in one directory on Linux, macOS and Windows alike: no separator, no
device, nothing hidden (a payload called ``.netrc`` must not become one), at most 255 bytes.
Characters that some system refuses become ``_``.

Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 255

_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE
)
_ILLEGAL = frozenset('<>:"/\\|?*')
_LEGAL = str.maketrans(dict.fromkeys(_ILLEGAL, "_"))


def safe_filename(name: str, suffix: str = "") -> str:
    """Turn any text into the name of a file, `suffix` included.

    Deterministic, and the identity on names that are safe as they are.
    """
    # What is far too long is cut before it is normalised, which takes quadratic time.
    text = name if len(name) <= 1024 else name[:960] + name[-64:]
    text = unicodedata.normalize("NFC", text).translate(_LEGAL)
    if not text.isprintable():
        text = "".join(map(_shown, text))
    text = text.strip(" ")
    text = _shortened(text, suffix)
    if not suffix:
        text = text.rstrip(" .")
    text = text or "artifact"
    if text.startswith("."):
        text = f"_{text[1:]}"
    if _RESERVED.fullmatch(text):
        text = _shortened(f"_{text}", suffix)
    return text + suffix


def is_portable(component: str) -> bool:
    """Whether Windows takes a component of a path for what it is."""
    plain = not component.endswith((" ", ".")) and not _ILLEGAL & set(component)
    return plain and not _RESERVED.fullmatch(component)


def folded(name: str) -> str:
    """What two names have in common that some file system takes for the same."""
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", folded)


def _shown(character: str) -> str:
    # Cc and Cf control, Cs are lone surrogates: some lie to the reader, some cannot be encoded.
    refused = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "_" if refused else character


def _shortened(text: str, suffix: str) -> str:
    """Cut to what leaves room for the suffix; an extension is kept."""
    room = MAX_BYTES - len(suffix.encode())
    if len(text.encode()) <= room:
        return text
    stem, dot, extension = text.rpartition(".")
    tail = f"{dot}{extension}" if stem and len(extension.encode()) <= 16 and not suffix else ""
    kept = text.encode()[: room - len(tail.encode())].decode(errors="ignore")
    return kept.rstrip(" .") + tail
