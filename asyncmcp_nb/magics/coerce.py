"""``key=value`` words into a tool's arguments, by its input schema: pure.

What is typed is text; the schema says what it stands for. Where several types are allowed, an
unquoted word is read as the narrowest that fits (``null``, boolean, integer, number, JSON) and as a
string otherwise; a quoted one is a string where a string is allowed. So ``x=12`` is a number and
``x='12'`` a text where both are; listed values count among their types. Where a text is allowed,
only what JSON would write so is a number: ``1.0`` is no integer, and ``007`` and ``+5`` are texts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

from mcp_types import Tool

from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.interpolate import Names, fill_json, fill_text, is_placeholder
from asyncmcp_nb.magics.shapes import KINDS, Schema, Shape, is_same, shapes_of
from asyncmcp_nb.magics.words import Word
from asyncmcp_nb.printable import cut
from asyncmcp_nb.session.validation import check_arguments, signature
from asyncmcp_nb.ui.form.numbers import MAX_DIGIT_COUNT

_MISS: Final = object()
_NUMBER: Final = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_KNOWN_COUNT: Final = 10
_SAID_LENGTH: Final = 200


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
        shapes = shapes_of(schema, root)
        if word.text.startswith(("{", "[")) and not is_placeholder(word.text):
            value = read(word.text, shapes, names=names, is_quoted=word.is_quoted)
            return fill_text(value, names) if isinstance(value, str) else value
        filled = fill_text(word.text, names)
        if not isinstance(filled, str):
            return filled
        return read(filled, shapes, names=names, is_quoted=word.is_quoted)
    except MagicUsageError as exc:
        raise MagicUsageError(f"{word.key}: {exc}") from None


def read(text: str, shapes: Sequence[Shape], *, names: Names, is_quoted: bool = False) -> Any:
    """What a text stands for.

    Args:
        text: As typed, without quotes.
        shapes: Alternatives, any of which may be met.
        names: Variables, for JSON.
        is_quoted: Whether it was typed in quotes.

    Raises:
        MagicUsageError: It fits none of them.
    """
    is_text = any(shape.may_be("string") for shape in shapes)
    # What may be text is a number only if it is written as one: 1.0 is no integer, nor is +5.
    is_strict = is_text or any(shape.may_be("number") for shape in shapes)
    order = ("string", *KINDS) if is_quoted else KINDS
    for kind in order:
        if not any(shape.may_be(kind) or shape.values for shape in shapes):
            continue
        value = text if kind == "string" else _value(kind, text, names=names, is_text=is_text)
        if kind == "integer" and is_strict and not _WHOLE.fullmatch(text):
            continue
        for shape in shapes if value is not _MISS else ():
            if shape.may_be(kind):
                return value
            for listed in shape.values:
                if is_same(listed, value):
                    return listed
    raise MagicUsageError(_refusal(text, shapes))


def values_of(schema: Any, root: Schema) -> list[str]:
    """The values that completion can offer: those of enums and booleans, as typed."""
    offered: list[str] = []
    for shape in shapes_of(schema, root):
        offered += [v if isinstance(v, str) else json.dumps(v) for v in shape.values]
        if shape.kinds is not None:
            offered += ["null"] if shape.may_be("null") else []
            offered += ["true", "false"] if shape.may_be("boolean") else []
    return list(dict.fromkeys(offered))


def _value(kind: str, text: str, *, names: Names, is_text: bool) -> Any:
    """A text read as a kind, or ``_MISS``."""
    if is_text and text.startswith("+"):
        return _MISS
    try:
        return _READERS[kind](text, names)
    except MagicUsageError:
        # It may be a string as well, so that no reader need be content with it.
        if is_text:
            return _MISS
        raise


def _refusal(text: str, shapes: Sequence[Shape]) -> str:
    said = cut(repr(text), _SAID_LENGTH)
    kinds = {kind for shape in shapes for kind in KINDS if shape.may_be(kind)}
    listed = [value for shape in shapes for value in shape.values]
    known = ", ".join(repr(value) for value in listed[:_KNOWN_COUNT])
    wanted = " or ".join(_article(kind) for kind in sorted(kinds))
    if not kinds:
        return f"{said} is none of {known}"
    return f"{said} is not {wanted}{f', and none of {known}' if known else ''}"


def _null(text: str, _: Names) -> Any:
    return None if text == "null" else _MISS


def _boolean(text: str, _: Names) -> Any:
    return {"true": True, "false": False}.get(text.lower(), _MISS)


def _integer(text: str, _: Names) -> Any:
    """Exact, also where it is written with a point or exponent."""
    if not _NUMBER.fullmatch(text) or len(text) > MAX_DIGIT_COUNT:
        return _MISS
    value = Decimal(text)
    is_whole = value.adjusted() < MAX_DIGIT_COUNT and value == value.to_integral_value()
    return int(value) if is_whole else _MISS


def _number(text: str, names: Names) -> Any:
    if not _NUMBER.fullmatch(text):
        return _MISS
    if _WHOLE.fullmatch(text):
        return _integer(text, names)
    value = float(text)
    return value if math.isfinite(value) else _MISS


def _array(text: str, names: Names) -> Any:
    return _bracketed(text, "[", names)


def _object(text: str, names: Names) -> Any:
    return _bracketed(text, "{", names)


def _bracketed(text: str, bracket: str, names: Names) -> Any:
    return fill_json(text, names) if text.lstrip().startswith(bracket) else _MISS


_READERS: Final[Mapping[str, Callable[[str, Names], Any]]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "array": _array,
    "object": _object,
}
"""Of all kinds but text."""


def _article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
