"""``export``: calls as a file."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.to_thread

from asyncmcp_nb.ledger import STATUSES, CallFilter, CallRecord, Status
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.parser import Grammar, Option
from asyncmcp_nb.printable import counted

STATUS = Option("--status", "STATUS", tuple(status.value for status in STATUSES))
TOOL = Option("--tool", "TOOL")
GROUP = Option("--group", "GROUP")
_REDACT = Option("--redact", "NAMES|all")


def chosen_calls(context: Context) -> CallFilter:
    """The calls that the options of a line choose."""
    given = context.given
    status = given.option(STATUS.name)
    return CallFilter(
        statuses=None if status is None else {Status(status)},
        tool=given.option(TOOL.name),
        group=given.option(GROUP.name),
    )


async def _export(context: Context) -> None:
    ledger, chosen = context.session.log.ledger, chosen_calls(context)
    path, redact = context.given.words["PATH"], _redact(context.given.option(_REDACT.name))
    print(await anyio.to_thread.run_sync(lambda: _write(ledger.rows(chosen), path, redact)))


def _write(records: Sequence[CallRecord], path: str, redact: bool | list[str] | None) -> str:
    """Write the file; what was done, in words."""
    # It loads pandas.
    from asyncmcp_nb.frame import Redaction, export, nothing_under

    redaction = Redaction(redact)
    said = f"{counted(len(records), 'call')} written to {export(records, path, redact=redaction)}"
    if redact is True:
        return f"{said}, all arguments and answers left out"
    met = [name for name in redact or () if name not in redaction.unmet]
    said += f", {', '.join(met)} left out" if met else ""
    if not redaction.unmet:
        return said
    return f"{said}\ncheck {_REDACT.name}: {nothing_under(redaction.unmet)}"


def _redact(text: str | None) -> bool | list[str] | None:
    """What to leave out: everything, or the arguments of these names."""
    if text is None or text == "all":
        return text and True
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise MagicUsageError(f"{_REDACT.name} {text}: names with a comma between, or `all`")
    return names


EXPORT = Command(
    name="export",
    summary="calls as a .csv, .parquet, .jsonl or .html file, without the arguments you name",
    run=_export,
    grammar=Grammar(required=("PATH",), options=(_REDACT, STATUS, TOOL, GROUP)),
)
