"""Errors of the library in the words of the command line."""

from __future__ import annotations

import ast
import logging

import pytest

from ghartifacts_async.cli.common import Common
from ghartifacts_async.cli.printing.explanations import OPTIONS, explained
from ghartifacts_async.cli.printing.log import LogHandler
from ghartifacts_async.cli.printing.output import Output
from tests.architecture.structure import trees

NOT_OPTIONS = {"dry_run", "on_artifact_progress", "on_progress", "per_page"}
"""Keyword arguments that have no option and appear in no message."""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "pass exactly one of run_id and head_sha",
            "pass exactly one of --run and --commit",
        ),
        ('it exists; pass if_exists="replace"', "it exists; pass --if-exists replace"),
        ("pass symlinks='skip' to leave links out", "pass --symlinks skip to leave links out"),
        ("pass any_conclusion=True to accept", "pass --any-conclusion to accept"),
        ("pass merge=False to extract each", "omit --flat to extract each"),
        (
            "ArchiveLimits.max_ratio is 200; pass limits=ArchiveLimits(max_ratio=…) with more",
            "--max-ratio is 200; pass --max-ratio with more",
        ),
        ("longer than RateLimitPolicy.max_wait, 60 s", "longer than --max-wait, 60 s"),
        (
            "concurrency must be an int from 1 to 256, not 0",
            "--concurrency must be a number from 1 to 256, not 0",
        ),
        ("max_size must be a number or None, not -1", "--max-size must be a number, not -1"),
        ("branch 'a/' never matches: no branch is", "--branch 'a/' never matches: no branch is"),
        ("pattern is empty and never matches; pass None for all names",
         "--pattern is empty and never matches"),
        ("'a' has 1 bytes", "'a' has 1 byte"),
        ("set SSL_CERT_FILE, or pass ssl= to Client", "set SSL_CERT_FILE"),
        ("'a' has 11 bytes", "'a' has 11 bytes"),
        ("a pattern must be a path", "a pattern must be a path"),
        ("the run's event must 'min_size' be", "the run's event must 'min_size' be"),
        ("artifact 'a min_size b' is gone", "artifact 'a min_size b' is gone"),
        ("no member 'x/head_sha.txt'; use download_artifact",
         "no member 'x/head_sha.txt'; use 'ghartifacts download'"),
        ("calls are spaced out so that they keep to RateLimitPolicy.points_per_minute",
         "calls are spaced out so that they keep to GitHub's limit"),
        ("DELETE calls are spaced out by RateLimitPolicy.delete_interval",
         "DELETE calls are spaced out because GitHub limits them"),
        ("the fields are {name}, {run_id}", "the fields are {name}, {run_id}"),
        ("name must be a non-empty str, not ''", "--name must be a non-empty text, not ''"),
        ("401; pass a token as auth", "401; set GH_TOKEN or GH_ENTERPRISE_TOKEN"),
        ("base_url must begin with https://", "GITHUB_API_URL must begin with https://"),
    ],
)  # fmt: skip
def test_messages(message: str, expected: str) -> None:
    """Messages name options and variables; ordinary words and names stay as they are."""
    assert explained(ValueError(message)) == expected


def test_log_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The log names options, as errors do, on one line."""
    record = logging.LogRecord(
        "a", logging.INFO, "", 0, "longer than RateLimitPolicy.max_wait\n", (), None
    )
    LogHandler(Output(Common())).handle(record)
    assert capsys.readouterr().err == "info: longer than --max-wait\\n\n"


def test_every_argument_has_an_option() -> None:
    """For every argument that a command passes to the library, messages can name its option."""
    passed: set[str] = set()
    for module, tree in trees().items():
        if module.startswith("cli."):
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    owner = call.func.value
                    if isinstance(owner, ast.Name) and owner.id in {"repo", "client"}:
                        passed |= {each.arg for each in call.keywords if each.arg is not None}
    assert len(passed) > 20
    assert {name for name in passed if "_" in name} - NOT_OPTIONS <= OPTIONS.keys()
