"""The mutants of a module, a sample of them, and their source."""

from __future__ import annotations

import ast
import difflib
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from attrs import frozen

OPERATORS = (
    *[
        f"ReplaceBinaryOperator_{pair}"
        for pair in (
            "Add_Sub", "Sub_Add", "Mul_FloorDiv", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv",
            "Pow_Mul", "LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr",
            "BitXor_BitOr",
        )
    ],
    *[
        f"ReplaceComparisonOperator_{pair}"
        for pair in (
            "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Is_IsNot", "IsNot_Is",
        )
    ],
    *[f"ReplaceUnaryOperator_Delete_{name}" for name in ("USub", "Invert", "Not")],
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop",
)  # fmt: skip
"""The operators of cosmic-ray that are used.

cosmic-ray replaces each operator by each other one, and most of these mutants fail in every test.
The pairs listed here are the boundaries and opposites. Its operators that replace variables are
left out, because they are random.
"""

_TYPING_DECORATORS = {"final", "overload", "override", "runtime_checkable"}
_LOGGERS = {"_log", "log", "logger", "_logger"}
_COMPOUND = {
    "if_stmt", "while_stmt", "for_stmt", "try_stmt", "with_stmt", "async_stmt", "funcdef",
    "async_funcdef", "classdef", "decorated",
}  # fmt: skip


@frozen
class Mutant:
    """One change of one module.

    Attributes:
        module: The dotted name of the module below the package.
        function: The qualified name of the function or class around the change, or "".
        operator: The name of cosmic-ray's operator.
        occurrence: The number of positions of the operator in the module before this one.
        repeat: The number of mutants before this one that have the same function, operator and
            source.
        line: The line of the change.
        statement: The first and the last line of the statement, without the body of a block.
        runs_at_import: Whether the line is executed when the module is imported.
        source: The source of the line.
    """

    module: str
    function: str
    operator: str
    occurrence: int
    repeat: int
    line: int
    statement: tuple[int, int]
    runs_at_import: bool
    source: str

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the mutant, also after other lines of the module have changed."""
        return (self.module, self.function, self.operator, str(self.repeat), self.source)


def find(module: str, text: str) -> list[Mutant]:
    """Return the mutants of a module.

    Annotations, typing decorators, blocks ``if TYPE_CHECKING``, assertions for the type checker and
    the texts of errors and of log records are not mutated. Strings, and therefore docstrings, have
    no operator.
    """
    from cosmic_ray.ast import ast_nodes, get_ast

    operators = [(name, _operator(name)) for name in OPERATORS]
    lines = text.split("\n")
    counts: Counter[str] = Counter()
    repeats: Counter[tuple[str, str, str]] = Counter()
    mutants = []
    # MutationVisitor counts the positions in the same order.
    for node in ast_nodes(get_ast(text)):
        excluded: bool | None = None
        for name, operator in operators:
            for (line, _), _ in operator.mutation_positions(node):
                occurrence = counts[name]
                counts[name] += 1
                if excluded is None:
                    excluded = _is_excluded(node)
                if not (excluded or (name == "AddNot" and _has_opposite(node))):
                    function, runs_at_import = _scope(node)
                    source = lines[line - 1].strip()
                    repeat = repeats[function, name, source]
                    repeats[function, name, source] += 1
                    place = (line, _statement(node, line), runs_at_import, source)
                    mutants.append(Mutant(module, function, name, occurrence, repeat, *place))
    return mutants


def sample(
    mutants: Sequence[Mutant], size: int, seed: int, is_usable: Callable[[Mutant], bool]
) -> list[Mutant]:
    """Draw mutants over all modules in proportion to their numbers of mutants.

    The same seed gives the same mutants in the same order, and nearly the same ones after a change
    of other lines. The order is random, so that a run that ends early has a fair sample, too.

    Args:
        mutants: All mutants, ordered by module.
        size: The number of mutants to draw.
        seed: The seed of the random numbers.
        is_usable: Returns False for a mutant to replace by another one of its module.
    """

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256("\0".join((str(seed), *mutant.key)).encode()).digest()

    share = min(1, size / max(1, len(mutants)))
    drawn: list[Mutant] = []
    before = 0
    for number in Counter(mutant.module for mutant in mutants).values():
        after = before + number
        quota = math.floor(after * share) - math.floor(before * share)
        candidates = sorted(mutants[before:after], key=rank)
        drawn += _first(filter(is_usable, candidates), quota)
        before = after
    return sorted(drawn, key=rank)


def _first(mutants: Iterable[Mutant], number: int) -> Iterator[Mutant]:
    return (mutant for _, mutant in zip(range(number), mutants, strict=False))


def apply(mutant: Mutant, text: str) -> str | None:
    """Return the source of the module with the mutation, or None if it changes no code."""
    from cosmic_ray.mutating import mutate_code

    mutated: str | None = mutate_code(text, _operator(mutant.operator), mutant.occurrence)
    if mutated is None:
        return None
    try:
        tree = ast.parse(mutated)
        compile(mutated, mutant.module, "exec")
    except SyntaxError:
        return None
    return None if ast.dump(tree) == ast.dump(ast.parse(text)) else mutated


def difference(text: str, mutated: str) -> list[str]:
    """Return the removed and the added lines that are not empty, with the prefix ``-`` or ``+``."""
    found = difflib.unified_diff(text.splitlines(), mutated.splitlines(), n=0, lineterm="")
    return [line for line in list(found)[2:] if line[0] in "+-" and line[1:].strip()]


def _operator(name: str) -> Any:
    from cosmic_ray.operators.provider import OperatorProvider

    return OperatorProvider()[name]()


def _ancestors(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each ancestor of a node with its child on the path to the node, innermost first."""
    while node.parent is not None:
        yield node.parent, node
        node = node.parent


