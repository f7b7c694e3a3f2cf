"""Arguments against a tool's input schema, before anything is sent: pure.

One rule goes beyond the schema: where a schema declares properties and says nothing of others, an
undeclared name is an error. Servers drop such names in silence, and it is nearly always a typo.
The same holds where it declares that there are none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, cast

from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments, ToolNotFound
from asyncmcp_nb.printable import cut, listed
from asyncmcp_nb.session import blame
from asyncmcp_nb.session.schema_check import SchemaCheck, UnusableSchema

Schema = Mapping[str, Any]

_QUOTED = 200
"""Characters of a name, a place or a reason that an error repeats."""

_SIGNATURE_CHARACTERS = 1_000
_REFERRED = re.compile(r"#/(?:\$defs|definitions)/(\w{1,40})")
_LEVELS = 4
"""Of arrays and alternatives, one within another, that a signature tells."""


def find_tool(tools: Iterable[Tool], name: str) -> Tool:
    """The tool of this name.

    Raises:
        ToolNotFound: There is none; the message names the nearest.
    """
    by_name = {tool.name: tool for tool in tools}
    if name in by_name:
        return by_name[name]
    raise ToolNotFound(f"no tool {cut(repr(name), _QUOTED)}{_hint(name, by_name)}")


def check_content(schema: Schema, content: Mapping[str, Any]) -> None:
    """Check an answer against the schema that its question came with.

    Raises:
        InvalidArguments: A name is not declared, or the schema is not met; or it is not usable.
    """
    whose = "the question's schema"
    unknown = undeclared(schema, content)
    problem = _no_such(schema, unknown) or _violation(SchemaCheck(schema), content, whose)
    if problem is not None:
        raise InvalidArguments(problem)


class ArgumentCheck:
    """A tool's input schema, made ready once for any number of calls."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self._schema = cast("Schema", tool.input_schema)
        self._check = SchemaCheck(self._schema)

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Check arguments.

        Raises:
            InvalidArguments: A name is not declared, or the schema is not met. The message is one
                line that ends with the tool's signature.
        """
        whose = "the tool's input schema"
        unknown = undeclared(self._schema, arguments)
        problem = _no_such(self._schema, unknown) or _violation(self._check, arguments, whose)
        if problem is not None:
            told = cut(signature(self.tool), _SIGNATURE_CHARACTERS)
            raise InvalidArguments(f"{problem}; {told}")


def check_arguments(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Check the arguments of one call; see ``ArgumentCheck``."""
    ArgumentCheck(tool).check(arguments)


def undeclared(schema: Schema, names: Iterable[str]) -> list[str]:
    """The names that a schema with properties neither declares nor lets in, in their order."""
    open_ended = {"additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "$ref"}
    # None at all is what a tool without parameters declares. Without the word, MCP has it that the
    # tool takes any object.
    if not isinstance(schema.get("properties"), dict) or open_ended & schema.keys():
        return []
    declared = _properties(schema)
    return [name for name in names if name not in declared]


def signature(tool: Tool) -> str:
    """The tool as a Python-like call: ``add(a: integer, b: integer = 1)``."""
    schema = cast("Schema", tool.input_schema)
    required = set(_strings(schema.get("required")))
    parts = [_parameter(name, prop, name in required) for name, prop in _properties(schema).items()]
    return f"{tool.name}({', '.join(parts)})"


def only_parameter(tool: Tool) -> str:
    """The name that a bare value is passed under: the one required parameter, or the only one.

    Raises:
        InvalidArguments: There is no such single parameter.
    """
    schema = cast("Schema", tool.input_schema)
    names = list(_properties(schema))
    required = [name for name in _strings(schema.get("required")) if name in names]
    for candidates in (required, names):
        if len(candidates) == 1:
            return candidates[0]
    raise InvalidArguments(
        f"give a dict for each call, since there are several names to fill: {signature(tool)}"
    )


def warm_up() -> None:
    """Import the validator ahead of its first use; takes up to a second, in a thread."""
    import_module("jsonschema")


def _no_such(schema: Schema, unknown: list[str]) -> str | None:
    if not unknown:
        return None
    known = _properties(schema)
    hint = _hint(unknown[0], known) if known else ": it takes none"
    return f"no argument {cut(repr(unknown[0]), _QUOTED)}{hint}"


def _violation(check: SchemaCheck, arguments: Mapping[str, Any], whose: str) -> str | None:
    try:
        found = check.violations(dict(arguments))
    except UnusableSchema as exc:
        raise InvalidArguments(f"{whose} is not usable: {cut(str(exc), _QUOTED)}") from None
    if not found:
        return None
    error = blame.to_tell(found)
    where = cut(".".join(str(part) for part in error.absolute_path), _QUOTED)
    return f"{where}: {blame.said(error)}" if where else blame.said(error)


def _parameter(name: str, prop: Any, is_required: bool) -> str:
    if not isinstance(prop, dict):
        return name
    schema = cast("dict[str, Any]", prop)
    text = f"{name}: {_type_name(schema)}"
    if "default" in schema:
        return f"{text} = {schema['default']!r}"
    return text if is_required else f"{text} = ..."


def _type_name(schema: Mapping[str, Any], levels: int = _LEVELS) -> str:
    if "enum" in schema:
        return "|".join(repr(value) for value in cast("list[Any]", schema["enum"])[:6])
    if "const" in schema:
        return repr(schema["const"])
    declared = schema.get("type")
    if isinstance(declared, str):
        inner = _type_names([schema.get("items")], levels) if declared == "array" else ""
        return f"{declared}[{inner}]" if inner else declared
    if isinstance(declared, list):
        return "|".join(_strings(cast("Any", declared)))
    options: Any = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list):
        return _type_names(cast("list[Any]", options), levels)
    return _named_type(schema.get("$ref")) or "any"


def _type_names(schemas: Iterable[Any], levels: int) -> str:
    found = [cast("dict[str, Any]", one) for one in schemas if isinstance(one, dict)]
    return "|".join(_type_name(one, levels - 1) for one in found) if levels else ""


def _named_type(reference: Any) -> str:
    """What a server calls the part that it refers to, such as ``Leg`` of ``#/$defs/Leg``."""
    found = _REFERRED.fullmatch(reference) if isinstance(reference, str) else None
    return found[1] if found else ""


def _properties(schema: Schema) -> Mapping[str, Any]:
    found = schema.get("properties")
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}


def _strings(value: Any) -> list[str]:
    return (
        [item for item in cast("list[Any]", value) if isinstance(item, str)]
        if isinstance(value, list)
        else []
    )


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f", did you mean {cut(repr(near[0]), _QUOTED)}?"
    told = listed((cut(known, _QUOTED) for known in names), 10)
    return f"; there are: {told}" if names else ""
