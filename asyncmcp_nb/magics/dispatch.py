"""From a line to its answer: find the subcommand, parse, run, and put errors into one line."""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from mcp import MCPError
from pydantic import ValidationError

from asyncmcp_nb.errors import AsyncMcpError, CallTimedOut
from asyncmcp_nb.magics.await_injection import ALONE, AWAITED, MAGIC, stands_alone
from asyncmcp_nb.magics.commands import COMMANDS
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError, OneLineError, nearest
from asyncmcp_nb.magics.learning import learn_tools
from asyncmcp_nb.magics.parser import parse
from asyncmcp_nb.magics.shell import Shell
from asyncmcp_nb.magics.state import State
from asyncmcp_nb.magics.waiting import Pending, block
from asyncmcp_nb.magics.words import split
from asyncmcp_nb.printable import counted, one_line

EXPECTED: Final = (AsyncMcpError, MCPError, ValidationError, OSError)
"""What becomes one line: our errors, those of the SDK's client, and the system's."""


class Dispatcher:
    """Carries out ``%mcp`` and ``%%mcp`` for one IPython."""

    def __init__(self, shell: Shell) -> None:
        self.state = State()
        self._shell = shell

    def run(self, line: str, body: str | None, local_names: Mapping[str, Any] | None) -> Any:
        """Answer a line (and the cell below it).

        Returns:
            The answer; something to await where the line starts with ``await``, which is put there
            at the top level of a cell.

        Raises:
            OneLineError: It could not be carried out.
        """
        first, _, rest = line.partition(" ")
        if first in (AWAITED, ALONE):
            is_used = first == AWAITED
            return Pending(partial(self._answer, rest, body, local_names, is_used=is_used))
        failure: BaseException
        try:
            return self._answer_blocking(line, body, local_names)
        except EXPECTED as exc:
            failure = exc
        # Outside the except clause: the error shown has no context that IPython would render.
        raise self._failed(failure)

    async def _answer(
        self,
        line: str,
        body: str | None,
        local_names: Mapping[str, Any] | None,
        *,
        is_used: bool,
    ) -> Any:
        failure: BaseException
        try:
            command, context = self._prepared(line, body, local_names, is_used=is_used)
            if command.needs_tools:
                await learn_tools(context, command)
            answer = command.run(context)
            if inspect.iscoroutine(answer):
                answer = await answer
            return self._delivered(answer, context)
        except EXPECTED as exc:
            failure = exc
        raise self._failed(failure)

    def _answer_blocking(
        self, line: str, body: str | None, local_names: Mapping[str, Any] | None
    ) -> Any:
        is_used = not stands_alone(MAGIC, self._shell.user_ns)
        command, context = self._prepared(line, body, local_names, is_used=is_used)
        if command.needs_tools and context.session.tools is None:
            block(partial(learn_tools, context, command), self._shell.loop_runner)
        answer = command.run(context)
        if inspect.iscoroutine(answer):

            async def waited() -> Any:
                return await answer

            answer = block(waited, self._shell.loop_runner)
        return self._delivered(answer, context)

    def _prepared(
        self,
        line: str,
        body: str | None,
        local_names: Mapping[str, Any] | None,
        *,
        is_used: bool = True,
    ) -> tuple[Command, Context]:
        # As everywhere in IPython, a semicolon at the end shows nothing.
        spoken = line.rstrip()
        is_silent = body is None and spoken.endswith(";")
        name, *words = split(spoken[:-1] if is_silent else spoken) or split("help")
        command = COMMANDS.get(name.text)
        if command is None:
            raise MagicUsageError(f"no subcommand {str(name)!r}{nearest(name.text, COMMANDS)}")
        grammar = command.grammar if body is None else command.cell_grammar
        usage = command.usage() if body is None else command.cell_usage()
        if grammar is None:
            raise MagicUsageError(
                f"%%mcp {command.name} is none; in a line of its own: {command.usage()}"
            )
        try:
            given = parse(words, grammar)
        except MagicUsageError as exc:
            raise MagicUsageError(f"{exc}; usage: {usage}") from None
        user_names = self._shell.user_ns
        is_inside = local_names is not None and local_names is not user_names
        return command, Context(
            shell=self._shell,
            state=self.state,
            given=given,
            names=ChainMap(dict(local_names or {}), user_names) if is_inside else user_names,
            body=body,
            may_wait=not is_inside,
            is_silent=is_silent,
            is_used=is_used or given.output is not None,
        )

    def _delivered(self, answer: Any, context: Context) -> Any:
        name = context.given.output
        if name is None:
            return None if context.is_silent else answer
        self._shell.push({name: answer})
        print(f"{name}: {_described(answer)}")
        return None

    def _failed(self, error: BaseException) -> OneLineError:
        self.state.last_error = error
        session = self.state.open_session(self._shell.user_ns)
        is_cut_off = session is not None and session.snapshot().error is not None
        if is_cut_off and isinstance(error, CallTimedOut):
            return OneLineError(error, "the broker cannot be reached, `%mcp status` says why")
        return OneLineError(error, "; ".join(getattr(error, "__notes__", ())))


def _described(answer: Any) -> str:
    shape = getattr(answer, "shape", None)
    if isinstance(shape, tuple) and len(cast("tuple[Any, ...]", shape)) == 2:
        rows, columns = cast("tuple[int, int]", shape)
        return f"{counted(rows, 'row')}, {counted(columns, 'column')}"
    text = one_line(repr(answer))
    return text if len(text) <= 100 else f"{text[:99]}…"
