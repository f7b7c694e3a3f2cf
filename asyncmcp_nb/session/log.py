"""The log of a session: every call of its ledger, earlier kernels' too, to see and export."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asyncmcp_nb.ledger import CallFilter, CallRecord, LedgerReader, LogEntry, Status

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

Redact = bool | Collection[str] | Callable[[Any], Any] | None
"""What an export hides: nothing, argument names, all payloads (True), or as a function says."""

Observer = Callable[[Sequence[CallRecord]], None]
"""Called in some thread with rows that changed. Must not block."""


class LogViews(Protocol):
    """Pandas views of records; given in, so that a session needs no pandas."""

    def frame(self, records: Sequence[CallRecord]) -> pd.DataFrame:
        """One row a call."""
        ...

    def results(self, records: Sequence[CallRecord]) -> pd.DataFrame:
        """Structured content as columns."""
        ...

    def export(self, records: Sequence[CallRecord], path: Path, redact: Any) -> Path:
        """A file, its form by its suffix."""
        ...

    def timeline(self, records: Sequence[CallRecord]) -> Any:
        """A plot of who waited for what."""
        ...

    def join(self, source: Any, records: Sequence[CallRecord]) -> pd.DataFrame:
        """An input with the answers beside it."""
        ...


class Log:
    """All calls of a session's ledger, outstanding ones too."""

    def __init__(self, ledger: LedgerReader, views: LogViews) -> None:
        self.ledger = ledger
        """For pages, filters and counts without pandas."""
        self._views = views
        self._lock = threading.Lock()
        self._observers: list[Observer] = []

    def __len__(self) -> int:
        return self.ledger.count()

    def __repr__(self) -> str:
        parts = ", ".join(f"{number} {status}" for status, number in self.counts().items())
        return f"<Log: {len(self)} calls ({parts or 'none'})>"

    def counts(self) -> dict[Status, int]:
        """Calls by status, absent ones left out."""
        return {status: number for status, number in self.ledger.counts().items() if number}

    def frame(self, chosen: CallFilter | None = None) -> pd.DataFrame:
        """One row a call; ``asyncmcp_nb.frame.COLUMNS`` says what each column means."""
        return self._views.frame(self._rows(chosen))

    def results(self, chosen: CallFilter | None = None) -> pd.DataFrame:
        """Structured content of finished calls as columns."""
        return self._views.results(self._rows(chosen))

    def export(
        self, path: str | Path, *, redact: Redact = None, chosen: CallFilter | None = None
    ) -> Path:
        """Write a file: ``.csv``, ``.parquet``, ``.jsonl`` or ``.html`` by its suffix.

        Args:
            path: Where to.
            redact: What to hide.
            chosen: Which calls; all by default.

        Raises:
            ConfigError: The suffix is none of these.
            MissingDependency: ``.parquet`` without pyarrow.
        """
        return self._views.export(self._rows(chosen), Path(path), redact)

    def timeline(self, chosen: CallFilter | None = None) -> Any:
        """A plot of who waited for what (needs altair)."""
        return self._views.timeline(self._rows(chosen))

    def messages(self, call_id: str | None = None, *, level: str | None = None) -> list[LogEntry]:
        """Log messages that servers sent for calls, oldest first."""
        return self.ledger.logs(call_id, level=level)

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with rows as they change; the answer ends that."""
        with self._lock:
            self._observers.append(observer)

        def unsubscribe() -> None:
            with self._lock:
                if observer in self._observers:
                    self._observers.remove(observer)

        return unsubscribe

    def notify(self, records: Sequence[CallRecord]) -> None:
        """Tell the observers; the session's business."""
        with self._lock:
            observers = list(self._observers)
        for observer in observers:
            try:
                observer(records)
            except Exception:  # boundary: a view that fails must not cost the answer
                logger.exception("an observer of the log raised")

    def _rows(self, chosen: CallFilter | None) -> list[CallRecord]:
        return self.ledger.rows(chosen or CallFilter())
