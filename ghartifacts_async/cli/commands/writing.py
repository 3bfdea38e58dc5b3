"""Downloading and extracting artifacts, which several commands do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from attrs import asdict, field, frozen
from cyclopts import Group, Parameter

from ghartifacts_async.cli.common import POSITIVE, Common, refuse_options
from ghartifacts_async.cli.contents.members import archive_limits
from ghartifacts_async.cli.exit_status import NOTHING_FOUND, SUCCESS, status_of_failures
from ghartifacts_async.cli.options import SIZE, Concurrency, Directory, MaxMembers, Template
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.progress import Display, display
from ghartifacts_async.cli.printing.results import describe_selection, print_result
from ghartifacts_async.cli.values import counted
from ghartifacts_async.errors import ArtifactExpired, ArtifactsError

if TYPE_CHECKING:
    from ghartifacts_async import ArchiveLimits, Artifact, Extraction, Outcome, Repo

IfExists: TypeAlias = Literal["verify", "replace", "error"]

_DEFAULT_TEMPLATE = "{name}"

_EXTRACTION = Group("Extraction", sort_key=7)


@Parameter(name="*", group=_EXTRACTION)
@frozen(kw_only=True)
class Unpacking:
    """Whether and how artifacts are extracted."""

    extract: Annotated[
        bool, Parameter(name=["--extract", "-x"], help="Extract each artifact to DIR/<name>/.")
    ] = False
    flat: Annotated[bool, Parameter(help="With --extract, extract everything to DIR itself.")] = (
        False
    )
    symlinks: Annotated[
        Literal["error", "skip", "inside"] | None,
        Parameter(
            help="Symbolic links in archives: refuse the archive (error, the default), leave them "
            "out (skip), or create those that stay within the directory (inside)."
        ),
    ] = None
    backslashes: Annotated[
        Literal["error", "separator"] | None,
        Parameter(
            help="Backslashes in names: refuse the archive (error, the default), or treat them as "
            "slashes (separator)."
        ),
    ] = None
    on_collision: Annotated[
        Literal["error", "rename"] | None,
        Parameter(
            help="Names that differ only in case: refuse the archive (error, the default), or "
            "rename files (rename)."
        ),
    ] = None
    max_ratio: Annotated[
        int | None,
        POSITIVE,
        Parameter(
            help="Maximum ratio of compression of artifacts that expand to more than 64 MiB. "
            "[default: 200]"
        ),
    ] = None
    max_members: MaxMembers = None
    max_member_size: Annotated[
        int | None, SIZE, Parameter(help="Maximum size of each file. [default: 16GiB]")
    ] = None
    max_total_size: Annotated[
        int | None,
        SIZE,
        Parameter(help="Maximum size of all files of an artifact. [default: 64GiB]"),
    ] = None

    def limits(self) -> ArchiveLimits:
        """Return the limits on what an archive may expand to."""
        return archive_limits(
            max_ratio=self.max_ratio,
            max_members=self.max_members,
            max_member_size=self.max_member_size,
            max_total_size=self.max_total_size,
        )


@Parameter(name="*")
@frozen(kw_only=True)
class Writing:
    """How artifacts are written."""

    directory: Directory = field(factory=Path)
    template: Template | None = None
    if_exists: Annotated[
        IfExists | None,
        Parameter(
            help="What to do if the file exists: keep it if its content is right (verify, the "
            "default), replace it, or fail (error). With --extract, an existing directory is "
            "replaced only with 'replace'."
        ),
    ] = None
    concurrency: Concurrency = 8
    connections: Annotated[
        int | None,
        POSITIVE,
        Parameter(help="Number of connections for each artifact. By default chosen by size."),
    ] = None
    unpacking: Unpacking = Unpacking()

    @property
    def after_interruption(self) -> str:
        """What an interrupted command leaves, and how to repeat it."""
        if not self.unpacking.extract:
            return "the same command resumes"
        if self.unpacking.flat:
            return "files of complete artifacts stay; repeat the command with an empty directory"
        return "complete directories stay; repeat the command with --if-exists replace"

    def refuse_unused(self) -> None:
        """Refuse options that would have no effect.

        Raises:
            InvalidArgument: One of the options is given.
        """
        if self.unpacking.extract:
            unused = {
                "--template": self.template is not None,
                "--connections": self.connections,
                "--if-exists verify": self.if_exists == "verify",
            }
            refuse_options(unused, "with --extract")
            replaces = self.unpacking.flat and self.if_exists == "replace"
            return refuse_options({"--if-exists replace": replaces}, "with --flat")
        given = {
            f"--{name.replace('_', '-')}": each for name, each in asdict(self.unpacking).items()
        }
        return refuse_options(given, "without --extract")

    def start(
        self, repo: Repo, artifacts: Sequence[Artifact], progress: Display
    ) -> AsyncGenerator[Outcome | Extraction, None]:
        """Begin to download or extract artifacts, and yield the results."""
        unpacking = self.unpacking
        if not unpacking.extract:
            return repo.download_artifacts(
                artifacts,
                self.directory,
                template=_DEFAULT_TEMPLATE if self.template is None else self.template,
                if_exists=self.if_exists or "verify",
                concurrency=self.concurrency,
                connections=self.connections,
                on_progress=progress.update_total,
                on_artifact_progress=progress.update,
            )
        return repo.extract_artifacts(
            artifacts,
            self.directory,
            merge=unpacking.flat,
            if_exists="replace" if self.if_exists == "replace" else "error",
            symlinks=unpacking.symlinks or "error",
            backslashes=unpacking.backslashes or "error",
            on_collision=unpacking.on_collision or "error",
            limits=unpacking.limits(),
            concurrency=self.concurrency,
            on_progress=progress.update_total,
        )


def wanted_files(
    directory: Path | None, unpacking: Unpacking, line_format: str | None, common: Common
) -> Writing | None:
    """Return how to write the artifacts, or None if they are only printed.

    Args:
        directory: The value of ``--download``.
        unpacking: The options of extraction.
        line_format: The value of ``--format``.
        common: The common options.

    Raises:
        InvalidArgument: An option would have no effect.
    """
    writing = Writing(directory=directory or Path(), unpacking=unpacking)
    writing.refuse_unused()
    common.refuse_format(line_format)
    if directory is None and not unpacking.extract:
        return None
    refuse_options({"--format": line_format is not None}, "with --download or --extract")
    return writing


async def write_all(
    repo: Repo, artifacts: Sequence[Artifact], writing: Writing, out: Output
) -> int:
    """Download or extract artifacts, show the progress and print the results.

    Returns:
        The exit status.
    """
    available = [artifact for artifact in artifacts if not artifact.expired]
    if not available:
        out.note(f"nothing to download: {describe_selection(artifacts)}")
        return NOTHING_FOUND
    done, failures = 0, list[ArtifactsError]()
    total = sum(artifact.size_in_bytes for artifact in available)
    with display(out, total, writing.after_interruption) as progress:
        async with aclosing(writing.start(repo, artifacts, progress)) as results:
            async for result in results:
                progress.end(result.artifact)
                progress.result(partial(print_result, out, result))
                done += result.error is None
                if not isinstance(result.error, ArtifactExpired | None):
                    failures.append(result.error)
    where = _absolute(writing.directory)
    out.note(f"{done} of {counted(len(artifacts), 'artifact')} in {where}")
    if failures:
        return status_of_failures(failures)
    return SUCCESS if done else NOTHING_FOUND


def _absolute(path: Path) -> Path:
    """Return an absolute path, or the path as it is if the working directory was removed."""
    try:
        return path.absolute()
    except OSError:
        return path
