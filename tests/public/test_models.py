"""Models have the fields that GitHub documents, and convert to and from JSON and pickles."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given

from ghartifacts_async import (
    ArchiveLimits,
    Artifact,
    ArtifactPage,
    Digest,
    InvalidArgument,
    RateLimitPolicy,
    RetryPolicy,
    Stats,
    Timeouts,
    WorkflowRun,
    _arguments,
    from_json,
    models,
    to_json,
)
from tests.values import MODELS, OPENAPI, SECRET, SHA256, artifact, artifact_json, examples

SCHEMA = OPENAPI["schema"]
RUN_SCHEMA = SCHEMA["properties"]["workflow_run"]


@pytest.mark.parametrize(("model", "schema"), [(Artifact, SCHEMA), (WorkflowRun, RUN_SCHEMA)])
def test_documented_properties(model: type, schema: dict[str, Any]) -> None:
    """A model has every property of GitHub's OpenAPI description."""
    assert {field.name for field in attrs.fields(model)} >= set(schema["properties"])


def test_documented_examples() -> None:
    """The examples of GitHub's OpenAPI description are parsed completely."""
    example = OPENAPI["examples"]["artifact"]
    found = from_json(json.dumps(example), Artifact)
    assert found == Artifact(
        id=11,
        node_id="MDg6QXJ0aWZhY3QxMQ==",
        name="Rails",
        size_in_bytes=556,
        url="https://api.github.com/repos/octo-org/octo-docs/actions/artifacts/11",
        archive_download_url=(
            "https://api.github.com/repos/octo-org/octo-docs/actions/artifacts/11/zip"
        ),
        expired=False,
        created_at=datetime(2020, 1, 10, 14, 59, 22, tzinfo=UTC),
        expires_at=datetime(2020, 1, 21, 14, 59, 22, tzinfo=UTC),
        updated_at=datetime(2020, 1, 21, 14, 59, 22, tzinfo=UTC),
        digest=Digest("sha256", SHA256),
        workflow_run=WorkflowRun(**example["workflow_run"]),
    )
    page = from_json(json.dumps(OPENAPI["examples"]["artifact-paginated"]), ArtifactPage)
    assert page.total_count == 2
    assert [each.name for each in page.artifacts] == ["Rails", "Test output"]


@pytest.mark.parametrize(
    "name", [name for name, schema in SCHEMA["properties"].items() if schema.get("nullable")]
)
def test_nullable_properties(name: str) -> None:
    """A nullable property may be null or absent, and is None in both cases."""
    absent = artifact_json()
    del absent[name]
    null = artifact_json(**{name: None})
    assert from_json(json.dumps(null), Artifact) == from_json(json.dumps(absent), Artifact)
    assert getattr(from_json(json.dumps(null), Artifact), name) is None


@pytest.mark.parametrize("name", RUN_SCHEMA["properties"])
def test_optional_properties_of_a_run(name: str) -> None:
    """Any property of a workflow run may be null or absent."""
    run = dict(artifact_json()["workflow_run"])
    null = from_json(json.dumps(run | {name: None}), WorkflowRun)
    del run[name]
    assert from_json(json.dumps(run), WorkflowRun) == null
    assert getattr(null, name) is None


def test_unknown_properties() -> None:
    """Unknown properties, which GitHub may add later, are ignored at every depth."""
    run = artifact_json()["workflow_run"] | {"attempt": 2}
    text = json.dumps(artifact_json(workflow_run=run, retention={"days": [90]}))
    assert from_json(text, Artifact) == from_json(json.dumps(artifact_json()), Artifact)


@examples(150)
@given(MODELS)
def test_json_round_trip(value: object) -> None:
    """`from_json` restores the value that `to_json` wrote, even with unusual names."""
    assert from_json(to_json(value), type(value)) == value


