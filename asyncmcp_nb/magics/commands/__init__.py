"""The subcommands of ``%mcp``: one table, in the order of the help."""

from collections.abc import Mapping
from typing import Final

from asyncmcp_nb.magics.commands import (
    calls,
    doctoring,
    exporting,
    helping,
    records,
    serving,
    sessions,
)
from asyncmcp_nb.magics.context import Command

_ALL: Final = (
    sessions.CONNECT,
    calls.TOOLS,
    calls.CALL,
    calls.FORM,
    calls.MAP,
    records.LOG,
    exporting.EXPORT,
    records.WAIT,
    records.CANCEL,
    records.RETRY,
    sessions.STATUS,
    doctoring.DOCTOR,
    sessions.PANEL,
    serving.SERVE,
    serving.BROKER,
    sessions.DISCONNECT,
    helping.TRACEBACK,
)

COMMANDS: Final[Mapping[str, Command]] = {
    **{command.name: command for command in _ALL},
    "help": helping.help_for(_ALL),
}
"""By name."""
