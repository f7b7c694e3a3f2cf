"""What goes into log records: fields to find them by, and errors without account numbers.

Records are of loggers under ``asyncmcp_nb``. Their messages are constant, with arguments that say
how many and why; what a message carried is in none of them.
"""

from __future__ import annotations

import re
from typing import Final

from asyncmcp_nb.printable import cut, one_line

FIELDS: Final = ("call_id", "connection_id", "request_id", "message_id", "method", "tool", "status")
"""Attributes that a record may have beside those of ``logging``; each that is known."""

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_VALUE_CHARACTERS: Final = 80
_REASON_CHARACTERS: Final = 400


def about(
    *,
    call_id: str | None = None,
    connection_id: str | None = None,
    request_id: object = None,
    message_id: str | None = None,
    method: str | None = None,
    tool: str | None = None,
    status: str | None = None,
) -> dict[str, str]:
    """The ``extra`` of a record: what it is about, as far as that is known.

    Values that came in a message are cut to 80 characters, on one line.

    Args:
        call_id: Names a call in its ledger.
        connection_id: With the request's id, names a request for ever, at both ends.
        request_id: JSON-RPC id.
        message_id: Names a message in its queue.
        method: JSON-RPC method.
        tool: Of a ``tools/call``.
        status: A call's.
    """
    values = (call_id, connection_id, request_id, message_id, method, tool, status)
    return {
        name: cut(one_line(str(value)), _VALUE_CHARACTERS)
        for name, value in zip(FIELDS, values, strict=True)
        if value is not None
    }


def plain(error: BaseException) -> str:
    """What an error says, on one line and without the account numbers of ARNs and queue URLs."""
    return cut(_ACCOUNT.sub("…", one_line(str(error))), _REASON_CHARACTERS)
