"""A short run of the fuzzer of servers' text, `benchmarks.campaigns.server_text`."""

from __future__ import annotations

import pytest

from ghartifacts_async._http.redaction import Redactor
from tests.values import share

NO_CHECKOUT = "the fuzzer is in benchmarks/, which only a checkout of the repository has"
MUTANTS = share(300, least=60)


def test_mutants_are_parsed_or_refused() -> None:
    """Any text of a server is parsed, or refused with an error of the library without secrets."""
    fuzz = pytest.importorskip("benchmarks.campaigns.server_text", reason=NO_CHECKOUT)
    mutants = pytest.importorskip("benchmarks.campaigns._mutants", reason=NO_CHECKOUT)
    outcomes, failures = mutants.play_many(fuzz.play, 6, range(MUTANTS))
    assert failures == {}
    assert outcomes.total() == MUTANTS
    assert {"parsed", "ShapeError", "RedirectRefused"} <= {*outcomes}


def test_the_fuzzer_reports_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an error showed a part of a token, the fuzzer would report a failure."""
    fuzz = pytest.importorskip("benchmarks.campaigns.server_text", reason=NO_CHECKOUT)
    # A defect that the fuzzer must find.
    monkeypatch.setattr(Redactor, "redact", lambda _, text: text)
    with pytest.raises(fuzz.BrokenPromiseError, match="shows a part of the token"):
        fuzz.check("_http.urls.host_of", f"a {fuzz.TOKEN[:20]} b")
