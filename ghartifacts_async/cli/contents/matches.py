"""The lines in the members of an artifact that match a regular expression."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import frozen

from ghartifacts_async.cli.contents.members import Content
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.errors import InvalidArgument

if TYPE_CHECKING:
    from ghartifacts_async import Artifact

_NUL = "\0"
"""Marks binary data, as for grep."""

_LONGEST_LINE = 2**20
_LONGEST_PRINTED = 500


@frozen
class Match:
    """A line that matches.

    Attributes:
        artifact: The artifact.
        member: Name of the member.
        line: Number of the line, counted from 1.
        text: The line, without its end.
    """

    artifact: Artifact
    member: str
    line: int
    text: str


def compile_search(pattern: str, *, ignore_case: bool, fixed_strings: bool) -> re.Pattern[str]:
    """Return a compiled regular expression.

    Raises:
        InvalidArgument: The pattern is not a valid regular expression.
    """
    expression = re.escape(pattern) if fixed_strings else pattern
    try:
        with warnings.catch_warnings():
            # Python warns of expressions such as [[:space:]], which it understands differently.
            warnings.simplefilter("error", FutureWarning)
            return re.compile(expression, re.IGNORECASE if ignore_case else 0)
    except (re.error, FutureWarning, OverflowError, RecursionError, ValueError) as error:
        raise InvalidArgument(
            f"{pattern!r} is not a regular expression: {error}; -F searches for plain text"
        ) from None


async def find_matches(
    members: AsyncGenerator[Content, None],
    artifact: Artifact,
    search: re.Pattern[str],
    *,
    first: bool,
    binary: bool,
) -> AsyncGenerator[Match, None]:
    """Yield the matching lines of an artifact's members.

    Args:
        members: The members to search. The generator is closed at the end.
        artifact: Their artifact.
        search: The regular expression.
        first: Whether to yield only the first match of each member.
        binary: Whether to continue with a member after a match in binary data.
    """
    async with aclosing(members):
        async for content in members:
            number = 0
            async with aclosing(lines_of(content.chunks)) as lines:
                async for line in lines:
                    number += 1
                    text = line.decode("utf-8", "backslashreplace")
                    if search.search(text):
                        yield Match(artifact, content.name, number, text)
                        if first or (not binary and _NUL in text):
                            break


def print_match(out: Output, match: Match, *, several: bool, names: bool) -> None:
    """Print a match.

    Args:
        out: The output.
        match: The match.
        several: Whether to print the name of the artifact.
        names: Whether to print only the name of the member.
    """
    if out.json:
        fields = {"artifact": match.artifact.id, "member": match.member}
        more = {} if names else {"line": match.line, "text": match.text}
        return out.text(json.dumps(fields | more))
    where = f"{match.artifact.name}/{match.member}" if several else match.member
    if names:
        return out.line(where)
    text = match.text
    if _NUL in text:
        return out.line(f"{where}: binary data matches")
    if len(text) > _LONGEST_PRINTED:
        text = f"{text[:_LONGEST_PRINTED]}… ({len(text)} characters)"
    return out.excerpt(f"{where}:{match.line}:", text)


async def lines_of(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a content without their ends. A line of over 1 MiB is split."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        if len(rest) > _LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest
