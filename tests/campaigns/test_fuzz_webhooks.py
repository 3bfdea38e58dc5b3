"""A short run of the webhook fuzzer, `benchmarks.campaigns.webhooks`."""

from __future__ import annotations

import hmac
from unittest import mock

import pytest

from tests.values import share

NO_CHECKOUT = "the fuzzer is in benchmarks/, which only a checkout of the repository has"
MUTANTS = share(2000, least=400)


def test_mutants_are_parsed_or_refused() -> None:
    """A mutated delivery becomes a valid event or is refused with a `WebhookError`."""
    fuzz = pytest.importorskip("benchmarks.campaigns.webhooks", reason=NO_CHECKOUT)
    mutants = pytest.importorskip("benchmarks.campaigns._mutants", reason=NO_CHECKOUT)
    outcomes, failures = mutants.play_many(fuzz.play, 6, range(MUTANTS))
    assert failures == {}
    assert outcomes.total() == MUTANTS
    accepted = {"Event", "PingEvent", "WorkflowJobEvent", "WorkflowRunEvent"}
    assert accepted | {"InvalidDelivery", "SignatureMismatch"} == {*outcomes}


def test_the_fuzzer_reports_accepted_signatures() -> None:
    """If a wrong signature were accepted, the fuzzer would report a failure."""
    fuzz = pytest.importorskip("benchmarks.campaigns.webhooks", reason=NO_CHECKOUT)
    mutants = pytest.importorskip("benchmarks.campaigns._mutants", reason=NO_CHECKOUT)
    with mock.patch.object(hmac, "compare_digest", return_value=True):
        _, failures = mutants.play_many(fuzz.play, 6, range(20))
    assert "a wrong signature was accepted" in next(iter(failures.values()))
