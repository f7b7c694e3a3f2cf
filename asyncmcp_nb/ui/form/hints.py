"""What a schema asks of a value beyond its type, in a few words each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.form.field import Schema

FORMAT_EXAMPLES: Final = {
    "date": "2026-01-31",
    "time": "14:30:00Z",
    "date-time": "2026-01-31T14:30:00Z",
    "email": "name@example.com",
    "uri": "https://example.com/page",
}
"""A value of each format that is checked."""

_EXAMPLE_COUNT: Final = 3
_LENGTH: Final = 60


def hints(schema: Schema) -> tuple[str, ...]:
    """Such as ``1 to 10`` and ``at most 40 characters``; the texts are the server's."""
    return tuple(_hints(schema))


def shown(value: Any) -> str:
    """A JSON value in one short line."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return cut(one_line(text), _LENGTH)


def _hints(schema: Schema) -> Iterator[str]:
    yield from _range(schema)
    if _is_number(step := schema.get("multipleOf")) and step != 1:
        yield f"a multiple of {step}"
    yield from _between(schema, "Length", "character", least_of_interest=2)
    if isinstance(pattern := schema.get("pattern"), str):
        yield f"matches {shown(pattern)}"
    if isinstance(wanted := schema.get("format"), str):
        example = FORMAT_EXAMPLES.get(wanted)
        yield f"such as {example}" if example else shown(wanted)
    yield from _between(schema, "Items", "item")
    if schema.get("uniqueItems") is True:
        yield "all different"
    yield from _between(schema, "Properties", "entry", several="entries")
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        few = cast("list[Any]", examples)[:_EXAMPLE_COUNT]
        yield f"for example {', '.join(map(shown, few))}"


def _range(schema: Schema) -> Iterator[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if _is_number(least) and _is_number(most):
        yield f"{least} to {most}"
    elif _is_number(least):
        yield f"at least {least}"
    elif _is_number(most):
        yield f"at most {most}"
    if _is_number(above := schema.get("exclusiveMinimum")):
        yield f"more than {above}"
    if _is_number(below := schema.get("exclusiveMaximum")):
        yield f"less than {below}"


def _between(
    schema: Schema, what: str, one: str, *, several: str = "", least_of_interest: int = 1
) -> Iterator[str]:
    several = several or f"{one}s"
    least: Any = schema.get(f"min{what}")
    most: Any = schema.get(f"max{what}")
    has_least: bool = _is_number(least) and least >= least_of_interest
    if has_least and _is_number(most):
        yield (
            f"{_counted(least)} {several}" if least == most else f"{least:,} to {most:,} {several}"
        )
    elif has_least:
        yield f"at least {_counted(least)} {one if least == 1 else several}"
    elif _is_number(most):
        yield f"at most {_counted(most)} {one if most == 1 else several}"


def _counted(count: float) -> str:
    return f"{count:,}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
