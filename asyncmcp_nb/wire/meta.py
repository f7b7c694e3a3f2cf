"""What params say: numbers, and our keys in ``_meta``, where reverse-DNS names part vendors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

DEADLINE_KEY: Final = "io.github.asyncmcp-nb/deadline"
"""ISO 8601 time with its zone, after which nobody wants the answer."""

_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def deadline_text(deadline: float) -> str:
    """Unix seconds as the ISO time that travels; of what is later than all such times, the last."""
    return datetime.fromtimestamp(min(deadline, _LAST), UTC).isoformat()


def deadline_of(params: Mapping[str, Any] | None) -> float | None:
    """The deadline of a request in Unix seconds; None where it has none, or one that is no time."""
    meta = (params or {}).get("_meta")
    text = cast("dict[str, Any]", meta).get(DEADLINE_KEY) if isinstance(meta, dict) else None
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        # Without its zone, it would be another moment to each reader.
        return moment.timestamp() if moment.tzinfo else None
    except ValueError:
        return None


def number_of(value: object) -> float | None:
    """A number of JSON as a float; None where it is none, or larger than any float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
