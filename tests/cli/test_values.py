"""What people type: references, times, sizes; and what they see: excerpts and progress."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from ghartifacts_async.cli.common import Common
from ghartifacts_async.cli.contents.excerpts import Excerpt, copy_excerpt
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.progress import Display, summary
from ghartifacts_async.cli.printing.terminal_text import TerminalText
from ghartifacts_async.cli.references import Reference, parse_reference
from ghartifacts_async.cli.values import (
    format_seconds,
    format_size,
    parse_duration,
    parse_size,
    parse_time,
)
from ghartifacts_async.reports import BulkProgress

NOW = datetime(2026, 3, 21, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o/r", Reference(None, "o/r")),
        ("ghe.example/o/r", Reference("ghe.example", "o/r")),
        ("https://github.com/o/r.git", Reference("github.com", "o/r")),
        ("git@github.com:o/r.git", Reference("github.com", "o/r")),
        ("ssh://git@ghe.example:2222/o/r", Reference("ghe.example", "o/r")),
        ("https://ghe.example:8443/o/r", Reference("ghe.example:8443", "o/r")),
        (
            "https://github.com/o/r/actions/runs/7/attempts/2#artifacts",
            Reference("github.com", "o/r", run=7),
        ),
        (
            "https://github.com/o/r/actions/runs/7/artifacts/11",
            Reference("github.com", "o/r", run=7, artifact=11),
        ),
        (
            "https://github.com/o/r/suites/5/artifacts/11",
            Reference("github.com", "o/r", artifact=11),
        ),
        (
            "https://api.github.com/repos/o/r/actions/artifacts/11/zip",
            Reference("github.com", "o/r", artifact=11),
        ),
        (
            "https://ghe.example/api/v3/repos/o/r/actions/artifacts/11",
            Reference("ghe.example", "o/r", artifact=11),
        ),
        ("https://api.octo.ghe.com/repos/o/r", Reference("octo.ghe.com", "o/r")),
        ("https://github.com/o/r/actions/runs/7/job/9?pr=1", Reference("github.com", "o/r", run=7)),
        ("https://github.com/o/repos/actions/runs/7", Reference("github.com", "o/repos", run=7)),
        ("https://github.com/o/repos/", Reference("github.com", "o/repos")),
        ("https://github.com/repos/o", Reference("github.com", "repos/o")),
        ("https://github.com:443/o/r", Reference("github.com", "o/r")),
        ("http://ghe.example:80/o/r", Reference("ghe.example", "o/r")),
        ("http://[::1]:8080/o/r", Reference("[::1]:8080", "o/r")),
        ("dist", None),
        ("a/b/c/d", None),
        ("https://github.com", None),
        ("ftp://github.com/o/r", None),
        ("o/r/", Reference(repository="o/r")),
        ("git@github.com:o/r/", Reference("github.com", "o/r")),
        ("git+ssh://git@github.com/o/r.git", Reference("github.com", "o/r")),
        ("ssh://git@ssh.github.com:443/o/r.git", Reference("github.com", "o/r")),
        ("git@ssh.github.com:o/r", Reference("github.com", "o/r")),
        ("https://www.github.com/o/r", Reference("github.com", "o/r")),
        ("git@ghe.example:8431:o/r", None),
        ("https://github.com:x/o/r", None),
    ],
)
def test_references(text: str, expected: Reference | None) -> None:
    """Names, URLs of pages and of the API, and git remotes are understood."""
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("90m", NOW - timedelta(minutes=90)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("1D 12.5H", NOW - timedelta(hours=36.5)),
        ("2026-03-20", datetime(2026, 3, 20, tzinfo=UTC)),
        ("2026-03-20T10:00Z", datetime(2026, 3, 20, 10, tzinfo=UTC)),
        ("2026-03-20T10:00+02:00", datetime(2026, 3, 20, 8, tzinfo=UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    """A time is a date, a time in ISO 8601, or a duration before now."""
    assert parse_time(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "7 years", "3M", "h", "1h30", "9999999w", "2026-13-01"]
)
def test_wrong_times(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match=r"such as|write"):
        parse_time(text, NOW)


def test_sizes_and_durations() -> None:
    """Sizes may have decimal or binary units; sizes and durations are printed readably."""
    sizes = {"0": 0, "4096": 4096, "10k": 10_000, "1.5M": 1_500_000, "2GiB": 2**31, "1 kB": 1000}
    assert {text: parse_size(text) for text in sizes} == sizes
    for wrong in ("", "x", "-1", "1q"):
        with pytest.raises(ValueError, match="for example"):
            parse_size(wrong)
    assert parse_duration("2w") == timedelta(days=14)
    printed = [format_size(size) for size in (0, 1, 999, 1500, 2_500_000, 3e9, 4e12, 5e15)]
    assert printed == [
        "0 bytes", "1 byte", "999 bytes", "1.5 kB", "2.5 MB", "3.0 GB", "4.0 TB", "5000.0 TB",
    ]  # fmt: skip
    assert [format_seconds(each) for each in (-1, 59, 61, 3700)] == [
        "0 s", "59 s", "1 min 1 s", "1 h 1 min",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_excerpt_does_not_depend_on_the_chunks(size: int) -> None:
    """The first and the last lines are the same, however the content arrives."""
    content = b"".join(b"line %d\n" % number for number in range(50)) + b"no end"
    lines = content.splitlines(keepends=True)
    for head, tail, limit in ((3, None, None), (None, 2, None), (None, None, 10), (3, None, 8)):
        excerpt = Excerpt(head=head, tail=tail, max_bytes=limit)
        shown = b""
        for start in range(0, len(content), size):
            shown += excerpt.feed(content[start : start + size])
            if excerpt.is_complete:
                break
        shown += excerpt.finish()
        expected = b"".join(lines[:head] if head else lines[-tail:] if tail else lines)
        assert shown == expected[:limit]
        assert excerpt.left_out(len(content)).startswith(f"{len(content) - len(shown)} of")


@pytest.mark.parametrize(
    ("content", "end"),
    [(b"\nlast\n", b"last\n"), (b"\n\n", b"\n"), (b"one\n", b"one\n"), (b"", b"")],
)
def test_the_last_line(content: bytes, end: bytes) -> None:
    """Empty lines count, also at the start, and a line break at the end starts no line."""
    excerpt = Excerpt(tail=1)
    assert excerpt.feed(content) == b""
    assert excerpt.finish() == end


async def test_what_follows_an_excerpt_is_not_read() -> None:
    """After the last wanted line, the content is not read further."""
    read: list[bytes] = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        for number in range(9):
            read.append(b"line %d\n" % number)
            yield read[-1]

    shown: list[bytes] = []
    async with aclosing(chunks()) as content:
        await copy_excerpt(content, Excerpt(head=2), shown.append)
    assert b"".join(shown) == b"".join(read) == b"line 0\nline 1\n"


def test_the_end_of_a_very_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line without an end, only a limited part is kept in memory."""
    # Reaching the real limit would take 128 MiB of memory.
    monkeypatch.setattr("ghartifacts_async.cli.contents.excerpts._MAX_KEPT", 100)
    excerpt = Excerpt(tail=1)
    for number in range(1000):
        assert excerpt.feed(b"%03d" % number) == b""
        assert len(excerpt._kept) <= 203
    assert excerpt.finish().endswith(b"998999")
    assert excerpt.left_out(3000) == "2900 of 3000 bytes left out"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_terminal_text_is_safe(size: int) -> None:
    """Line ends, and colours if wanted, are kept; all other control characters are escaped."""
    content = "é\x1b[1;31mred\x1b[0m\r\n\x1b]0;title\x07\x1b[2J\ttab\x9b\r".encode() + b"\xff"
    text = TerminalText()
    parts = [text.feed(content[at : at + size]) for at in range(0, len(content), size)]
    shown = "".join([*parts, text.feed(b"", final=True)])
    safe = "é\x1b[1;31mred\x1b[0m\n\\x1b]0;title\\x07\\x1b[2J\ttab\\x9b\\r\\xff"
    assert shown == safe + "\x1b[0m"
    assert TerminalText().feed(b"plain", final=True) == "plain"
    text = TerminalText(keeps_colours=False)
    parts = [text.feed(content[at : at + size]) for at in range(0, len(content), size)]
    shown = "".join([*parts, text.feed(b"", final=True)])
    assert shown == safe.replace("\x1b[1;31m", "").replace("\x1b[0m", "")


def test_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """If standard error is no terminal, a line each ten seconds shows bytes, rate and time left."""
    now = 0.0
    display = Display(Output(Common()), 4_000_000, clock=lambda: now)
    for _ in range(25):
        now += 1
        display.update_total(BulkProgress(1, 0, 2, 3, 1_000_000, 100_000.0))
    printed = capsys.readouterr().err.splitlines()
    assert printed == ["1 of 3 artifacts, 1.0 MB of 4.0 MB, 100.0 kB/s, 30 s left"] * 2
    assert summary(BulkProgress(0, 0, 2, 1, 0, 0.0), None) == "0 of 1 artifact, 0 bytes, 0 bytes/s"
