"""Any command line is understood or refused with a message that says why, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import attrs
import pytest
from cyclopts.exceptions import CycloptsError
from hypothesis import example, given
from hypothesis import strategies as st

from ghartifacts_async import ArtifactsError
from ghartifacts_async.cli.overview import COMMANDS
from ghartifacts_async.cli.references import number_in, parse_reference, split_repository
from ghartifacts_async.cli.running import app
from ghartifacts_async.cli.values import parse_duration, parse_size, parse_time
from tests.values import examples

NOW = datetime(2026, 3, 21, 18, tzinfo=UTC)
MANY_DIGITS = "9" * 5000

TYPED = st.one_of(
    st.sampled_from(
        ["", "-", "--", "0", "-1", "7", MANY_DIGITS, "1.5", "nan", "7d", "9" * 400 + "k", "o/r",
         "a/b/c/d", "dist", "wheel-*", "2026-03-21", "0001-01-01T00:00+14:00", "9999-12-31",
         "https://github.com/o/r/actions/runs/7", f"https://github.com/o/r/actions/runs/{MANY_DIGITS}",
         f"https://github.com/o/r/actions/runs/7/artifacts/{MANY_DIGITS}", "\u0663", "{id}", "{",
         "http://[", "git@github.com:o/r.git", "true", "=", "\u202e", "a=b"]
    ),
    st.text(max_size=12),
)  # fmt: skip


@cache
def options(command: str) -> list[str]:
    """Return the options of a command."""
    arguments = app[command].assemble_argument_collection()
    names = [name for argument in arguments for name in argument.names if name.startswith("-")]
    return [*names, "--help", "--no-such-option", "-z"]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Generate the words of a command line."""
    command = draw(st.sampled_from(sorted(COMMANDS)))
    words = [command]
    for _ in range(draw(st.integers(0, 5))):
        option = draw(st.none() | st.sampled_from(options(command)))
        value = draw(st.none() | TYPED)
        if option is not None and value is not None and draw(st.booleans()):
            words.append(f"{option}={value}")
        else:
            words += [word for word in (option, value) if word is not None]
    return words


@examples(500)
@given(command_lines() | st.lists(TYPED, max_size=4))
def test_any_command_line_is_parsed_or_refused(words: list[str]) -> None:
    """Any words are arguments of a command, or raise an error that names the problem."""
    try:
        command, _, _ = app.parse_args(words)
    except (CycloptsError, ArtifactsError) as error:
        assert str(error)  # noqa: PT017 - either is fine
    else:
        assert callable(command)


@cache
def text_options() -> list[tuple[str, str]]:
    """Return each command with the long name of each of its options that takes text."""
    return [
        (command, argument.names[0])
        for command in sorted(COMMANDS)
        for argument in app[command].assemble_argument_collection()
        if argument.hint in (str, str | None, tuple[str, ...])
        and argument.names[0].startswith("--")
    ]


def texts(value: object) -> Iterator[str]:
    """Yield each text in the arguments of a command."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from texts(one)
    elif attrs.has(kind := type(value)):
        for field in attrs.fields(kind):
            yield from texts(getattr(value, field.name))


@examples(200)
@given(st.data(), TYPED)
def test_text_reaches_the_command(data: st.DataObject, text: str) -> None:
    """The text of an option reaches the command unchanged, in both forms of the option."""
    command, option = data.draw(st.sampled_from(text_options()))
    forms = [[f"{option}={text}"], *([[option, text]] if not text.startswith("-") else [])]
    words = data.draw(st.sampled_from(forms))
    _, bound, _ = app.parse_args([command, "x", *words])
    assert text in [one for value in bound.arguments.values() for one in texts(value)]


@examples(300)
@given(TYPED)
@example(MANY_DIGITS)
@example("9" * 400)
@example("9" * 400 + "G")
@example("9999-12-31T23:59-14:00")
def test_any_value_is_parsed_or_refused(text: str) -> None:
    """Any text is a size, a duration and a time, or raises ValueError, which names it."""
    for parse in (parse_size, parse_duration, lambda text: parse_time(text, NOW)):
        try:
            assert parse(text) is not None
        except ValueError as error:
            assert repr(text) in str(error)  # noqa: PT017 - either is fine


@examples(300)
@given(TYPED)
@example(MANY_DIGITS)
def test_any_reference_is_parsed_or_refused(text: str) -> None:
    """Any text is a reference or not; a number is one if GitHub could have such an id."""
    parse_reference(text)
    for kind in ("artifact", "run"):
        number = number_in(text, kind)
        assert number is None or 0 <= number < 2**63
    try:
        reference, others = split_repository([text, "x"])
    except ArtifactsError as error:
        assert "is not a repository" in str(error)  # noqa: PT017 - either is fine
    else:
        assert others in ([text, "x"], ["x"])
        assert (others == ["x"]) <= (reference.repository is not None)


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@examples(200)
@given(
    st.lists(
        st.tuples(st.integers(0, 1500), st.sampled_from("smhdwSHDW")),
        min_size=1,
        max_size=3,
    )
)
def test_durations(parts: list[tuple[int, str]]) -> None:
    """A duration is the sum of its parts, each a number and a unit; also before now."""
    text = "".join(f"{number}{unit}" for number, unit in parts)
    expected = timedelta(seconds=sum(number * UNITS[unit.lower()] for number, unit in parts))
    assert parse_duration(text) == expected
    assert parse_time(text, NOW) == NOW - expected


@examples(200)
@given(st.integers(0, 10**6), st.integers(0, 4), st.booleans(), st.booleans())
def test_sizes(number: int, power: int, binary: bool, lower: bool) -> None:
    """A number and a unit are that many bytes, in powers of 1000 or 1024."""
    unit = ("" if power == 0 else "kMGT"[power - 1]) + ("iB" if binary and power else "")
    expected = number * (1024 if binary and power else 1000) ** power
    assert parse_size(f"{number}{unit.lower() if lower else unit}") == expected


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_options_to_draw(command: str) -> None:
    """The options of each command are known to these tests."""
    assert len(options(command)) >= 3
