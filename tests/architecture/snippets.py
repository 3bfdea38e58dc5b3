"""The Python snippets of the README and of the guides, which are docstrings of public modules.

``python -m tests.architecture.snippets`` writes them to the module that type checkers check.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import ghartifacts_async
from tests.architecture.structure import PACKAGE

ROOT = Path(__file__).parents[2]
TYPED = ROOT / "tests" / "typing" / "snippets.py"
GUIDES = ("__init__", *ghartifacts_async._MODULES, "cli")

_HEADER = '''\
"""The snippets of the README and of the guides, for type checkers; this module is never run.

``python -m tests.architecture.snippets`` writes it.
"""

# fmt: off
from collections.abc import Mapping

from ghartifacts_async import Client, Repo
'''
_FUNCTION = """

async def {name}(
    gh: Client, repo: Repo, headers: Mapping[str, str], body: bytes, secret: str, base_url: str,
    app_id: int, private_key: str, installation_id: int,
) -> None:
"""


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a text in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def guide(module: str) -> str:
    """Return the guide of a public module: its docstring."""
    path = PACKAGE / module / "__init__.py"
    path = path if path.exists() else PACKAGE / f"{module}.py"
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def readme() -> str:
    """Return the README."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def snippets() -> dict[str, str]:
    """Return all Python snippets by the names of their functions in the typed module."""
    texts = {"readme": readme(), **{name.strip("_"): guide(name) for name in GUIDES}}
    return {
        f"{name}_{number}": snippet
        for name, text in texts.items()
        for number, snippet in enumerate(blocks(text, "python"), start=1)
    }


def is_program(snippet: str) -> bool:
    """Return True if a snippet is a complete program."""
    return "asyncio.run(" in snippet


def typed_module() -> str:
    """Return the module that type checkers check: each snippet in a function of its own."""
    functions = [
        (f"\n\ndef {name}() -> None:\n" if is_program(snippet) else _FUNCTION.format(name=name))
        + textwrap.indent(snippet, "    ")
        for name, snippet in snippets().items()
    ]
    return _HEADER + "".join(functions)


if __name__ == "__main__":
    TYPED.write_text(typed_module(), encoding="utf-8")
