"""Taking private values out of records before they leave the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from asyncmcp_nb.ledger import CallRecord
from asyncmcp_nb.ledger.answers import dump_json

REDACTED: Final = "[redacted]"

Redact = bool | Collection[str] | Callable[[str, Any], Any] | None
"""What to take out.

- None or False: nothing.
- True: all arguments and all of the answers.
- Names (or one name): the values under these argument keys, at any depth, wherever they occur in
  the call: the same keys of the answer, and any text that contains one of the values, as a whole.
- A function of a column's name (``arguments``, ``structured``, ``text``, ``error_message`` or
  ``progress_message``) and its value, never None, that returns what to write instead.
"""


def redacted(record: CallRecord, redact: Redact) -> CallRecord:
    """The record without what is to be taken out; the same object where that is nothing."""
    if redact is None or redact is False:
        return record
    if redact is True:
        return _replaced(record, lambda _name, _value: REDACTED)
    if callable(redact):
        return _replaced(record, redact)
    names = frozenset([redact] if isinstance(redact, str) else redact)
    return _replaced(record, _Names(names, secrets_under(names, record.arguments)).clean)


def secrets_under(names: frozenset[str], value: Any) -> frozenset[str]:
    """Strings and numbers under these keys, at any depth, as text."""
    if isinstance(value, Mapping):
        found: set[str] = set()
        for key, inner in cast("Mapping[str, Any]", value).items():
            found |= _leaves(inner) if key in names else secrets_under(names, inner)
        return frozenset(found)
    if isinstance(value, list):
        inner_lists = [secrets_under(names, inner) for inner in cast("list[Any]", value)]
        return frozenset[str]().union(*inner_lists)
    return frozenset()


@dataclass(frozen=True, slots=True)
class _Names:
    """Cleans the columns of one call of the values under some argument keys."""

    names: frozenset[str]
    secrets: frozenset[str] = field(default_factory=frozenset[str])

    def clean(self, _name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: REDACTED if key in self.names else self.clean(key, inner)
                for key, inner in cast("Mapping[str, Any]", value).items()
            }
        if isinstance(value, list):
            return [self.clean("", inner) for inner in cast("list[Any]", value)]
        if isinstance(value, str):
            return REDACTED if any(secret in value for secret in self.secrets) else value
        return REDACTED if _is_number(value) and str(value) in self.secrets else value


def _leaves(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value).values()
        return set[str]().union(*(_leaves(one) for one in inner))
    if isinstance(value, list):
        return set[str]().union(*(_leaves(one) for one in cast("list[Any]", value)))
    if isinstance(value, str):
        return _spellings(value) if value else set()
    return {str(value)} if _is_number(value) else set()


def _spellings(text: str) -> set[str]:
    # Servers repeat structured content as JSON in the text, with non-ASCII escaped or not.
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _replaced(record: CallRecord, clean: Callable[[str, Any], Any]) -> CallRecord:
    structured = record.structured
    return replace(
        record,
        arguments_json=dump_json(clean("arguments", record.arguments)),
        text=_clean_text(clean, "text", record.text),
        error_message=_clean_text(clean, "error_message", record.error_message),
        progress_message=_clean_text(clean, "progress_message", record.progress_message),
        error_data_json=None,
        result_json=None
        if structured is None
        else json.dumps({"structuredContent": clean("structured", structured)}),
    )


def _clean_text(clean: Callable[[str, Any], Any], name: str, value: str | None) -> str | None:
    if value is None:
        return None
    cleaned = clean(name, value)
    return cleaned if cleaned is None or isinstance(cleaned, str) else dump_json(cleaned)
