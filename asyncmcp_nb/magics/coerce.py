"""``key=value`` words into a tool's arguments, by its input schema: pure.

What is typed is text; the schema says what it stands for. Where several types are allowed, an
unquoted word is read as the narrowest that fits (``null``, boolean, integer, number, JSON) and as a
string otherwise; a quoted one is a string where a string is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from mcp_types import Tool

from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.interpolate import Names, fill_json, fill_text, is_placeholder
from asyncmcp_nb.magics.words import Word
from asyncmcp_nb.session.validation import check_arguments, signature

Schema = Mapping[str, Any]

_MISS: Final = object()
_DEPTH: Final = 8
"""How many references and unions are followed; recursive schemas end there."""


def arguments_of(tool: Tool, words: Iterable[Word], names: Names) -> dict[str, Any]:
    """The arguments that words stand for, checked against the tool's schema.

    Raises:
        MagicUsageError: A word is no ``key=value``, is given twice, or does not fit its type.
        InvalidArguments: The tool's schema is not met. Either message ends with its signature.
    """
    arguments = given_values(tool, words, names)
    check_arguments(tool, arguments)
    return arguments


def given_values(tool: Tool, words: Iterable[Word], names: Names) -> dict[str, Any]:
    """The values that words stand for, which need not be all that the tool requires.

    Raises:
        MagicUsageError: As for ``arguments_of``.
    """
    root = cast("Schema", tool.input_schema)
    properties: Any = root.get("properties")
    declared: Schema = cast("Schema", properties) if isinstance(properties, dict) else {}
    arguments: dict[str, Any] = {}
    try:
        for word in words:
            key = _key_of(word, arguments)
            arguments[key] = _argument(word, declared.get(key, {}), root=root, names=names)
    except MagicUsageError as exc:
        raise MagicUsageError(f"{exc}; {signature(tool)}") from None
    return arguments


def _key_of(word: Word, arguments: Mapping[str, Any]) -> str:
    if word.key is None:
        raise MagicUsageError(f"{word.text!r} is not key=value")
    if word.key in arguments:
        raise MagicUsageError(f"{word.key} is given twice")
    return word.key


def _argument(word: Word, schema: Any, *, root: Schema, names: Names) -> Any:
    try:
        if word.is_json:
            return fill_json(word.text, names)
        alternatives = list(_alternatives(schema, root, _DEPTH))
        if word.text.startswith(("{", "[")) and not is_placeholder(word.text):
            value = read(word.text, alternatives, names=names, is_quoted=word.is_quoted)
            return fill_text(value, names) if isinstance(value, str) else value
        filled = fill_text(word.text, names)
        if not isinstance(filled, str):
            return filled
        return read(filled, alternatives, names=names, is_quoted=word.is_quoted)
    except MagicUsageError as exc:
        raise MagicUsageError(f"{word.key}: {exc}") from None


def read(
    text: str, alternatives: Sequence[Schema], *, names: Names, is_quoted: bool = False
) -> Any:
    """What a text stands for.

    Args:
        text: As typed, without quotes.
        alternatives: Simple schemas, any of which may be met.
        names: Variables, for JSON.
        is_quoted: Whether it was typed in quotes.

    Raises:
        MagicUsageError: It fits none of them.
    """
    fixed = [value for schema in alternatives for value in _fixed_values(schema)]
    if fixed:
        for value in fixed:
            if text in (value if isinstance(value, str) else None, json.dumps(value)):
                return value
        known = ", ".join(repr(value) for value in fixed[:10])
        raise MagicUsageError(f"{text!r} is none of {known}")
    types = {kind for schema in alternatives for kind in types_of(schema)}
    is_text = not types or "string" in types
    if not (is_text and is_quoted):
        for kind, reader in _READERS.items():
            if types and kind not in types:
                continue
            value = _text_unless(reader, text, names) if is_text else reader(text, names)
            if value is not _MISS:
                return value
    if is_text:
        return text
    raise MagicUsageError(
        f"{text!r} is not {' or '.join(_article(kind) for kind in sorted(types))}"
    )


def values_of(schema: Any, root: Schema) -> list[str]:
    """The values that completion can offer: those of enums and booleans, as typed."""
    offered: list[str] = []
    for alternative in _alternatives(schema, root, _DEPTH):
        fixed = _fixed_values(alternative)
        offered += [v if isinstance(v, str) else json.dumps(v) for v in fixed]
        if not fixed:
            offered += [kind for kind in types_of(alternative) if kind == "null"]
            offered += ["true", "false"] if "boolean" in types_of(alternative) else []
    return offered


def types_of(schema: Schema) -> list[str]:
    """The types that a schema names itself."""
    declared: Any = schema.get("type")
    listed = cast("list[Any]", declared) if isinstance(declared, list) else [declared]
    return [kind for kind in listed if isinstance(kind, str)]


def _alternatives(schema: Any, root: Schema, depth: int) -> Iterator[Schema]:
    """The simple schemas that a schema comes down to, references and unions followed."""
    if not isinstance(schema, dict) or depth == 0:
        yield {}
        return
    found = cast("dict[str, Any]", schema)
    reference: Any = found.get("$ref")
    if isinstance(reference, str):
        yield from _alternatives(_resolved(reference, root), root, depth - 1)
        return
    for keyword in ("anyOf", "oneOf", "allOf"):
        options: Any = found.get(keyword)
        if isinstance(options, list) and options:
            for option in cast("list[Any]", options):
                yield from _alternatives(option, root, depth - 1)
            return
    yield found


def _resolved(reference: str, root: Schema) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
    return found


def _fixed_values(schema: Schema) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    listed: Any = schema.get("enum")
    return cast("list[Any]", listed) if isinstance(listed, list) else []


def _null(text: str, _: Names) -> Any:
    return None if text == "null" else _MISS


def _boolean(text: str, _: Names) -> Any:
    return {"true": True, "false": False}.get(text.lower(), _MISS)


def _integer(text: str, _: Names) -> Any:
    value = _number(text, _)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else _MISS


def _number(text: str, _: Names) -> Any:
    value = _parsed(text)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _MISS


def _array(text: str, names: Names) -> Any:
    return _bracketed(text, "[", names)


def _object(text: str, names: Names) -> Any:
    return _bracketed(text, "{", names)


def _bracketed(text: str, bracket: str, names: Names) -> Any:
    return fill_json(text, names) if text.lstrip().startswith(bracket) else _MISS


def _text_unless(reader: Callable[[str, Names], Any], text: str, names: Names) -> Any:
    """Read a word that may be a string as well, so that no reader need be content with it."""
    try:
        return reader(text, names)
    except MagicUsageError:
        return _MISS


def _parsed(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("+"), parse_constant=lambda _: _MISS)
    except ValueError:
        return _MISS


_READERS: Final[Mapping[str, Callable[[str, Names], Any]]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "array": _array,
    "object": _object,
}
"""From the narrowest to the widest."""


def _article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
