"""What can stand where a grammar has a name such as TOOL: from what is at hand, without waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from asyncmcp_nb.config import LOCAL_NAME

if TYPE_CHECKING:
    from asyncmcp_nb.session import Session

_CALL_COUNT: Final = 50
"""The newest calls, whose ids are offered."""


def named(name: str, session: Session | None, variables: Mapping[str, Any]) -> list[str]:
    """What the name of a word or of an option's value can become.

    Args:
        name: As in the grammar.
        session: The session that magics speak to, if any.
        variables: The notebook's.
    """
    if name in _ANYWAY:
        return _ANYWAY[name](variables)
    if session is None or name not in _OF_SESSION:
        return []
    return _OF_SESSION[name](session)


def properties_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a schema declares, which a server may have written in any way."""
    declared: Any = schema.get("properties")
    return cast("dict[str, Any]", declared) if isinstance(declared, dict) else {}


def _profiles(_: Mapping[str, Any]) -> list[str]:
    from asyncmcp_nb.profiles import read_profiles

    return list(dict.fromkeys([*read_profiles(), LOCAL_NAME]))


def _frames(variables: Mapping[str, Any]) -> list[str]:
    return [n for n, v in variables.items() if not n.startswith("_") and _is_rows(v)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) or hasattr(value, "columns")


def _subcommands(_: Mapping[str, Any]) -> list[str]:
    from asyncmcp_nb.magics.commands import COMMANDS

    return list(COMMANDS)


def _stop(_: Mapping[str, Any]) -> list[str]:
    return ["stop"]


def _tools(session: Session) -> list[str]:
    return [tool.name for tool in session.tools or ()]


def _call_ids(session: Session) -> list[str]:
    newest = session.log.ledger.rows(descending=True, limit=_CALL_COUNT)
    return [record.call_id for record in newest]


def _groups(session: Session) -> list[str]:
    names = session.log.ledger.groups()
    return [f"'{name}'" if " " in name else name for name in names]


def _redactable(session: Session) -> list[str]:
    tools = session.tools or ()
    return ["all", *dict.fromkeys(n for tool in tools for n in properties_of(tool.input_schema))]


_ANYWAY: Final[Mapping[str, Callable[[Mapping[str, Any]], list[str]]]] = {
    "PROFILE": _profiles,
    "FRAME": _frames,
    "SUBCOMMAND": _subcommands,
    "stop": _stop,
    "MODULE:APP|stop": _stop,
}
_OF_SESSION: Final[Mapping[str, Callable[[Session], list[str]]]] = {
    "TOOL": _tools,
    "ID": _call_ids,
    "GROUP": _groups,
    "NAMES|all": _redactable,
}
