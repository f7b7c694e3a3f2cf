"""Taking private values out of records before they leave the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from asyncmcp_nb.frame.private import REDACTED, PrivateValues
from asyncmcp_nb.ledger import CallRecord
from asyncmcp_nb.ledger.answers import dump_json

Redact = bool | Collection[str] | Callable[[str, Any], Any] | None
"""What to take out.

- None or False: nothing.
- True: all arguments and all of the answers.
- Names (or one name): the values under these keys, at any depth, of the arguments and of the
  answer, wherever they occur in the call. JSON in a text loses what stands under the keys; any
  other text that contains one of the values, or one of the keys in quotes, is taken out as a whole.
  True, false, null and values of one character are taken out under the keys only.
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
    texts = (record.text, record.error_message, record.progress_message, record.error_data_json)
    private = PrivateValues(names, [record.arguments, record.structured, *texts])
    return _replaced(record, lambda _name, value: private.clean(value))


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
