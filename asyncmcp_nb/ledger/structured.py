"""An answer's structured content, without parsing the rest of the answer where that can be proved.

Answers say the same twice, as text and as structured content, and a frame of 100,000 calls wants
one of them. It is the last thing in most answers, so only what begins with its key is parsed. That
this is the answer's own key shows when a brace in front makes an object of it: with a key of
something within the answer, more is closed than was opened.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from asyncmcp_nb.ledger.texts import values_of

_KEY: Final = '"structuredContent"'


def structured_of(result_json: str | None) -> Any:
    """The ``structuredContent`` of a result, which is a JSON object; None where it has none."""
    return structured_column([result_json])[0]


def structured_column(results: Sequence[str | None]) -> list[Any]:
    """The ``structuredContent`` of each result; a few hundred at once take the least time."""
    column: list[Any] = [None] * len(results)
    ends: dict[int, str] = {}
    for row, result in enumerate(results):
        begin = -1 if result is None else result.find(_KEY)
        if result is None or begin < 0:
            continue
        if result[begin - 1] == "\\":  # the end of a longer string
            column[row] = _parsed(result)
        else:
            ends[row] = "{" + result[begin:]
    try:
        objects = values_of(ends.values())
    except (ValueError, RecursionError):
        for row in ends:
            column[row] = _parsed(results[row])
    else:
        for row, found in zip(ends, objects, strict=True):
            column[row] = found["structuredContent"]
    return column


def _parsed(result: str | None) -> Any:
    try:
        whole = json.loads(result or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict):
        return None
    return cast("dict[str, Any]", whole).get("structuredContent")
