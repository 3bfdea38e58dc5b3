"""The results of commands that change files or artifacts, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ghartifacts_async
from ghartifacts_async.cli.printing.explanations import explained
from ghartifacts_async.cli.printing.output import Output
from ghartifacts_async.cli.printing.views import ARTIFACT
from ghartifacts_async.cli.values import counted, format_seconds, format_size
from ghartifacts_async.errors import ArtifactExpired, ArtifactsError

if TYPE_CHECKING:
    from ghartifacts_async import Artifact, Deletion, Extraction, MirrorReport, Outcome


def print_result(out: Output, result: Outcome | Extraction) -> None:
    """Print the result of one download or extraction."""
    if result.error is not None:
        print_failure(out, result.artifact, result.error)
    elif isinstance(result, ghartifacts_async.Outcome):
        print_download(out, result)
    else:
        assert result.directory is not None
        if out.json:
            files = [str(path) for path in result.files]
            out.text(_json(result.artifact, directory=str(result.directory), files=files))
        else:
            out.line(f"✓ {result.directory}  {counted(len(result.files), 'file')}")


def print_download(out: Output, outcome: Outcome) -> None:
    """Print a download that succeeded."""
    download = outcome.result()
    if out.json:
        return out.value(download)
    status = "verified" if download.verified else "complete, but GitHub reported no digest"
    if download.skipped:
        status += ", existed already"
    elif download.resumed_bytes:
        status += f", resumed after {format_size(download.resumed_bytes)}"
    return out.line(f"✓ {download.path}  {format_size(download.size)}  {download.digest}  {status}")


def print_failure(out: Output, artifact: Artifact | int, error: ArtifactsError) -> None:
    """Print why there is no file of an artifact: an error to standard error, except as JSON."""
    expired = isinstance(error, ArtifactExpired)
    if out.json:
        reason = {"skipped": "expired"} if expired else {"error": explained(error)}
        return out.text(_json(artifact, **reason))
    name = artifact if isinstance(artifact, int) else artifact.name
    if expired:
        return out.line(f"- {name}: skipped: expired")
    return out.warn(f"✗ {name}: {explained(error)}")


def print_content(
    out: Output, artifact: Artifact, member: str, size: int, content: bytes | bytearray
) -> None:
    """Print a member, or the part of it that was selected, as a line of JSON."""
    text = content.decode("utf-8", "backslashreplace")
    fields = {"artifact": artifact.id, "member": member, "size": size, "text": text}
    out.text(json.dumps(fields))


def print_deletion(out: Output, deletion: Deletion) -> None:
    """Print the result of one deletion."""
    if deletion.error is not None:
        print_failure(out, deletion.artifact, deletion.error)
    elif out.json:
        out.text(_json(deletion.artifact, deleted=True))
    else:
        artifact = deletion.artifact
        name = artifact if isinstance(artifact, int) else f"{artifact.name} ({artifact.id})"
        out.line(f"✓ {name}  deleted" + (", was already gone" if deletion.already_gone else ""))


def print_mirror_report(out: Output, report: MirrorReport) -> None:
    """Print the report on a mirror, and every failure."""
    if out.json:
        return out.value(report)
    for failure in report.failures:
        assert failure.error is not None
        print_failure(out, failure.artifact, failure.error)
    for repository, error in report.unlisted.items():
        out.warn(f"✗ {repository}: {explained(error)}")
    return out.line(
        f"{report.downloaded} downloaded, {report.linked} linked, {report.skipped} existed "
        f"already, {report.expired} expired, {report.failed} failed; "
        f"{format_size(report.received)} in {format_seconds(report.seconds)}"
    )


def print_selected(out: Output, artifacts: Sequence[Artifact]) -> None:
    """Print artifacts that are going to be deleted."""
    for number, artifact in enumerate(artifacts):
        ARTIFACT.show(out, artifact, None, first=number == 0)
    out.flush()


def describe_selection(artifacts: Sequence[Artifact]) -> str:
    """Say why none of the selected artifacts can be downloaded."""
    if not artifacts:
        return "no artifact matches"
    if len(artifacts) == 1:
        return f"artifact {artifacts[0].id} ({artifacts[0].name}) has expired"
    return f"all {len(artifacts)} artifacts have expired"


def _json(artifact: Artifact | int, **fields: Any) -> str:
    described = artifact if isinstance(artifact, int) else _plain(artifact)
    return json.dumps({"artifact": described, **fields})


def _plain(artifact: Artifact) -> Any:
    return json.loads(ghartifacts_async.to_json(artifact))
