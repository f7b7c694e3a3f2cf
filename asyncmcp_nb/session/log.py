"""The log of a session: every call of its ledger, earlier kernels' too, to see and export."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from asyncmcp_nb.ledger import CallFilter, CallRecord, LedgerReader, LogEntry, Status
from asyncmcp_nb.printable import counted
from asyncmcp_nb.session.notices import Notice, Notices
from asyncmcp_nb.session.observers import Observers

if TYPE_CHECKING:
    import pandas as pd

Redact = bool | Collection[str] | Callable[[str, Any], Any] | None
"""What an export hides: nothing, what stands under these names, all that was sent and answered
(True), or as a function of a column's name and its value says."""

By = Literal["call", "tool", "group"]
"""What a timeline has a lane for."""

Observer = Callable[[Sequence[CallRecord]], None]
"""Called in some thread with rows that changed. Must not block."""


class LogViews(Protocol):
    """Pandas views of records; given in, so that a session needs no pandas."""

    def frame(self, ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
        """One row a call, read without making a record of each."""
        ...

    def results(self, ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
        """Structured content as columns, read likewise."""
        ...

    def export(self, records: Sequence[CallRecord], path: Path, redact: Any) -> Path:
        """A file, its form by its suffix."""
        ...

    def timeline(self, records: Sequence[CallRecord], by: By | None) -> Any:
        """A plot of who waited for what."""
        ...

    def latency(self, records: Sequence[CallRecord]) -> Any:
        """A plot of how long answers took."""
        ...

    def throughput(self, records: Sequence[CallRecord]) -> Any:
        """A plot of how many answers came when."""
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
        self._notices = Notices()
        self._observers: Observers[Sequence[CallRecord]] = Observers()

    def __len__(self) -> int:
        return self.ledger.count()

    def __repr__(self) -> str:
        parts = ", ".join(f"{number} {status}" for status, number in self.counts().items())
        return f"<Log: {counted(len(self), 'call')} ({parts or 'none'})>"

    def counts(self) -> dict[Status, int]:
        """Calls by status, absent ones left out."""
        return {status: number for status, number in self.ledger.counts().items() if number}

    def frame(self, chosen: CallFilter | None = None) -> pd.DataFrame:
        """One row a call; ``asyncmcp_nb.frame.COLUMNS`` says what each column means."""
        return self._views.frame(self.ledger, chosen or CallFilter())

    def results(self, chosen: CallFilter | None = None) -> pd.DataFrame:
        """Structured content of finished calls as columns."""
        return self._views.results(self.ledger, chosen or CallFilter())

    def export(
        self, path: str | Path, *, redact: Redact = None, chosen: CallFilter | None = None
    ) -> Path:
        """Write a file: ``.csv``, ``.parquet``, ``.jsonl`` or ``.html`` by its suffix.

        Args:
            path: Where to.
            redact: What to hide. A name that none of the calls has is warned of.
            chosen: Which calls; all by default.

        Raises:
            ConfigError: The suffix is none of these.
            MissingDependency: ``.parquet`` without pyarrow.
        """
        return self._views.export(self._rows(chosen), Path(path), redact)

    def timeline(self, chosen: CallFilter | None = None, *, by: By | None = None) -> Any:
        """A plot of who waited for what: queued, sent, running, answered (needs altair).

        Args:
            chosen: Which calls; all by default.
            by: A lane for each ``call``, ``tool`` or ``group``. By default, for each call where
                these are few enough to be seen, else for each tool.

        Raises:
            MissingDependency: altair is not installed.
        """
        return self._views.timeline(self._rows(chosen), by)

    def latency(self, chosen: CallFilter | None = None) -> Any:
        """A histogram of how long answers took, by tool (needs altair)."""
        return self._views.latency(self._rows(chosen))

    def throughput(self, chosen: CallFilter | None = None) -> Any:
        """A plot of answers a second over time, failures apart (needs altair)."""
        return self._views.throughput(self._rows(chosen))

    def messages(
        self, call_id: str | None = None, *, level: str | None = None, limit: int = 1_000
    ) -> list[LogEntry]:
        """Log messages that servers sent for calls, oldest first.

        Args:
            call_id: The call; those of all by default.
            level: The least severe level wanted, ``debug`` to ``emergency``; all by default.
            limit: The most; the newest are given.

        Raises:
            ConfigError: No such level.
        """
        return self.ledger.logs(call_id, level=level, limit=limit)

    def message_count(self, call_id: str | None = None, *, level: str | None = None) -> int:
        """How many ``messages`` there are altogether."""
        return self.ledger.log_count(call_id, level=level)

    def notices(self, *, level: str | None = None, limit: int | None = None) -> list[Notice]:
        """Notifications and log messages of no call, oldest first; the newest 1,000 are kept.

        Args:
            level: The least severe level wanted, ``debug`` to ``emergency``; all by default.
            limit: The most; the newest are given.

        Raises:
            ConfigError: No such level.
        """
        return self._notices.kept(level=level, limit=limit)

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with rows as they change; the answer ends that.

        Without rows, something else has: a notice, a question of no call, the tools.
        """
        return self._observers.subscribe(observer)

    def notify(self, records: Sequence[CallRecord]) -> None:
        """Tell the observers; the session's business."""
        self._observers.tell(records)

    def take(self, notice: Notice) -> None:
        """Keep a notice, and tell the observers; the session's business."""
        self._notices.add(notice)
        self._observers.tell(())

    def _rows(self, chosen: CallFilter | None) -> list[CallRecord]:
        return self.ledger.rows(chosen or CallFilter())
