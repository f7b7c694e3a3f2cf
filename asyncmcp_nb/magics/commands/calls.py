"""``tools``, ``call``, ``form``, ``map``: what a server offers, and using it."""

from __future__ import annotations

import fnmatch
from collections.abc import Sized
from typing import Any, cast

from mcp_types import CallToolResult, TextContent

from asyncmcp_nb.errors import CallCancelled, CallTimedOut
from asyncmcp_nb.magics.coerce import arguments_of, given_values
from asyncmcp_nb.magics.consent import YES, require_consent
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError, ToolAnsweredError, nearest, variables
from asyncmcp_nb.magics.interpolate import fill_json, literal_names
from asyncmcp_nb.magics.interrupting import call_goes_on, until_interrupted
from asyncmcp_nb.magics.learning import ASYNC, TIMEOUT, seconds_left, tool_of, unchecked
from asyncmcp_nb.magics.parser import OUTPUT, Grammar, Option
from asyncmcp_nb.session import Call, CallGroup, ToolList
from asyncmcp_nb.session.sources import checked_source
from asyncmcp_nb.session.validation import check_arguments, signature

_VALUES = (
    "A value is read by the tool's schema. Where several kinds are allowed, it is the narrowest",
    "that fits: null, true or false, a number, JSON, else text; in quotes it is text. So where",
    "text and numbers are allowed x=12 is a number, and x='12', x=1.0.2, x=007 and x=+5 are text.",
    'x:=12 and x:="12" are JSON, whatever the schema says.',
    "x={{name}} passes the value of the notebook's variable name, and x='a {{name}}' its text.",
)
_CALL_OPTIONS = (ASYNC, TIMEOUT, YES, OUTPUT)


async def _tools(context: Context) -> ToolList:
    timeout = context.given.number(TIMEOUT.name)
    tools = await context.session.list_tools(timeout=5.0 if timeout is None else timeout)
    pattern = context.given.word("PATTERN")
    if pattern is None:
        return tools
    wanted = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    found = ToolList(
        tool
        for tool in tools
        if fnmatch.fnmatch(tool.name.lower(), wanted.lower())
        or fnmatch.fnmatch((tool.description or "").lower(), wanted.lower())
    )
    if not found:
        raise MagicUsageError(f"no tool matches {pattern!r}{nearest('', (t.name for t in tools))}")
    return found


def _call(context: Context) -> Any:
    """The ``Call`` where nobody waits for it, else what brings its result."""
    session, given = context.session, context.given
    tool, is_checked = tool_of(context), session.tools is not None
    if context.body is None:
        read = arguments_of if is_checked else given_values
        arguments = read(tool, given.rest, context.names)
    else:
        arguments = _arguments_in(context.body, context)
        if is_checked:
            check_arguments(tool, arguments)
    require_consent(context, tool)
    call = session.submit(tool.name, arguments, timeout=seconds_left(context))
    if not is_checked:
        print(unchecked(context))
    for typed, name in dict.fromkeys(literal_names(given.rest, context.names)):
        print(f"`{typed}` was sent as text; `{{{{{name}}}}}` passes the variable {name}")
    if not context.may_wait or given.has(ASYNC.name):
        return call
    return until_interrupted(_result(call), lambda: call_goes_on(call))


async def _result(call: Call) -> CallToolResult:
    try:
        result = await call
    except (CallCancelled, CallTimedOut) as exc:
        exc.add_note(f"`%mcp retry {call.id}` sends it again")
        raise
    if result.is_error:
        words = " ".join(c.text for c in result.content if isinstance(c, TextContent))
        raise ToolAnsweredError(words or f"{call.tool} failed and gave no reason")
    return result


def _arguments_in(body: str, context: Context) -> dict[str, Any]:
    found = fill_json(body, context.names)
    if not isinstance(found, dict):
        told = signature(tool_of(context))
        raise MagicUsageError(f"the cell's body is to be a JSON object: {told}")
    return cast("dict[str, Any]", found)


def _form(context: Context) -> Any:
    session, given = context.session, context.given
    tool = session.tool(given.words["TOOL"])
    return session.form(tool.name, **given_values(tool, given.rest, context.names))


def _map(context: Context) -> CallGroup:
    given, names = context.given, context.names
    source_name = given.words["FRAME"]
    if source_name not in names:
        near = nearest(source_name, variables(names))
        raise MagicUsageError(f"no variable {source_name!r}{near}")
    source = checked_source(names[source_name], source_name)
    limit = given.count("--max-in-flight")
    rows = len(cast("Sized", source)) if hasattr(source, "__len__") else None
    require_consent(context, tool_of(context), call_count=rows)
    is_checked = context.session.tools is not None
    group = context.session.map(
        given.words["TOOL"],
        source,
        max_in_flight=200 if limit is None else limit,
        timeout=seconds_left(context),
    )
    if not is_checked:
        print(unchecked(context))
    return group


TOOLS = Command(
    name="tools",
    summary="the server's tools, or those whose name or description matches",
    run=_tools,
    grammar=Grammar(optional=("PATTERN",), options=(TIMEOUT, OUTPUT)),
)
CALL = Command(
    name="call",
    summary="call a tool and wait; --async gives the Call at once. key:=json forces JSON",
    details=_VALUES,
    run=_call,
    grammar=Grammar(required=("TOOL",), rest="key=value ...", options=_CALL_OPTIONS),
    cell_grammar=Grammar(required=("TOOL",), options=_CALL_OPTIONS),
    needs_tools=True,
    may_go_unchecked=True,
)
FORM = Command(
    name="form",
    summary="a form for a tool, made from its schema; key=value is what it starts with",
    details=_VALUES,
    run=_form,
    grammar=Grammar(required=("TOOL",), rest="key=value ...", options=(OUTPUT,)),
    needs_tools=True,
)
MAP = Command(
    name="map",
    summary="call a tool for each row of a DataFrame (or item of a list), without waiting",
    run=_map,
    grammar=Grammar(
        required=("TOOL", "FRAME"), options=(Option("--max-in-flight", "N"), TIMEOUT, YES, OUTPUT)
    ),
    needs_tools=True,
    may_go_unchecked=True,
)
