"""What the live table does with calls: asks where it must, works in a thread, says how it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from asyncmcp_nb.errors import ConfigError, SessionClosed
from asyncmcp_nb.printable import counted, cut, one_line
from asyncmcp_nb.session import CallFilter, Session
from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.jobs import Ending, Jobs, Tell
from asyncmcp_nb.ui.table.actions import (
    CODE_COUNT,
    SELECTED_COUNT,
    cancel_calls,
    destructive_tools,
    export_calls,
    retry_calls,
)
from asyncmcp_nb.ui.table.dialogs import Dialogs
from asyncmcp_nb.ui.table.page import Asked
from asyncmcp_nb.ui.table.selection import Selection
from asyncmcp_nb.ui.theme import bare

_SUFFIXES: Final = (".csv", ".parquet", ".jsonl", ".html")


class SessionRef(Protocol):
    """A weak reference to a session."""

    def __call__(self) -> Session | None:
        """The session, as long as it is there."""
        ...


class Deeds:
    """Cancels, retries, exports and shows as code, one thing at a time."""

    def __init__(self, kit: Kit, session: SessionRef, changed: Callable[[], object]) -> None:
        """Make them.

        Args:
            kit: Makes the widgets.
            session: Whose calls.
            changed: Called where the selection has changed.
        """
        self._session = session
        self._changed = changed
        self.selection = Selection(SELECTED_COUNT)
        self.jobs = Jobs(self.tell)
        self.dialogs = Dialogs(kit, self.tell_trouble)
        self.said = kit.html("amcp-t-outcome")
        self.widget = kit.box([self.dialogs.widget, self.said], "amcp-t-deeds")

    def tell(self, words: str) -> None:
        """Show one line: how far something is, or how it ended."""
        widgets.put(self.said, bare(tag("span", words, role="status")) if words else "")

    def tell_trouble(self, words: str) -> None:
        """Show why something could not be done; nothing where it could."""
        if words:
            self.tell(words)

    def select(self, call_ids: Sequence[str]) -> None:
        """Select calls, as many as may be."""
        left = self.selection.add(call_ids)
        if left:
            self.tell(f"{SELECTED_COUNT:,} calls can be selected at a time: {left:,} are not")

    def select_all(self, asked: Asked) -> None:
        """Select the calls that a filter lets through, in the order in which they are shown."""
        session = self._open_session()

        def work(_: Tell) -> str:
            ledger, chosen = session.log.ledger, asked.chosen
            call_ids = ledger.call_ids(
                chosen, order_by=asked.order_by, descending=asked.descending, limit=SELECTED_COUNT
            )
            self.selection.add(call_ids)
            self._changed()
            left = ledger.count(chosen) - len(call_ids)
            rest = f"; the other {left:,} are not, that is the most" if left > 0 else ""
            return f"selected {counted(len(self.selection), 'call')}{rest}"

        self.jobs.start(work)

    def cancel(self, call_ids: Sequence[str]) -> None:
        """Give calls up."""
        session = self._open_session()
        self.jobs.start(lambda tell: cancel_calls(session, call_ids, tell))

    def retry(self, call_ids: Sequence[str]) -> None:
        """Submit calls again; asked once where their tool destroys something."""
        session = self._open_session()
        self.jobs.start(partial(self._retry_or_ask, session, call_ids))

    def _retry_or_ask(self, session: Session, call_ids: Sequence[str], tell: Tell) -> Ending:
        tools = destructive_tools(session, call_ids)
        if not tools:
            return retry_calls(session, call_ids, tell)
        names = cut(one_line(", ".join(tools)), 200)
        calls = "this call" if len(call_ids) == 1 else f"these {len(call_ids):,} calls"
        question = f"{names}: the server says that this destroys something. Submit {calls} again?"
        again = partial(self._retry_now, call_ids)
        # Asked when this job has ended: whoever is quick to say yes starts the next.
        return partial(self.dialogs.ask, question, "Submit again", again)

    def _retry_now(self, call_ids: Sequence[str]) -> None:
        session = self._open_session()
        self.jobs.start(lambda tell: retry_calls(session, call_ids, tell))

    def show_code(self, call_ids: Sequence[str]) -> None:
        """Show calls as code for a cell."""
        session = self._open_session()
        records = session.log.ledger.get_many(call_ids[:CODE_COUNT])
        self.dialogs.show_code(records, max(0, len(call_ids) - CODE_COUNT))

    def export(self, chosen: CallFilter) -> None:
        """Ask for a file, and write the selected calls to it, or those that a filter lets through.

        Args:
            chosen: The filter.
        """
        count = len(self.selection)
        is_all = not count and chosen == CallFilter()
        what = f"the {count:,} selected calls" if count else "the calls that are filtered"
        wanted = CallFilter(call_ids=self.selection.ids) if count else chosen
        self.dialogs.ask_file("all calls" if is_all else what, partial(self._write, wanted))

    def _write(self, chosen: CallFilter, path: Path, is_redacted: bool) -> None:
        session = self._open_session()
        target = path.expanduser()
        if target.suffix.lower() not in _SUFFIXES:
            raise ConfigError(f"name a file that ends in {', '.join(_SUFFIXES)}")
        work = export_calls(session, target, chosen=chosen, is_redacted=is_redacted)
        if target.exists():
            question = f"{one_line(target.name)} is there already. Replace it?"
            self.dialogs.ask(question, "Replace", lambda: self.jobs.start(work))
            return
        self.dialogs.close()
        self.jobs.start(work)

    def _open_session(self) -> Session:
        session = self._session()
        if session is None or session.is_closed:
            raise SessionClosed("this session is closed; connect again")
        return session
