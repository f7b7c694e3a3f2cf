"""``help`` and ``tb``."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from functools import partial

from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError, nearest
from asyncmcp_nb.magics.parser import Grammar
from asyncmcp_nb.printable import visible


def _traceback(context: Context) -> None:
    error, behind = context.state.last_error, context.state.tool_errors.last
    if error is not None:
        print(visible("".join(traceback.format_exception(error))), end="")
    elif behind is None:
        print("nothing has failed yet")
    if behind is not None:
        print("The tool that a cell of this notebook serves raised last:\n")
        print(visible("".join(traceback.format_exception(behind))), end="")


def _help(commands: Sequence[Command], context: Context) -> None:
    name = context.given.word("SUBCOMMAND")
    known = {command.name: command for command in commands}
    if name is not None and name not in known:
        raise MagicUsageError(f"no subcommand {name!r}{nearest(name, known)}")
    for command in commands if name is None else [known[name]]:
        usages = [command.usage(), command.cell_usage()]
        print(*(usage for usage in usages if usage), sep="\n")
        print(f"    {command.summary}")
        if name is not None:
            for line in command.details:
                print(f"    {line}")


TRACEBACK = Command(
    name="tb",
    summary="the tracebacks of the last magic, and of the last tool of a cell, that failed",
    run=_traceback,
)


def help_for(commands: Sequence[Command]) -> Command:
    """The ``help`` that lists these."""
    return Command(
        name="help",
        summary="this list",
        run=partial(_help, commands),
        grammar=Grammar(optional=("SUBCOMMAND",)),
    )
