"""Completion of ``%mcp …`` and ``x = %mcp …``: subcommands, options, tools, arguments, values.

It looks only at what is at hand: the tools as last listed, the ledger and the profile file. It
never asks a server and never waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from IPython.core import completer
from IPython.core.completer import SimpleCompletion, SimpleMatcherResult

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.magics.offers import named, properties_of
from asyncmcp_nb.magics.paths import export_paths

if TYPE_CHECKING:
    from asyncmcp_nb.magics.context import Command
    from asyncmcp_nb.magics.shell import Shell
    from asyncmcp_nb.magics.state import State
    from asyncmcp_nb.session import Session

_LINE: Final = re.compile(r"\s*(?:[\w.,\s]+=\s*)?%(?P<cell>%?)mcp\s(?P<rest>.*)", re.DOTALL)


class Context(Protocol):
    """What IPython tells a matcher."""

    @property
    def text_until_cursor(self) -> str:
        """The line up to the cursor."""
        ...


class Completion:
    """What is offered for a line, and how IPython is told."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.state: State | None = None
        """Of the magics, once one was used."""
        self.matcher = _matcher(self)

    def offers(self, text: str) -> tuple[str, list[str]]:
        """The part of a word to be replaced, and what it can become.

        Args:
            text: A line up to the cursor.
        """
        found = _LINE.match(text)
        if found is None:
            return "", []
        from asyncmcp_nb.magics.commands import COMMANDS

        *before, fragment = re.split(r"\s+", found["rest"].lstrip())
        if not before:
            is_cell = bool(found["cell"])
            names = [n for n, c in COMMANDS.items() if c.cell_grammar is not None or not is_cell]
            return fragment, _starting(fragment, [f"{name} " for name in names])
        command = COMMANDS.get(before[0])
        if command is None:
            return fragment, []
        return self._after(command, before[1:], fragment)

    def _after(
        self, command: Command, words: Sequence[str], fragment: str
    ) -> tuple[str, list[str]]:
        options = {option.name: option for option in command.grammar.options}
        if words and (option := options.get(words[-1])) is not None and option.value is not None:
            known = option.choices or tuple(self._named(option.value))
            return fragment, _starting(fragment, known)
        if fragment.startswith("-"):
            unused = [name for name in options if name not in words]
            return fragment, _starting(fragment, [f"{name} " for name in unused])
        plain = _without_options(words, options)
        grammar = command.grammar
        names = (*grammar.required, *grammar.optional)
        if len(plain) < len(names):
            name = names[len(plain)]
            return fragment, _starting(
                fragment, export_paths(fragment) if name == "PATH" else self._named(name)
            )
        if grammar.rest is None:
            return fragment, []
        if grammar.rest == "key=value ...":
            return self._argument(plain[0], plain[1:], fragment)
        return fragment, _starting(fragment, self._named("ID"))

    def _argument(
        self, tool_name: str, given: Sequence[str], fragment: str
    ) -> tuple[str, list[str]]:
        from asyncmcp_nb.magics.coerce import values_of

        schema = self._schema(tool_name)
        properties = properties_of(schema)
        key, sign, value = fragment.partition("=")
        if sign:
            key = key.removesuffix(":")
            return value, _starting(value, values_of(properties.get(key), schema))
        used = {word.partition("=")[0].removesuffix(":") for word in given}
        return fragment, _starting(
            fragment, [f"{name}=" for name in properties if name not in used]
        )

    def _named(self, name: str) -> list[str]:
        """What can stand where a grammar has this name."""
        return named(name, self._session(), self._shell.user_ns)

    def _session(self) -> Session | None:
        return None if self.state is None else self.state.open_session(self._shell.user_ns)

    def _schema(self, tool_name: str) -> dict[str, Any]:
        session = self._session()
        for tool in (None if session is None else session.tools) or ():
            if tool.name == tool_name:
                return tool.input_schema
        return {}


def _matcher(completion: Completion) -> Any:
    """A matcher as IPython wants one: a function that carries marks, which a method cannot."""

    def mcp_matcher(context: Context) -> SimpleMatcherResult:
        try:
            fragment, offered = completion.offers(context.text_until_cursor)
        except (
            AsyncMcpError
        ):  # a profile file or ledger that is broken has its own message elsewhere
            fragment, offered = "", []
        return SimpleMatcherResult(
            completions=[SimpleCompletion(text, type="magic") for text in offered],
            matched_fragment=fragment,
            suppress=bool(offered),
        )

    # IPython gives its decorator no types.
    mark: Callable[[Any], Any] = cast("Any", completer).context_matcher(
        identifier="asyncmcp_nb.mcp", priority=100
    )
    return mark(mcp_matcher)


def _without_options(words: Sequence[str], options: dict[str, Any]) -> list[str]:
    plain: list[str] = []
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word in options:
            is_value = options[word].value is not None
        elif not word.startswith("-"):
            plain.append(word)
    return plain


def _starting(fragment: str, words: Sequence[str]) -> list[str]:
    return [word for word in words if word.startswith(fragment)]
