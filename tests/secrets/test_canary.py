"""No secret appears in anything that is raised, logged or printed, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghartifacts_async import errors
from ghartifacts_async.errors import ArtifactsError
from ghartifacts_async.testing import FakeGitHub
from tests.clock import FastLoop, wall
from tests.secrets import canaries
from tests.secrets.drivers import PARENTS, RAISED
from tests.secrets.driving import Drive
from tests.support import REPOSITORY, rsa_keys


@pytest.mark.parametrize(
    ("kind", "drive"),
    RAISED,
    ids=[f"{number} {kind.__name__}" for number, (kind, _) in enumerate(RAISED)],
)
def test_no_secret_is_told(
    kind: type[ArtifactsError],
    drive: Drive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The error and its chain, the log at DEBUG, the output and the tracebacks hold no secret."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login canary password {canaries.NETRC}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    caplog.set_level(logging.DEBUG)

    async def run() -> BaseException:
        async with FakeGitHub(now=wall, token=canaries.TOKEN) as fake:
            fake.add_artifact(REPOSITORY, "dist", b"hello", id=1)
            with pytest.raises(ArtifactsError) as caught:
                await drive(fake, tmp_path)
            return caught.value

    with asyncio.Runner(loop_factory=FastLoop, debug=True) as runner:
        error = runner.run(run())
    assert type(error) is kind, repr(error)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    output = "".join(capfd.readouterr())
    log = "\n".join(
        f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.records
    )
    key_line = rsa_keys()[0].splitlines()[5]
    for text in (canaries.told(error), canaries.told(again), log, caplog.text, output):
        assert not canaries.found(text)
        assert key_line not in text


def test_every_error_is_driven() -> None:
    """No class of the tree is left out, but those that are there to be caught."""

    def below(kind: type[ArtifactsError]) -> Iterator[type[ArtifactsError]]:
        for sub in kind.__subclasses__():
            if sub.__module__ == errors.__name__:
                yield sub
                yield from below(sub)

    assert {ArtifactsError, *below(ArtifactsError)} == {kind for kind, _ in RAISED} | PARENTS
