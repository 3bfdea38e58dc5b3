"""The site of the API documentation of a clone, as `.ci/docs` builds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ghartifacts_async
from ghartifacts_async import testing
from ghartifacts_async.cli.overview import COMMANDS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Build the site, and return the text of its pages."""
    pytest.importorskip("pdoc", reason="needs the extra docs")
    site = tmp_path_factory.mktemp("site").resolve()
    # After `pip install .`, a copy of the package is installed, which may be an older one.
    installed = tmp_path_factory.mktemp("installed")
    (installed / ghartifacts_async.__name__).mkdir()
    (installed / ghartifacts_async.__name__ / "__init__.py").write_text("raise SystemExit(7)\n")
    command: list[str | Path] = [sys.executable, ROOT / ".ci" / "docs", site]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


def test_every_public_name_is_on_a_page(pages: dict[Path, str]) -> None:
    """Every public name of the package and of its testing module has an entry in the site."""
    texts = {path.stem: text for path, text in pages.items()}
    for module in (ghartifacts_async, testing):
        text = texts[module.__name__.rpartition(".")[2]]
        assert [name for name in module.__all__ if f'id="{name}"' not in text] == []
    assert 'id="FakeGitHub.add_run"' in texts["testing"], "inherited methods are there too"


def test_no_private_class_is_shown(pages: dict[Path, str]) -> None:
    """The pages name no class that users cannot import, except in the signature of `Auth.token`."""
    found = set()
    for path, text in pages.items():
        for line in re.findall(r'<span class="(?:signature|base).*?</div>', text, flags=re.DOTALL):
            shown = re.sub(r"<[^>]+>|\s", "", line)
            found |= {
                (path.stem, name) for name in re.findall(r"ghartifacts_async\._[\w.]+", shown)
            }
    caller = "ghartifacts_async._api.call.ApiCaller"
    assert found == {("auth", caller), ("ghartifacts_async", caller)}


def test_each_command_is_on_the_page_of_the_command_line(pages: dict[Path, str]) -> None:
    """The page of the command line has its guide and the help of each command."""
    text = next(text for path, text in pages.items() if path.stem == "cli")
    shown = re.sub(r"<[^>]+>", "", text)
    assert "ghartifacts latest dist" in shown
    assert [name for name in COMMANDS if f"\n  {name:<11} " not in shown] == []


def test_no_link_is_broken(pages: dict[Path, str]) -> None:
    """Every link from one page of the site to another leads to an existing entry."""
    targets = {path: set(re.findall(r'id="([^"]+)"', text)) for path, text in pages.items()}
    checked = 0
    for path, text in pages.items():
        for link in re.findall(
            r'href="([^"]+)"', re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        ):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, entry = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target in targets, f"{link} in {path.name}"
            assert not entry or entry in targets[target], f"{link} in {path.name}"
            checked += 1
    assert checked > 1000
