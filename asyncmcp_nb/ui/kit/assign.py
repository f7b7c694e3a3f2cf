"""Putting a value into the notebook's namespace, under a name that Python can spare."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Sized
from typing import Any, Final, Protocol, cast

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import counted, cut, one_line

_NAME_CHARACTERS: Final = 60
_KEPT: Final = frozenset({"In", "Out", "exit", "quit", "get_ipython", "display"})
"""Names of IPython's own in each notebook."""


class NotAssigned(AsyncMcpError):
    """A name that nothing is assigned to; the message says why, in one line."""


class Namespace(Protocol):
    """What is used of IPython's shell."""

    user_ns: dict[str, Any]

    def push(self, variables: dict[str, Any]) -> None:
        """Put variables into the user's namespace."""
        ...


def notebook() -> Namespace:
    """The notebook's namespace.

    Raises:
        NotAssigned: There is none: this is no IPython.
    """
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        raise NotAssigned("there is no notebook here to assign in")
    return shell


def usable_name(text: str) -> str:
    """A name for a variable, as Python reads it.

    Raises:
        NotAssigned: It is none, or one that Python or IPython needs.
    """
    name = unicodedata.normalize("NFKC", text.strip())
    shown = cut(one_line(name), _NAME_CHARACTERS)
    if not name:
        raise NotAssigned("type the variable's name")
    if not name.isidentifier():
        raise NotAssigned(f"{shown!r} is no name for a variable")
    if keyword.iskeyword(name):
        raise NotAssigned(f"{shown!r} is a word of Python's; choose another name")
    if hasattr(builtins, name) or name in _KEPT:
        raise NotAssigned(f"{shown!r} is a name that Python has already; choose another")
    return name


def require_free(space: Namespace, name: str) -> None:
    """See that no variable is given up.

    Raises:
        NotAssigned: There is one of this name.
    """
    if name in space.user_ns:
        there = described(space.user_ns[name])
        raise NotAssigned(f"{name} is {there} already; press Assign again to replace it")


def assign(space: Namespace, name: str, value: Any) -> str:
    """Assign, in place of what may be there, and say what."""
    space.push({name: value})
    return f"{name} is {described(value)}"


def described(value: Any) -> str:
    """Such as ``a DataFrame (3 rows)``."""
    kind = type(value).__name__
    article = "an" if kind[:1] in "aeiouAEIOU" else "a"
    return f"{article} {cut(kind, 60)}{_size(value)}"


def _size(value: Any) -> str:
    if isinstance(value, str | bytes):
        return f" of {counted(len(value), 'character' if isinstance(value, str) else 'byte')}"
    if isinstance(value, list | dict):
        return f" of {len(cast('Sized', value)):,}"
    shape: Any = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f" of {counted(cast('tuple[int, ...]', shape)[0], 'row')}"
    return ""