@examples(100)
@given(MODELS)
def test_pickle_round_trip(value: object) -> None:
    """An unpickled model is equal to the original and has the same hash."""
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-10T14:59:22Z",
        "2020-01-10T14:59:22+00:00",
        "2020-01-10T14:59:22",
        "2020-01-10T16:59:22+02:00",
        "2020-01-10T07:29:22.000000-07:30",
    ],
)
def test_datetimes_in_utc(text: str) -> None:
    """Datetimes in any time zone are parsed as timezone-aware datetimes in UTC."""
    moment = from_json(json.dumps(artifact_json(created_at=text)), Artifact).created_at
    assert moment == datetime(2020, 1, 10, 14, 59, 22, tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


def test_datetimes_are_written_in_utc() -> None:
    """`to_json` converts datetimes in any time zone to UTC."""
    east = datetime(2020, 1, 10, 16, 59, 22, tzinfo=timezone(timedelta(hours=2)))
    written = json.loads(to_json(artifact(created_at=east)))["created_at"]
    assert written == "2020-01-10T14:59:22+00:00"


def test_json_is_plain() -> None:
    """to_json writes GitHub's field names, and digests and runs in GitHub's form."""
    value = from_json(json.dumps(artifact_json()), Artifact)
    written = json.loads(to_json(value))
    assert set(written) == set(artifact_json())
    assert written["digest"] == f"sha256:{SHA256}"
    assert written["workflow_run"] == artifact_json()["workflow_run"]


@pytest.mark.parametrize("value", [artifact(), Digest("sha256", "ab"), Timeouts()])
def test_frozen(value: Any) -> None:
    """A model is immutable, so tasks can share it."""
    name = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, 0)


@pytest.mark.parametrize("text", [f"sha256:{SHA256}", f"SHA256:{SHA256.upper()}"])
def test_digest(text: str) -> None:
    """A digest is parsed in upper and lower case, compares by value, and formats as on GitHub."""
    digest = Digest.parse(text)
    assert digest == Digest("sha256", SHA256)
    assert str(digest) == f"sha256:{SHA256}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        f":{SHA256}",
        "sha256:abc",
        "sha256:xy",
        "sha256:ab:cd",
        "sha256:\u0661\u0662",
        "sha256: ab",
        "sha256:ab\n",
        "sha256:ab cd",
    ],
)
def test_bad_digest(text: str) -> None:
    """Text that is not a digest is refused, because no payload could match it."""
    with pytest.raises(InvalidArgument, match=r"digest|hex"):
        Digest.parse(text)


def test_of_kind() -> None:
    """The error for a value of the wrong class names both classes and does not show the value."""
    _arguments.of_kind(5, int)
    with pytest.raises(InvalidArgument, match="expected a value of type int, not str") as caught:
        _arguments.of_kind(SECRET, int)
    assert SECRET not in str(caught.value)


def test_defaults_of_policies() -> None:
    """The defaults of limits, timeouts and policies do not change unnoticed."""
    mib, hour = 2**20, 3600
    assert attrs.astuple(ArchiveLimits()) == (100_000, 16_384 * mib, 65_536 * mib, 200)
    assert attrs.astuple(Timeouts()) == (10, 30, 30)
    assert attrs.astuple(RetryPolicy()) == (6, 120, 1, 30)
    assert attrs.astuple(RateLimitPolicy()) == (900, 50, 1, hour + 100)
    assert attrs.astuple(RateLimitPolicy.unlimited()) == (None, None, 0, hour + 100)
    assert attrs.astuple(Stats()) == (0, 0, 0, 0, 0, None)


def test_unknown_values() -> None:
    """What GitHub does not say about a value, and what has not happened, is empty, zero or None."""
    policies = {ArchiveLimits, RateLimitPolicy, RetryPolicy, Timeouts}
    known = {
        f"{cls.__name__}.{field.name}": field.default
        for cls in {cls for cls in vars(models).values() if isinstance(cls, type)} - policies
        if attrs.has(cls) and cls.__module__ == models.__name__
        for field in attrs.fields(cls)
        if field.default is not attrs.NOTHING and field.default
    }
    attempts = {"Job.run_attempt": 1, "Run.run_attempt": 1}
    assert known == {"RateLimit.resource": "core", **attempts}


@pytest.mark.parametrize(
    ("policy", "least"),
    [
        (ArchiveLimits, {"max_members": 1, "max_member_size": 0, "max_total_size": 0}),
        (ArchiveLimits, {"max_ratio": 1}),
        (Timeouts, {"connect": 0.001, "call": 0.001, "stall": 0.001}),
        (RetryPolicy, {"attempts": 1, "timeout": 0, "wait_initial": 0, "wait_max": 0}),
        (RateLimitPolicy, {"points_per_minute": 15, "concurrent_requests": 1}),
        (RateLimitPolicy, {"delete_interval": 0, "max_wait": 0}),
    ],
)
def test_the_smallest_values_of_policies(policy: type, least: dict[str, float]) -> None:
    """A policy accepts the smallest values that make sense, and refuses smaller ones."""
    assert all(getattr(policy(**least), name) == value for name, value in least.items())
    for name, value in least.items():
        smaller = value - (1 if isinstance(value, int) else 0.0001)
        with pytest.raises(InvalidArgument, match=f"{name} must be at least"):
            policy(**{name: smaller})
