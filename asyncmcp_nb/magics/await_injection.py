"""``await`` for ``%mcp`` at the top level of a cell, so that waiting leaves the loop free.

IPython turns ``x = %mcp call …`` into ``x = get_ipython().run_line_magic('mcp', 'call …')`` and
does not await what that returns. This puts the ``await`` there, and a word into the line as well,
which tells the magic that it may answer with something to await, and whether the statement is the
magic alone: then nobody has the answer, and all that can be done with it is to show it.

It does so where an ``await`` may stand: not in functions, lambdas, classes and comprehensions, and
not in code that runs inside a running cell (``%%time``, ``%run``), which IPython compiles without.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

MAGIC: Final = "mcp"

AWAITED: Final = "await"
"""The first word of a line whose answer is awaited."""
ALONE: Final = "await-alone"
"""The same of a statement that is nothing else: ``%mcp connect``, but not ``s = %mcp connect``."""

_METHODS: Final = {"run_line_magic", "run_cell_magic"}
_SCOPES: Final = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


class AwaitInjector:
    """An input transformer of IPython's, and the events that tell it when a cell is running."""

    def __init__(self, magic: str) -> None:
        self._magic = magic
        self._place: object = None
        self._depth = 0

    def pre_run_cell(self, *_: Any) -> None:
        """A cell starts; what is transformed in its task from here on runs inside it."""
        place = _place()
        # A cell that was run by other means may have no end; another task is another cell.
        self._depth = self._depth + 1 if place == self._place else 1
        self._place = place

    def post_run_cell(self, *_: Any) -> None:
        """A cell has ended."""
        self._depth = max(0, self._depth - 1)

    def __call__(self, lines: list[str]) -> list[str]:
        """Transform the lines of a cell."""
        if self._depth and _place() == self._place:
            return lines
        source = "".join(lines)
        if f"_magic('{self._magic}'," not in source:
            return lines
        return inject(source, self._magic).splitlines(keepends=True)


def stands_alone(magic: str, names: object) -> bool:
    """Whether a magic that runs now, without an ``await``, is a statement of its own.

    So it is for the cell that loads the extension, which was read before there was an injector.

    Args:
        magic: Its name.
        names: The notebook's namespace, by which the frame of its cell is known.
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals is not names:
        frame = frame.f_back
    if frame is None:
        return False
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except SyntaxError:
        return False
    calls = (found for found in _calls(tree, magic) if found.is_alone)
    return any(c.call.lineno <= frame.f_lineno <= (c.call.end_lineno or 0) for c in calls)


def _place() -> object:
    """The task that runs here, or the thread where none does; compares equal to itself only."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident() if task is None else weakref.ref(task)


def inject(source: str, magic: str) -> str:
    """Put ``await`` before each call of a magic that stands at the top level of Python source.

    Source that is no Python is returned as it is; IPython says what is wrong with it.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    # As ast counts: lines end with a newline alone, and columns are offsets in UTF-8.
    lines = source.encode().splitlines(keepends=True)
    found = list(_calls(tree, magic))
    for found_call in reversed(found):
        # The calls do not nest and come in the order of the source: the later ones move nothing.
        call, argument = found_call.call, found_call.argument
        if not found_call.is_awaited:
            _insert(lines, (call.end_lineno or 0, call.end_col_offset or 0), ")")
        first = ALONE if found_call.is_alone else AWAITED
        _replace(lines, argument, repr(f"{first} {argument.value}"))
        if not found_call.is_awaited:
            _insert(lines, (call.lineno, call.col_offset), "(await ")
    return b"".join(lines).decode()


@dataclass(frozen=True, slots=True)
class _Found:
    """A call of the magic."""

    call: ast.Call
    argument: ast.Constant
    """The line it is given."""
    is_awaited: bool
    """Somebody wrote the ``await`` already."""
    is_alone: bool


def _calls(node: ast.AST, magic: str, *, is_alone: bool = False) -> Iterator[_Found]:
    """Calls of the magic below a node.

    Args:
        node: Where to look.
        magic: Its name.
        is_alone: The node is a whole statement, but for an ``await``.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            continue
        argument = _line_given(child, magic)
        if argument is not None and isinstance(child, ast.Call):
            yield _Found(child, argument, isinstance(node, ast.Await), is_alone)
        else:
            is_whole = isinstance(child, ast.Expr) or (is_alone and isinstance(child, ast.Await))
            yield from _calls(child, magic, is_alone=is_whole)


def _line_given(node: ast.AST, magic: str) -> ast.Constant | None:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method),
            args=[ast.Constant(value=name), ast.Constant(value=str()) as line, *_],
        ) if method in _METHODS and name == magic:
            return line
        case _:
            return None


def _replace(lines: list[bytes], node: ast.Constant, text: str) -> None:
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :]
    lines[first : last + 1] = [before + text.encode() + after]


def _insert(lines: list[bytes], place: tuple[int, int], text: str) -> None:
    line, column = place
    whole = lines[line - 1]
    lines[line - 1] = whole[:column] + text.encode() + whole[column:]
