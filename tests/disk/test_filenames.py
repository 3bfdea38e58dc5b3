"""Any artifact name becomes a file name that is valid on every system."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ghartifacts_async._disk.filenames import CONTROL_CHARACTER, MAX_BYTES, folded, safe_filename
from tests.values import assert_not_quadratic, examples

NAMES = st.one_of(
    st.text(st.characters()),
    st.text(st.sampled_from(". conaux1\u00b9$/\\:\0\u202e\ud800e\u0301\U0001f600")),
    st.builds(
        lambda start, unit, count, end: start + unit * count + end,
        st.sampled_from(["", "con", "a", "."]),
        st.sampled_from(["a", " ", ".", "\xe9", "\U0001f600", "e\u0301", ". "]),
        st.integers(60, 400),
        st.sampled_from(["", "x", ".zip", ".tar.gz", "." + "y" * 20, " "]),
    ),
)
SUFFIXES = st.sampled_from(["", ".zip"])
DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789\u00b9\u00b2\u00b3"
}


def is_safe(name: str) -> bool:
    """Return True if a name is one visible path component on Linux, macOS and Windows."""
    return (
        0 < len(name.encode(errors="replace")) <= MAX_BYTES
        and not set('<>:"/\\|?*') & set(name)
        and not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(each) for each in name}
        and not name.startswith((".", " ", "-"))
        and not name.endswith((".", " "))
        and name.partition(".")[0].rstrip(" ").lower() not in DEVICES
    )


@examples(200)
@given(NAMES, SUFFIXES)
@example("con" + " " * 300 + "x", "")
@example("con" + " " * 300 + "x", ".zip")
@example("NUL" + " " * 252 + "y.txt", "")
def test_any_name_becomes_safe(name: str, suffix: str) -> None:
    """Any text becomes a safe name with the suffix, which a second call leaves unchanged."""
    found = safe_filename(name, suffix)
    assert is_safe(found)
    assert found.endswith(suffix)
    assert len(found) > len(suffix)
    assert safe_filename(found) == found
    assert safe_filename(name, suffix) == found


@examples(150)
@given(st.text("abcXYZ019 ._-()+,;=@#%&'\xe9\xfc\u4e2d\u2615\U0001f600", min_size=1, max_size=60))
def test_a_safe_name_is_kept(name: str) -> None:
    """A safe name is kept, apart from its Unicode normalization."""
    assume(is_safe(name))
    assert safe_filename(name) == unicodedata.normalize("NFC", name)
    assert safe_filename(name, ".zip") == f"{unicodedata.normalize('NFC', name)}.zip"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dist", "dist"),
        ("wheels-3.11 (linux).tar.gz", "wheels-3.11 (linux).tar.gz"),
        ("", "artifact"),
        (" ", "artifact"),
        (".", "artifact"),
        ("..", "artifact"),
        (". . .", "artifact"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\autoexec.bat", "C__autoexec.bat"),
        (".netrc", "_netrc"),
        (" .netrc", "_netrc"),
        ("-rf", "_rf"),
        ("--help", "_-help"),
        ("a-b", "a-b"),
        ("a\0b\nc\x7fd\x85e", "a_b_c_d_e"),
        ('<>:"/\\|?*', "_" * 9),
        ("\u202egpj.exe", "_gpj.exe"),
        ("\ufeff\u200b\u2028\u2029", "____"),
        ("\ud800x\udcff", "_x_"),
        ("e\u0301", "\xe9"),
        ("con", "_con"),
        ("Con.txt", "_Con.txt"),
        ("NUL .tar.gz", "_NUL .tar.gz"),
        ("COM\u00b9", "_COM\u00b9"),
        ("lpt9.", "_lpt9"),
        ("CONIN$", "_CONIN$"),
        ("console", "console"),
        ("com10", "com10"),
        ("a. . ", "a"),
        ("a" * 300, "a" * 255),
        ("a" * 300 + ".zip", "a" * 251 + ".zip"),
        ("a" * 300 + "." + "b" * 17, "a" * 255),
        ("\xe9" * 200, "\xe9" * 127),
        ("\U0001f600" * 100, "\U0001f600" * 63),
        ("a" * 200 + " " * 100 + ".txt", "a" * 200 + ".txt"),
        ("a" * 250 + " .txt", "a" * 250 + " .txt"),
        ("a" * 300 + "." + "x" * 16, "a" * 238 + "." + "x" * 16),
    ],
)
def test_names(name: str, expected: str) -> None:
    """Characters and names that a system refuses or that deceive a reader are replaced."""
    assert safe_filename(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dist", "dist.zip"),
        ("dist.", "dist..zip"),
        ("dist ", "dist.zip"),
        ("", "artifact.zip"),
        ("..", "_..zip"),
        ("con", "_con.zip"),
        (".env", "_env.zip"),
        ("-rf", "_rf.zip"),
        ("a" * 300, "a" * 251 + ".zip"),
        ("a" * 250 + ".tar.gz", "a" * 250 + "..zip"[1:]),
        ("\U0001f600" * 100, "\U0001f600" * 62 + ".zip"),
    ],
)
def test_suffix(name: str, expected: str) -> None:
    """The suffix is kept, however long the name is."""
    assert safe_filename(name, ".zip") == expected


@pytest.mark.parametrize(
    "name",
    [
        "a\u202egpj.exe",
        "a\u200db",
        "\u200db",
        "a\u200c",
        "\ufeffa",
        "a\u2028b",
        "a\x85",
        "a\u2066b",
    ],
)
def test_control_characters(name: str) -> None:
    """Invisible characters and those that change how a name is shown are found."""
    assert CONTROL_CHARACTER.search(name)


@pytest.mark.parametrize("character", "\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u206a\ufeff")
def test_ignored_characters_do_not_distinguish_names(character: str) -> None:
    """Names that differ only in characters that HFS+ ignores are the same name."""
    assert folded(f".gi{character}t") == folded(".git")


@pytest.mark.parametrize(
    "name", ["a b", "\U0001f469\u200d\U0001f680.png", "\u0645\u06cc\u200c\u0631"]
)
def test_joiners_between_other_characters_are_no_control_characters(name: str) -> None:
    """The joiners that emoji and some scripts need are allowed."""
    assert not CONTROL_CHARACTER.search(name)


@pytest.mark.parametrize("unit", ["a", " ", ".", "\0", "\ud800", "e\u0301", "\u0301\u0316"])
def test_linear_time(unit: str) -> None:
    """A hostile name is made safe in linear time."""
    assert_not_quadratic(lambda size: safe_filename(unit * (size // len(unit))))