def _is_excluded(node: Any) -> bool:
    if node.type == "decorator":
        name: str = node.children[1].get_code()
        return name.split(".")[-1] in _TYPING_DECORATORS
    if _guards_types(node) or node.type == "assert_stmt":
        return True
    if node.parent.type in {"parameters", "dictorsetmaker"}:
        return True  # the "*" or "/" between parameters, or the "**" in {**other}
    in_text = False
    for parent, child in _ancestors(node):
        kind = parent.type
        is_annotation = (
            (kind == "annassign" and child is parent.children[1])
            or (kind == "tfpdef" and child is parent.children[-1])
            or (kind == "funcdef" and child is parent.annotation)
        )
        in_text = in_text or kind == "fstring"
        if is_annotation or _guards_types(parent) or _logs(parent) or kind == "assert_stmt":
            return True
        if kind == "raise_stmt" and in_text:
            return True
    return False


def _has_opposite(node: Any) -> bool:
    """Return True if another operator negates the condition of a node as well."""
    condition = node.children[2 if node.type == "test" else 1]
    if condition.type == "comparison" and len(condition.children) == 3:
        return condition.children[1].get_code().strip() in {"==", "!=", "is", "is not"}
    is_negation: bool = condition.type == "not_test"
    return is_negation


def _guards_types(node: Any) -> bool:
    if node.type != "if_stmt":
        return False
    condition: str = node.children[1].get_code()
    return condition.split(".")[-1].strip() == "TYPE_CHECKING"


def _logs(node: Any) -> bool:
    return node.type in {"atom_expr", "power"} and node.children[0].get_code().strip() in _LOGGERS


def _scope(node: Any) -> tuple[str, bool]:
    """Return the name of the function or class around a node, and whether import executes it."""
    names: list[str] = []
    runs_at_import = True
    for parent, child in _ancestors(node):
        in_body = child is parent.children[-1]
        if parent.type in {"funcdef", "classdef"}:
            names.append(parent.name.value)
        if in_body and parent.type in {"funcdef", "lambdef"}:
            runs_at_import = False
    return ".".join(reversed(names)), runs_at_import


def _statement(node: Any, line: int) -> tuple[int, int]:
    """Return the first and the last line of the statement around a node.

    For a block, such as a loop, this is the line of the change: its head can have several lines,
    but its body is no part of it.
    """
    if node.type in _COMPOUND:
        return line, line
    for parent, child in _ancestors(node):
        if parent.type == "simple_stmt":
            return parent.start_pos[0], max(line, parent.get_last_leaf().start_pos[0])
        if parent.type in _COMPOUND:
            return child.start_pos[0], child.end_pos[0]
    return line, line
