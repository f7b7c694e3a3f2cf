"""What servers tell a session outside of its calls, and what the session has to say of itself."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from mcp_types import LoggingMessageNotification, ServerNotification

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger import LEVELS, severity
from asyncmcp_nb.printable import cut

NOTICES_COUNT: Final = 1_000
"""Notices that a session keeps, the newest. Our choice."""
DATA_LENGTH: Final = 16_384
"""Characters that are kept of what one says."""
_LOGGER_LENGTH: Final = 200
SESSION: Final = "session"
"""The kind of what a session says of itself."""

_PREFIX: Final = "notifications/"
_LOG: Final = "message"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification or log message that belongs to no call."""

    kind: str
    """``message`` for a log message, ``session`` for the session's own words, else the MCP
    notification without ``notifications/``, such as ``tools/list_changed``."""
    level: str
    """``debug`` to ``emergency``."""
    logger: str | None
    """As the server names it."""
    data_json: str
    """What it says, as JSON text; of what is longer than ``DATA_LENGTH``, the start as a string."""
    received_at: float
    """Unix seconds."""

    @property
    def data(self) -> Any:
        """What it says, parsed."""
        return json.loads(self.data_json)


class Notices:
    """The newest notices of a session. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Notice] = deque(maxlen=NOTICES_COUNT)
        self.total_count = 0
        """All there ever were."""

    def add(self, notice: Notice) -> None:
        """Keep one; the oldest may go for it."""
        with self._lock:
            self._kept.append(notice)
            self.total_count += 1

    def kept(self, *, level: str | None = None, limit: int | None = None) -> list[Notice]:
        """Notices, oldest first.

        Args:
            level: The least severe level wanted; all by default.
            limit: The most; the newest are given.

        Raises:
            ConfigError: No such level.
        """
        with self._lock:
            found = list(self._kept)
        if level is not None:
            if level not in LEVELS:
                raise ConfigError(f"no log level {level!r}; known: {', '.join(LEVELS)}")
            least = severity(level)
            found = [one for one in found if severity(one.level) >= least]
        return found if limit is None else found[max(0, len(found) - limit) :]


def notice_of(notification: ServerNotification, received_at: float) -> Notice:
    """A notification as it is kept."""
    if isinstance(notification, LoggingMessageNotification):
        said = notification.params
        return _notice(_LOG, said.data, received_at, level=said.level, logger=said.logger)
    plain = notification.model_dump(mode="json", by_alias=True, exclude_none=True)
    kind = notification.method.removeprefix(_PREFIX)
    return _notice(kind, plain.get("params", {}), received_at)


def own_notice(text: str, received_at: float, *, level: str = "warning") -> Notice:
    """What the session has to say."""
    return _notice(SESSION, text, received_at, level=level)


def _notice(
    kind: str, data: Any, received_at: float, *, level: str = "info", logger: str | None = None
) -> Notice:
    text = json.dumps(data, ensure_ascii=False, default=str)
    if len(text) > DATA_LENGTH:
        text = json.dumps(cut(text, DATA_LENGTH), ensure_ascii=False)
    named = None if logger is None else cut(logger, _LOGGER_LENGTH)
    return Notice(kind, level, named, text, received_at)
