"""The commands of the command line are thin layers over the public methods of the library."""

from __future__ import annotations

import ast

from tests.architecture.structure import graph, sources, top, trees

COMMANDS = [name for name in sources() if name.startswith("cli.commands.")]


def test_the_command_line_uses_only_public_modules() -> None:
    """The command line imports no private package of the library."""
    public = {"__init__", "errors", "testing"}
    for module, targets in graph().items():
        if top(module) == "cli":
            others = {target for target in targets if top(target) != "cli"}
            assert set(map(top, others)) <= public, module


def test_commands_have_no_logic() -> None:
    """A command has at most 27 statements."""
    assert len(COMMANDS) >= 5
    for module in COMMANDS:
        for node in ast.walk(trees()[module]):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                statements = [each for each in ast.walk(node) if isinstance(each, ast.stmt)]
                assert len(statements) <= 27, f"{module}.{node.name}: {len(statements)}"
