"""How artifacts, runs and members are shown: their columns on a terminal, and their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ghartifacts_async.cli.printing.output import Output, formatted, plain
from ghartifacts_async.cli.values import format_size

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, Member, Run


def artifact_row(artifact: Artifact) -> dict[str, str]:
    """Return the columns of an artifact for a terminal."""
    fields = artifact_fields(artifact)
    name = f"{artifact.name} (expired)" if artifact.expired else artifact.name
    return {
        "id": str(artifact.id),
        "size": format_size(artifact.size_in_bytes),
        "created": _minutes(fields["created"]),
        "run": str(fields["run"] or ""),
        "name": name,
    }


def artifact_line(artifact: Artifact) -> dict[str, str]:
    """Return the fields of an artifact for a pipe."""
    fields = artifact_fields(artifact)
    names = ("id", "name", "size", "created", "run", "branch")
    state = "expired" if artifact.expired else "available"
    return {name: plain(fields[name]) for name in names} | {"state": state}


def run_row(run: Run) -> dict[str, str]:
    """Return the columns of a workflow run for a terminal."""
    return {
        "id": str(run.id),
        "status": run.conclusion or run.status or "",
        "created": _minutes(run.created_at),
        "title": f"{run.name or run.workflow_file}  {run.head_branch or ''}  {run.event}",
    }


def run_line(run: Run) -> dict[str, str]:
    """Return the fields of a workflow run for a pipe."""
    fields = run_fields(run)
    names = ("id", "status", "conclusion", "workflow", "branch", "event", "created", "sha")
    return {name: plain(fields[name]) for name in names}


def artifact_fields(artifact: Artifact) -> dict[str, Any]:
    """Return the fields of an artifact that ``--format`` knows."""
    run = artifact.workflow_run
    return {
        "id": artifact.id,
        "name": artifact.name,
        "size": artifact.size_in_bytes,
        "created": artifact.created_at,
        "expires": artifact.expires_at,
        "expired": artifact.expired,
        "digest": artifact.digest,
        "run": run and run.id,
        "branch": run and run.head_branch,
        "sha": run and run.head_sha,
        "url": artifact.url,
    }


def run_fields(run: Run) -> dict[str, Any]:
    """Return the fields of a workflow run that ``--format`` knows."""
    return {
        "id": run.id,
        "name": run.name,
        "workflow": run.workflow_file,
        "number": run.run_number,
        "attempt": run.run_attempt,
        "status": run.status,
        "conclusion": run.conclusion,
        "event": run.event,
        "branch": run.head_branch,
        "sha": run.head_sha,
        "created": run.created_at,
        "user": run.actor and run.actor.login,
        "url": run.html_url,
    }


def member_row(member: Member) -> dict[str, str]:
    """Return the columns of a member for a terminal."""
    return {
        "size": format_size(member.size),
        "modified": _minutes(member.modified),
        "name": member.name,
    }


def member_line(member: Member) -> dict[str, str]:
    """Return the fields of a member for a pipe."""
    return {name: plain(value) for name, value in member_fields(member).items()}


def member_fields(member: Member) -> dict[str, Any]:
    """Return the fields of a member that ``--format`` knows."""
    return {
        "name": member.name,
        "size": member.size,
        "compressed": member.compressed_size,
        "modified": member.modified,
    }


@frozen
class View:
    """How one kind of item is shown.

    Attributes:
        kind: Name of the kind.
        row: Returns the columns for a terminal.
        line: Returns the fields for a pipe.
        fields: Returns the fields that ``--format`` knows.
    """

    kind: str
    row: Callable[[Any], Mapping[str, str]]
    line: Callable[[Any], Mapping[str, str]]
    fields: Callable[[Any], Mapping[str, Any]]

    def show(self, out: Output, item: Any, template: str | None, *, first: bool = False) -> None:
        """Print an item, after the header of the table if it is the first one."""
        if out.json:
            return out.value(item)
        if template is not None:
            return out.text(formatted(template, self.fields(item)))
        if not out.is_terminal:
            return out.row(self.line(item))
        if first:
            out.header(self.row(item))
        return out.row(self.row(item))


ARTIFACT = View("artifact", artifact_row, artifact_line, artifact_fields)
RUN = View("run", run_row, run_line, run_fields)
MEMBER = View("member", member_row, member_line, member_fields)


def _minutes(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time is not None else ""
