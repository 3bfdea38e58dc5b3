"""The commands that read inside artifacts: ``ls``, ``cat`` and ``grep``."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

from attrs import evolve
from cyclopts import Parameter

from ghartifacts_async.cli.common import COUNT, RepositoryCommon, refuse_options
from ghartifacts_async.cli.connection import choose_repository, open_repository
from ghartifacts_async.cli.contents.excerpts import Excerpt, copy_excerpt
from ghartifacts_async.cli.contents.matches import compile_search, find_matches, print_match
from ghartifacts_async.cli.contents.members import (
    MembersByName,
    MembersByPattern,
    archive_limits,
    contents,
)
from ghartifacts_async.cli.exit_status import NOTHING_FOUND, SUCCESS
from ghartifacts_async.cli.options import (
    SIZE,
    ArtifactArguments,
    MaxMembers,
    MemberArguments,
    SourceFilters,
)
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.results import print_content
from ghartifacts_async.cli.printing.views import MEMBER
from ghartifacts_async.cli.selection import find_artifact, find_artifacts, with_run_url
from ghartifacts_async.errors import InvalidArgument

Members = Annotated[
    str,
    Parameter(
        name=["--members", "-m"],
        metavar="PATTERN",
        help="Only members that match this pattern, such as '**/*.xml', in which ** also matches "
        "slashes.",
    ),
]
MemberFormat = Annotated[
    str | None,
    Parameter(
        metavar="FORMAT",
        help=r"Print these fields in each line, such as '{size}\t{name}', in which \t is a tab.",
    ),
]
Lines = Annotated[int | None, COUNT]


async def ls(
    *arguments: ArtifactArguments,
    members: Members = "**",
    max_members: MaxMembers = None,
    source: SourceFilters = SourceFilters(),
    format: MemberFormat = None,  # noqa: A002 - the name of the option
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """List the members of an artifact."""
    out = Output(common)
    common.refuse_format(format)
    repository, rest = choose_repository(common, arguments, source.run)
    source, rest = with_run_url(source, rest)
    if len(rest) != 1:
        raise InvalidArgument("pass one artifact: its id, URL or name")
    async with open_repository(common, repository, out) as repo:
        artifact = await find_artifact(repo, rest[0], source)
        limits = archive_limits(max_members=max_members)
        async with repo.open_artifact(artifact, limits=limits) as archive:
            names = set(archive.glob(members))
            found = [member for member in archive.members() if member.name in names]
    for number, member in enumerate(found):
        MEMBER.show(out, member, format, first=number == 0)
    if not found:
        out.note("no member matches")
    return SUCCESS if found else NOTHING_FOUND


async def cat(
    *arguments: MemberArguments,
    head: Annotated[Lines, Parameter(help="Print only this many lines from the start.")] = None,
    tail: Annotated[Lines, Parameter(help="Print only this many lines from the end.")] = None,
    max_bytes: Annotated[
        int | None, SIZE, Parameter(help="Print at most this much, such as 64k.")
    ] = None,
    max_members: MaxMembers = None,
    source: SourceFilters = SourceFilters(),
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Print members of an artifact."""
    out = Output(common)
    refuse_options({"--head": head is not None and tail is not None}, "with --tail")
    excerpt = Excerpt(head=head, tail=tail, max_bytes=max_bytes)
    repository, rest = choose_repository(common, arguments, source.run)
    source, rest = with_run_url(source, rest)
    if not rest:
        raise InvalidArgument("pass an artifact (its id, URL or name), and its members")
    async with open_repository(common, repository, out) as repo:
        artifact = await find_artifact(repo, rest[0], source)
        members = contents(repo, artifact, MembersByName(rest[1:]), max_members)
        async with aclosing(members):
            async for member in members:
                content = bytearray()
                write = content.extend if out.json else out.binary()
                shown = await copy_excerpt(member.chunks, evolve(excerpt), write)
                if out.json:
                    print_content(out, artifact, member.name, member.size, content)
                if shown.left_out(member.size):
                    out.note(f"{member.name}: {shown.left_out(member.size)}")
    return SUCCESS


async def grep(
    pattern: Annotated[str, Parameter(show=False)],
    /,
    *arguments: ArtifactArguments,
    members: Members = "**",
    ignore_case: Annotated[
        bool, Parameter(name=["--ignore-case", "-i"], help="Ignore case.")
    ] = False,
    fixed_strings: Annotated[
        bool, Parameter(name=["--fixed-strings", "-F"], help="PATTERN is plain text.")
    ] = False,
    files_with_matches: Annotated[
        bool,
        Parameter(name=["--files-with-matches", "-l"], help="Print only the names of the members."),
    ] = False,
    max_members: MaxMembers = None,
    source: SourceFilters = SourceFilters(),
    common: RepositoryCommon = RepositoryCommon(),
) -> int:
    """Search the members of artifacts for lines that match a regular expression."""
    out = Output(common)
    if common.verbose:
        out.note("-v logs events; it does not select the lines that do not match")
    search = compile_search(pattern, ignore_case=ignore_case, fixed_strings=fixed_strings)
    repository, rest = choose_repository(common, arguments, source.run)
    source, rest = with_run_url(source, rest)
    found = 0
    async with open_repository(common, repository, out) as repo:
        artifacts = await find_artifacts(repo, rest, source)
        for artifact in artifacts:
            matches = find_matches(
                contents(repo, artifact, MembersByPattern(members), max_members),
                artifact,
                search,
                first=files_with_matches,
                binary=out.json,
            )
            async with aclosing(matches):
                async for match in matches:
                    if out.quiet:
                        return SUCCESS
                    found += 1
                    print_match(out, match, several=len(artifacts) > 1, names=files_with_matches)
    return SUCCESS if found else NOTHING_FOUND
