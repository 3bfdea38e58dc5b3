"""Make safe file names from names that the uploader of an artifact has chosen.

A safe name is a single path component on Linux, macOS and Windows. It contains no separator, is not
the name of a device, does not begin with a dot (a file from an artifact must not become your
``.netrc``) or a dash (nor an option of a command), and has at most 255 bytes. Characters that one
of the systems does not allow are replaced by ``_``.

Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 255

_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE
)
CONTROL_CHARACTER = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
    r"|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
"""A character that is invisible, or that changes the order or the lines in which a name is shown.

The two joiners are needed in emoji and in some scripts, so they are allowed between characters that
are not ASCII.
"""

_IGNORED = re.compile(r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_ILLEGAL = frozenset('<>:"/\\|?*')
_LEGAL = str.maketrans(dict.fromkeys(_ILLEGAL, "_"))


def safe_filename(name: str, suffix: str = "") -> str:
    """Return a safe file name for any text. A name that is already safe is returned unchanged.

    Args:
        name: Any text.
        suffix: Text to append, for example ``.zip``.
    """
    # Unicode normalization can take quadratic time, so shorten a very long name first.
    text = name if len(name) <= 1024 else name[:960] + name[-64:]
    text = unicodedata.normalize("NFC", text).translate(_LEGAL)
    if not text.isprintable():
        text = "".join(map(_replace_unprintable, text))
    text = text.strip(" ")
    text = _shortened(text, suffix)
    if not suffix:
        text = text.rstrip(" .")
    text = text or "artifact"
    if text.startswith((".", "-")):
        text = f"_{text[1:]}"
    if _RESERVED.fullmatch(text):
        text = _shortened(f"_{text}", suffix)
    return text + suffix


def is_portable(component: str) -> bool:
    """Return True if a path component is a valid name on Windows without changes."""
    plain = not component.endswith((" ", ".")) and not _ILLEGAL & set(component)
    return plain and not _RESERVED.fullmatch(component)


def folded(name: str) -> str:
    """Return a key that is equal for two names if some file system treats them as the same name.

    The names may differ in case, in Unicode normalization or in characters that HFS+ ignores.
    """
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFD", _IGNORED.sub("", name)).casefold()
    return unicodedata.normalize("NFC", folded)


def _replace_unprintable(character: str) -> str:
    # Control and format characters can make a name look like another one, and lone surrogates
    # cannot be encoded as UTF-8.
    refused = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return "_" if refused else character


def _shortened(text: str, suffix: str) -> str:
    """Shorten a name so that it and the suffix fit in 255 bytes.

    Keep the name's extension if there is no suffix and the extension is short.
    """
    room = MAX_BYTES - len(suffix.encode())
    if len(text.encode()) <= room:
        return text
    stem, dot, extension = text.rpartition(".")
    tail = f"{dot}{extension}" if stem and len(extension.encode()) <= 16 and not suffix else ""
    kept = text.encode()[: room - len(tail.encode())].decode(errors="ignore")
    return kept.rstrip(" .") + tail
