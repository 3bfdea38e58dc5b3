"""No secret appears in errors, logs or output, whichever operation fails."""

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
    ("error_class", "drive"),
    RAISED,
    ids=[f"{number} {error_class.__name__}" for number, (error_class, _) in enumerate(RAISED)],
)
def test_no_secret_is_exposed(
    error_class: type[ArtifactsError],
    drive: Drive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The error, its chain and traceback, the log at DEBUG and the output hold no secret."""
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
    assert type(error) is error_class, repr(error)
    unpickled = pickle.loads(pickle.dumps(error))
    assert str(unpickled) == str(error)
    output = "".join(capfd.readouterr())
    log = "\n".join(
        f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.records
    )
    key_line = rsa_keys()[0].splitlines()[5]
    for text in (
        canaries.error_text(error),
        canaries.error_text(unpickled),
        log,
        caplog.text,
        output,
    ):
        assert not canaries.lines_with_secrets(text)
        assert key_line not in text


def test_every_error_class_is_covered() -> None:
    """Every error class except the base classes is raised by one of the operations."""

    def subclasses(error_class: type[ArtifactsError]) -> Iterator[type[ArtifactsError]]:
        for subclass in error_class.__subclasses__():
            if subclass.__module__ == errors.__name__:
                yield subclass
                yield from subclasses(subclass)

    assert {ArtifactsError, *subclasses(ArtifactsError)} == {
        error_class for error_class, _ in RAISED
    } | PARENTS
