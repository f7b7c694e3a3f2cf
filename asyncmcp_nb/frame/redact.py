"""Taking private values out of records before they leave the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
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


class Redaction:
    """Takes the same out of one record after the other.

    Args:
        redact: What to take out.
    """

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._names: tuple[str, ...] = ()
        if isinstance(redact, str):
            self._names = (redact,)
        elif not (redact is None or isinstance(redact, bool) or callable(redact)):
            self._names = tuple(redact)
        self._met: set[str] = set()

    @property
    def unmet(self) -> list[str]:
        """The names under which no record had anything: mistyped, it may be."""
        return [name for name in self._names if name not in self._met]

    def of(self, record: CallRecord) -> CallRecord:
        """The record without what is to be taken out; the same object where that is nothing."""
        if self._redact is None or self._redact is False:
            return record
        if self._redact is True:
            return _replaced(record, lambda _name, _value: REDACTED)
        if callable(self._redact):
            return _replaced(record, self._redact)
        sources = [record.arguments, record.structured, record.text, record.error_message]
        sources += [record.progress_message, record.error_data_json]
        private = PrivateValues(frozenset(self._names), sources)
        clean = _replaced(record, lambda _name, value: private.clean(value))
        self._met |= private.met
        return clean


def nothing_under(names: Sequence[str]) -> str:
    """That no call has anything under these names, in words."""
    return f"no call has anything under {' or '.join(map(repr, names))}"


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
