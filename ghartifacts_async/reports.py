"""Many artifacts at once, mirrors and pruning: their results, progress and reports.

## Downloading and extracting many

`Repo.download_artifacts`, `Repo.extract_artifacts` and `Repo.delete_artifacts` take a listing, or
any iterable of artifacts or ids, and yield a result as each artifact ends. The error of one
artifact does not stop the others: it is in that artifact's result.

```python
from contextlib import aclosing

listing = repo.list_artifacts(name="dist")
async with aclosing(repo.download_artifacts(listing, "out/", concurrency=16)) as outcomes:
    async for outcome in outcomes:
        if outcome.error is not None:
            print("failed:", outcome.error)  # here, the artifact that has expired
        else:
            print(outcome.result().path)
```

The files are ``out/<artifact name>-<id>.zip``, so a second call finds those of the first and skips
them. `template` changes the path. `Repo.extract_artifacts` unpacks each artifact to a directory of
its own, or with ``merge=True`` all of them to one directory:

```python
async for extraction in repo.extract_artifacts(repo.list_run_artifacts(2332938), "unpacked/"):
    print(extraction.directory, len(extraction.files), extraction.error)
```

## Mirrors

`Repo.mirror` and `Client.mirror` keep local copies, also after the artifacts have expired. Call
them regularly: each call downloads only what is new, and deletes nothing.

```python
from datetime import UTC, datetime, timedelta

week = datetime.now(UTC) - timedelta(days=7)
report = await gh.mirror(["octo-org/octo-docs"], "archive/", created_after=week, durable=True)
print(report.downloaded, report.linked, report.skipped, report.expired, report.failed)
report.raise_for_errors()
```

The files of a repository and its manifest ``artifacts.jsonl`` are in
``archive/octo-org/octo-docs/``. The manifest consists of lines of JSON. The first line describes
the mirror. Each other line describes the file of an artifact, and replaces earlier lines with the
same artifact. To remove old files from a mirror, delete them, and mirror only newer artifacts, so
that the files are not downloaded again:

```python
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

month = datetime.now(UTC) - timedelta(days=30)
await repo.mirror("mirror/", created_after=month)
_, *lines = Path("mirror/artifacts.jsonl").read_text(encoding="utf-8").splitlines()
for entry in map(json.loads, lines):
    if datetime.fromisoformat(entry["artifact"]["created_at"]) < month:
        Path("mirror", entry["path"]).unlink(missing_ok=True)
```

To mirror all repositories of an organization, list them with `Client.request`:

```python
names: list[str] = []
page = 1
while repositories := await gh.request("GET", "/orgs/octo-org/repos", params={"page": page}):
    names += [each["full_name"] for each in repositories]
    page += 1
await gh.mirror(names, "archive/")
```

## Pruning

`Repo.prune` selects old artifacts by age, number and total size. It deletes them only with
``dry_run=False``, one second apart, as GitHub asks:

```python
from datetime import timedelta

plan = await repo.prune(older_than=timedelta(days=30), keep_latest=3)
print(len(plan.artifacts), plan.kept, plan.size)
report = await repo.prune(keep_latest=3, dry_run=False)
print(report.deleted)
report.raise_for_errors()
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from ghartifacts_async.errors import ArtifactsError
from ghartifacts_async.models import Artifact, Digest, Download

MOST_FAILURES = 1000
"""Maximum length of `MirrorReport.failures`."""


class ArtifactsErrorGroup(ArtifactsError, ExceptionGroup[ArtifactsError]):
    """The errors of several artifacts or repositories, as ``raise_for_errors`` raises them.

    ``except ArtifactsError`` catches the group, and ``except* NotFound`` the errors of one kind.
    """

    def __new__(cls, summary: str, errors: Sequence[ArtifactsError]) -> Self:
        """Create a group of at least one error."""
        return super().__new__(cls, summary, errors)

    def __init__(self, summary: str, errors: Sequence[ArtifactsError]) -> None:
        super().__init__(summary)
        self.args: tuple[Any, ...] = (summary, errors)

    def derive(  # type: ignore[override] # the base promises a group of any errors
        self, errors: Sequence[Any], /
    ) -> ArtifactsErrorGroup:
        """Return a group of some of these errors."""
        return ArtifactsErrorGroup(self.summary, errors)


@frozen
class Outcome:
    """The result of one download by `Repo.download_artifacts` or `Repo.mirror`.

    Exactly one of `download` and `error` is set.

    Attributes:
        artifact: The artifact. If an id was passed and GitHub did not return its artifact, the id.
        download: The completed download, or None if it failed.
        error: The error that ended the download, or None if it succeeded. If the listing shows
            that the artifact has expired, no request is made and this is an `ArtifactExpired`.
    """

    artifact: Artifact | int
    download: Download | None = None
    error: ArtifactsError | None = None

    def result(self) -> Download:
        """Return the download.

        Raises:
            ArtifactsError: The download failed; this is `error`.
        """
        if self.error is not None:
            raise self.error
        assert self.download is not None
        return self.download


@frozen
class Extraction:
    """The result of extracting one artifact by `Repo.extract_artifacts`.

    Attributes:
        artifact: The artifact. If an id was passed and GitHub did not return its artifact, the id.
        files: Paths of the extracted files, in the order of the archive. Empty if it failed.
        directory: The directory of the artifact's files, or None if the extraction failed.
        error: The error that ended the extraction, or None if it succeeded. If the listing shows
            that the artifact has expired, no request is made and this is an `ArtifactExpired`.
    """

    artifact: Artifact | int
    files: tuple[Path, ...] = ()
    directory: Path | None = None
    error: ArtifactsError | None = None

    def result(self) -> tuple[Path, ...]:
        """Return the paths of the extracted files.

        Raises:
            ArtifactsError: The extraction failed; this is `error`.
        """
        if self.error is not None:
            raise self.error
        return self.files


@frozen
class Deletion:
    """The result of one deletion by `Repo.delete_artifacts` or `Repo.prune`.

    Attributes:
        artifact: The artifact or id, as it was passed.
        already_gone: Whether the artifact had already been deleted, which counts as success.
        error: The error that ended the deletion, or None if it succeeded.
    """

    artifact: Artifact | int
    already_gone: bool = False
    error: ArtifactsError | None = None

    def raise_for_error(self) -> None:
        """Raise `error` if the deletion failed.

        Raises:
            ArtifactsError: The deletion failed; this is `error`.
        """
        if self.error is not None:
            raise self.error


@frozen
class BulkProgress:
    """Progress of a bulk download, a bulk extraction or a mirror, as passed to `on_progress`.

    Attributes:
        done: Artifacts whose files are complete: downloaded, linked, or existing before.
        failed: Artifacts that failed or have expired.
        running: Artifacts in progress.
        total: Number of artifacts. None if it is not known: for a listing, and for a mirror with
            filters other than `name` until its listing has been read to its end.
        received: Bytes received so far. Bytes kept from earlier downloads do not count.
        rate: Average of `received` in bytes per second since the start.
        total_bytes: Sum of the sizes of the artifacts to download. None if it is not known, as for
            ids, or until a listing has been read to its end.
    """

    done: int
    failed: int
    running: int
    total: int | None
    received: int
    rate: float
    total_bytes: int | None = None


@frozen
class ManifestEntry:
    """The file of an artifact in a mirror, as its manifest records it; see `read_manifest`.

    Attributes:
        artifact: The artifact, as GitHub described it when the file was added.
        path: Path of the file.
        size: Size of the file in bytes.
        mtime_ns: Modification time of the file, in nanoseconds since the epoch.
        digest: SHA-256 of the file.
    """

    artifact: Artifact
    path: Path
    size: int
    mtime_ns: int
    digest: Digest


@frozen
class MirrorReport:
    """The result of `Repo.mirror` or `Client.mirror`.

    Attributes:
        downloaded: Number of artifacts that were downloaded.
        linked: Number of artifacts whose file was made from an existing file with the same
            content, as a link or copy.
        skipped: Number of artifacts whose files existed already.
        expired: Number of artifacts that are not in the mirror and have expired, so that they can
            no longer be downloaded.
        failed: Number of artifacts that failed.
        received: Bytes of payload received.
        seconds: Duration in seconds.
        failures: Outcomes of the artifacts that failed, at most the first 1,000.
        unlisted: Errors that kept a repository from being mirrored completely, because it could not
            be listed or its directory could not be used. They are keyed by ``owner/name``.
            `Repo.mirror` raises the error instead.
        new_files: Paths of the files that were downloaded or linked.
    """

    downloaded: int = 0
    linked: int = 0
    skipped: int = 0
    expired: int = 0
    failed: int = 0
    received: int = 0
    seconds: float = 0.0
    failures: tuple[Outcome, ...] = ()
    unlisted: Mapping[str, ArtifactsError] = field(factory=dict)
    new_files: tuple[Path, ...] = ()

    def raise_for_errors(self) -> None:
        """Raise all errors as a group if anything failed. Expired artifacts do not count.

        Raises:
            ArtifactsErrorGroup: The errors of `unlisted` and `failures`.
        """
        failed = f"{self.failed} artifacts"
        if self.unlisted:
            failed += f" and {len(self.unlisted)} repositories"
        errors = [*self.unlisted.values(), *_errors(self.failures)]
        _raise_group(f"{failed} could not be mirrored", errors)


@frozen
class PruneReport:
    """The result of `Repo.prune`.

    Attributes:
        dry_run: Whether nothing was deleted.
        artifacts: The artifacts that were selected for deletion, oldest first.
        kept: Number of artifacts that were not selected.
        deleted: Number of selected artifacts that were deleted, by this call or by another client
            in the meantime. 0 in a dry run.
        size: Bytes of storage that deleting `artifacts` frees. Expired artifacts count as 0.
        failures: The deletions that failed.
    """

    dry_run: bool
    artifacts: tuple[Artifact, ...] = ()
    kept: int = 0
    deleted: int = 0
    size: int = 0
    failures: tuple[Deletion, ...] = ()

    def raise_for_errors(self) -> None:
        """Raise all errors as a group if any deletion failed.

        Raises:
            ArtifactsErrorGroup: The errors of `failures`.
        """
        message = f"{len(self.failures)} artifacts could not be deleted"
        _raise_group(message, _errors(self.failures))


def _errors(outcomes: Iterable[Outcome | Deletion]) -> list[ArtifactsError]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def _raise_group(message: str, errors: list[ArtifactsError]) -> None:
    if errors:
        raise ArtifactsErrorGroup(message, errors)
