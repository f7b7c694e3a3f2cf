"""Payloads of arrivals, read for the columns of the ledger: pure, and never raising.

What a server sent is kept as it came. Where it cannot be read, the call still ends, as ``failed``
with the reason: a poller that stumbled over one answer would hold up all others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from asyncmcp_nb.ledger.status import Status

LEVELS: Final = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
"""Severities of MCP log messages, least first (RFC 5424)."""

_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A result or error, as the ledger's columns want it."""

    status: Status
    text: str | None = None
    error_code: int | None = None
    error_message: str | None = None
    error_data_json: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A progress notification."""

    fraction: float | None
    """0 to 1; None where the total is unknown."""
    message: str | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log notification."""

    level: str
    severity: int
    """Index into ``LEVELS``; that of ``info`` where the level is none of them."""
    logger: str | None
    data_json: str


def read_result(payload: str) -> Answer:
    """Tell done, tool error and question apart, and take out the text."""
    result = _parse_object(payload)
    if result is None:
        return Answer(Status.FAILED, error_message="the result is not a readable JSON object")
    if result.get("resultType") == "input_required":
        return Answer(Status.INPUT_REQUIRED)
    status = Status.TOOL_ERROR if result.get("isError") is True else Status.DONE
    return Answer(status, text=_joined_text(result.get("content")))


def read_error(payload: str) -> Answer:
    """Take a JSON-RPC error object apart."""
    error = _parse_object(payload)
    if error is None:
        return Answer(Status.FAILED, error_message="the error is not a readable JSON object")
    code: Any = error.get("code")
    return Answer(
        Status.FAILED,
        error_code=code if _is_integer(code) and abs(code) <= _INT64_MAX else None,
        error_message=_text(error.get("message")) or "the error has no message",
        error_data_json=dump_json(error["data"]) if "data" in error else None,
    )


def read_progress(payload: str) -> Progress:
    """Turn progress and total into a fraction, where both are usable numbers."""
    params = _parse_object(payload) or {}
    done, total = _number(params.get("progress")), _number(params.get("total"))
    message = _text(params.get("message"))
    if done is None or total is None or total <= 0:
        return Progress(None, message)
    return Progress(min(max(done / total, 0.0), 1.0), message)


def read_log(payload: str) -> LogLine:
    """Take a log notification's params apart; what is not one is kept whole as its data."""
    params = _parse_object(payload)
    if params is None:
        return LogLine("info", severity("info"), None, dump_json(payload))
    level = _text(params.get("level")) or "info"
    return LogLine(
        level, severity(level), _text(params.get("logger")), dump_json(params.get("data"))
    )


def severity(level: str) -> int:
    """Rank of a log level, that of ``info`` for a name that MCP does not know."""
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("info")


def dump_json(value: object) -> str:
    """Compact JSON text, non-ASCII as it is, fit for SQLite and for a UTF-8 file.

    Raises:
        TypeError: A value in it is none that JSON has.
        ValueError: It contains itself, or an integer of more digits than Python writes.
    """
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def storable(text: str) -> str:
    r"""The text with lone surrogates, which UTF-8 cannot carry, escaped as ``\udc80``.

    In JSON text that escape means the very same character, so nothing is lost there.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _parse_object(payload: str) -> dict[str, Any] | None:
    try:
        value: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _joined_text(content: Any) -> str | None:
    if not isinstance(content, list):
        return None
    texts = [_text_of(block) for block in cast("list[Any]", content)]
    there = [text for text in texts if text is not None]
    return "\n".join(there) if there else None


def _text_of(block: Any) -> str | None:
    if not isinstance(block, Mapping):
        return None
    fields = cast("Mapping[str, Any]", block)
    return _text(fields.get("text")) if fields.get("type") == "text" else None


def _text(value: Any) -> str | None:
    return storable(value) if isinstance(value, str) else None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    if not (_is_integer(value) or isinstance(value, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
