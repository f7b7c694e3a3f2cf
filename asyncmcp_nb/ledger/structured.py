"""An answer's structured content, without parsing the rest of the answer where that can be proved.

Answers say the same twice, as text and as structured content, and a frame of 100,000 calls wants
one of them. What stands behind the last key ``structuredContent`` is the answer's own where what
follows it closes one object and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

# In JSON text a quote within a string is escaped, so this is found as a key and nowhere else.
_KEY: Final = re.compile(r'"structuredContent"[ \t\r\n]*:[ \t\r\n]*')
_NAME: Final = '"structuredContent"'
_ENDS_COUNT: Final = 1_000
_DECODER: Final = json.JSONDecoder()


def structured_of(result_json: str | None) -> Any:
    """The ``structuredContent`` of a result, which is a JSON object; None where it has none."""
    return structured_column([result_json])[0]


def structured_column(results: Iterable[str | None]) -> Sequence[Any]:
    """The ``structuredContent`` of each result."""
    ends: dict[str, bool] = {}
    return [
        None if result is None or _NAME not in result else _content(result, ends)
        for result in results
    ]


def _content(result: str, ends: dict[str, bool]) -> Any:
    found = _KEY.match(result, result.rfind(_NAME))
    if found is not None:
        try:
            value, end = _DECODER.raw_decode(result, found.end())
        except (ValueError, RecursionError):
            return None
        if _closes_one_object(result[end:], ends):
            return value
    return _parsed(result)


def _closes_one_object(rest: str, ends: dict[str, bool]) -> bool:
    """Whether a value that is followed by this belongs to the outermost object.

    Most answers end alike, so the verdicts are kept.
    """
    known = ends.get(rest)
    if known is None:
        whole = _loads('{"":0' + rest)
        # An escape may have hidden the key from the search.
        known = isinstance(whole, dict) and "structuredContent" not in whole
        if len(ends) < _ENDS_COUNT:
            ends[rest] = known
    return known


def _parsed(result: str) -> Any:
    whole = _loads(result)
    if not isinstance(whole, dict):
        return None
    return cast("dict[str, Any]", whole).get("structuredContent")


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
