"""``export``: calls as a file."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread

from asyncmcp_nb.ledger import STATUSES, CallFilter, Status
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.parser import Grammar, Option

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
    log, chosen = context.session.log, chosen_calls(context)
    path, redact = context.given.words["PATH"], _redact(context.given.option(_REDACT.name))

    def write() -> tuple[Path, int]:
        count = log.ledger.count(chosen)
        return log.export(path, redact=redact, chosen=chosen), count

    written, count = await anyio.to_thread.run_sync(write)
    hidden = "" if redact is None else ", all arguments and answers left out"
    if isinstance(redact, list):
        hidden = f", {', '.join(redact)} left out"
    print(f"{count:,} call{'' if count == 1 else 's'} written to {written}{hidden}")


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
