"""The part of a notebook that its tasks and queries need, as the source of a module."""

from __future__ import annotations

import ast
import json
import symtable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import FreshetError

_MARKS = frozenset(["task", "query"])
_MAGIC = ("%", "!", "?")


@dataclass(frozen=True)
class _Statement:
    text: str
    binds: frozenset[str]
    uses: frozenset[str]
    is_marked: bool


def source_of(path: Path) -> str:
    """The source to deploy: that of a module as it is, and of a notebook what its marked functions need.

    Of a notebook these are the functions with @task or @query, and every statement that binds a name which they use,
    and so on. Exploration, plots and magic commands are left out.
    """
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        raise FreshetError(f"{path} is neither a module nor a notebook", fix="give a file that ends with .py or .ipynb")
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as fault:
        raise FreshetError(f"{path} is no notebook", fix="save it as nbformat 4") from fault
    return "\n\n\n".join(
        _needed(
            [statement for number, text in enumerate(sources, 1) for statement in _statements(text, number, path)], path
        )
    )


def _statements(text: str, number: int, path: Path) -> list[_Statement]:
    # A line of IPython is no Python; it keeps its place, so that line numbers stay right.
    lines = ["" if line.lstrip().startswith(_MAGIC) else line for line in text.splitlines()]
    if text.lstrip().startswith("%%"):
        return []
    source = "\n".join(lines)
    try:
        tree = ast.parse(source)
    except SyntaxError as fault:
        raise FreshetError(
            f"{path}, code cell {number}, line {fault.lineno}: {fault.msg}", fix="correct it, or remove the cell"
        ) from fault
    result = []
    for node in tree.body:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        part = "\n".join(lines[first - 1 : node.end_lineno])
        binds, uses = _names(part)
        result.append(_Statement(part, frozenset(binds), frozenset(uses), _is_marked(node)))
    return result


def _needed(statements: list[_Statement], path: Path) -> Iterable[str]:
    wanted: set[int] = {index for index, statement in enumerate(statements) if statement.is_marked}
    if not wanted:
        raise FreshetError(f"{path} has no function with @task or @query", fix="mark one, such as @query(timeout='1s')")
    todo = list(wanted)
    while todo:
        index = todo.pop()
        for other, statement in enumerate(statements):
            if other not in wanted and statement.binds & statements[index].uses:
                wanted.add(other)
                todo.append(other)
    # What a later cell defines again replaces what an earlier one did, as in the notebook itself.
    return [statements[index].text for index in sorted(wanted)]


def _is_marked(node: ast.stmt) -> bool:
    for decorator in getattr(node, "decorator_list", []):
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _MARKS:
            return True
    return False


def _names(text: str) -> tuple[set[str], set[str]]:
    """The names that a statement binds at the top of the module, and those that it uses from there."""
    top = symtable.symtable(text, "notebook", "exec")
    binds = {each.get_name() for each in top.get_symbols() if each.is_assigned() or each.is_imported()}
    uses = {each.get_name() for each in top.get_symbols() if each.is_referenced()}
    inner = list(top.get_children())
    while inner:
        table = inner.pop()
        # Parameters and names of the function's own are no names of the module.
        uses |= {each.get_name() for each in table.get_symbols() if each.is_global()}
        inner.extend(table.get_children())
    return binds, uses
