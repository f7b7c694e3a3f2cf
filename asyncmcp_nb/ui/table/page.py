"""Which calls a table shows: filter, order, page, and whether it follows or stands still.

Pure but for reading the ledger. A table follows as long as it shows the first page and nobody wants
it to stand still: then new calls appear in it. One that stands still shows the same calls in the
same places, each as it is now, and counts what came since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from asyncmcp_nb.session import OUTSTANDING, STATUSES, CallFilter, CallRecord, Log, Status
from asyncmcp_nb.ui.statuses import word

PAGE_ROWS: Final = 20
PAGE_SIZES: Final = (10, 20, 50)

ALL: Final = "all"
OUT: Final = "outstanding"
ENDED: Final = "ended"
UNSUCCESSFUL: Final = "unsuccessful"

_TERMINAL: Final = frozenset(STATUSES) - OUTSTANDING

SHOWN: Final[Mapping[str, frozenset[Status] | None]] = {
    ALL: None,
    OUT: OUTSTANDING,
    ENDED: _TERMINAL,
    UNSUCCESSFUL: _TERMINAL - {Status.DONE},
    **{status.value: frozenset({status}) for status in STATUSES},
}
"""What can be chosen to be shown, and which statuses that are."""

ORDERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "position": ("submitted", "the oldest first", "the newest first"),
    "status": ("status", "queued first", "timed out first"),
    "tool": ("tool", "A first", "Z first"),
    "elapsed": ("time", "the quickest first", "the slowest first"),
    "arguments": ("arguments", "A first", "Z first"),
    "text": ("answer", "A first", "Z first"),
    "error_message": ("error", "A first", "Z first"),
    "progress": ("progress", "the least first", "the furthest first"),
    "group": ("group", "A first", "Z first"),
    "responded_at": ("answered", "the earliest first", "the latest first"),
    "request_bytes": ("size of request", "the smallest first", "the largest first"),
    "response_bytes": ("size of answer", "the smallest first", "the largest first"),
    "attempts": ("attempts", "the fewest first", "the most first"),
    "call_id": ("call", "0 first", "f first"),
}
"""What rows can be sorted by: its name, and what ascending and descending mean."""

LARGEST_FIRST: Final = frozenset(
    {"position", "elapsed", "progress", "responded_at", "request_bytes", "response_bytes"}
)
"""Orders that people mostly want the largest first of."""


def shown_words(shown: str) -> str:
    """Such as ``tool error``."""
    return word(Status(shown)) if shown in set(STATUSES) else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked to see."""

    shown: str = ALL
    """A key of ``SHOWN``."""
    tool: str | None = None
    group: str | None = None
    text: str = ""
    order_by: str = "position"
    """A key of ``ORDERS``."""
    descending: bool = True
    page_rows: int = PAGE_ROWS

    @property
    def chosen(self) -> CallFilter:
        """As the ledger wants it.

        Raises:
            KeyError: ``shown`` is none of ``SHOWN``.
        """
        text = self.text.strip()
        return CallFilter(
            statuses=SHOWN[self.shown], tool=self.tool, group=self.group, text=text or None
        )

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves calls out."""
        return self.chosen != CallFilter()

    @property
    def order_words(self) -> str:
        """Such as ``the newest first``."""
        name, ascending, descending = ORDERS[self.order_by]
        way = descending if self.descending else ascending
        return way if self.order_by == "position" else f"by {name}, {way}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The calls that are shown, and what is left out."""

    asked: Asked
    records: tuple[CallRecord, ...]
    number: int
    """From 0."""
    count: int
    """Calls that the filter lets through, without those that came since it stands still."""
    total: int
    """Calls in the ledger."""
    new_count: int
    """Calls that came since it stands still, and would be shown on some page."""
    is_following: bool

    @property
    def last_number(self) -> int:
        """The number of the last page."""
        return max(0, (self.count - 1) // self.asked.page_rows)

    @property
    def caption(self) -> str:
        """What is shown, in which order, and what is left out."""
        hidden = self.total - self.count - self.new_count
        filtered = f"{hidden:,} filtered out" if self.asked.is_filtered and hidden > 0 else ""
        if not self.records:
            none = "no calls" if not self.asked.is_filtered else "no calls like that"
            return f"{none}; {filtered}" if filtered else none
        first = self.number * self.asked.page_rows
        calls = "call" if self.count == 1 else "calls"
        which = f"{first + 1:,}-{first + len(self.records):,} of {self.count:,} {calls}"
        left = self.count - len(self.records)
        notes = [f"{left:,} on other pages" if left > 0 else "", filtered]
        return "; ".join([f"{which}, {self.asked.order_words}", *(note for note in notes if note)])


class Pager:
    """Reads the page that is looked at."""

    def __init__(self) -> None:
        self.asked = Asked()
        self.number = 0
        self.is_following = True
        self._taken: Sequence[str] | None = None
        """The calls of a page that stands still; None where it is to be read anew."""
        self._newest = -1
        """The latest call of the ledger when it began to stand still; -1 before the first look."""
        self._count = 0

    def ask(self, **changes: Any) -> None:
        """Ask for other calls, or another order: from the first page, following."""
        self.asked = replace(self.asked, **changes)
        self.follow()

    def sort(self, order_by: str) -> None:
        """Sort by this, the other way round where it is sorted by it already."""
        if order_by == self.asked.order_by:
            self.ask(descending=not self.asked.descending)
        else:
            self.ask(order_by=order_by, descending=order_by in LARGEST_FIRST)

    def go(self, number: int) -> None:
        """Turn to a page; all but the first stand still."""
        self.number = max(0, number)
        if self.number:
            self.hold()
        self._taken = None

    def follow(self) -> None:
        """Show the first page and what comes."""
        self.number, self.is_following, self._taken = 0, True, None

    def hold(self) -> None:
        """Stand still: what is shown stays where it is."""
        self.is_following = False

    def read(self, log: Log) -> Page:
        """The page as it is now."""
        ledger = log.ledger
        if self.is_following or self._newest < 0:
            self._newest = ledger.last_position()
        chosen = self.asked.chosen
        new_count = 0 if self.is_following else ledger.count(replace(chosen, after=self._newest))
        if self._taken is None or self.is_following:
            records = self._take(log, chosen, new_count)
            self._taken = [record.call_id for record in records]
        else:
            records = ledger.get_many(self._taken)
        return Page(
            asked=self.asked,
            records=tuple(records),
            number=self.number,
            count=self._count,
            total=ledger.count(),
            new_count=new_count,
            is_following=self.is_following,
        )

    def _take(self, log: Log, chosen: CallFilter, new_count: int) -> list[CallRecord]:
        """Count the calls, and read the page anew."""
        ledger = log.ledger
        wanted = chosen if self.is_following else replace(chosen, up_to=self._newest)
        order: Any = {"order_by": self.asked.order_by, "descending": self.asked.descending}
        if self.asked.text.strip():
            # All calls are searched: once, for the count and the page.
            found = ledger.call_ids(wanted, **order)
            offset = self._turn_to(len(found))
            return ledger.get_many(found[offset : offset + self.asked.page_rows])
        offset = self._turn_to(ledger.count(chosen) - new_count)
        if self._is_dense(log):
            wanted, offset = self._range(offset), 0
        return ledger.rows(wanted, **order, limit=self.asked.page_rows, offset=offset)

    def _turn_to(self, count: int) -> int:
        """Take the page that is there of so many calls; how many stand before it."""
        self._count = count
        self.number = min(self.number, max(0, (count - 1) // self.asked.page_rows))
        return self.number * self.asked.page_rows

    def _is_dense(self, log: Log) -> bool:
        """Whether the calls of a page follow from its number: all of them, in order, no gaps.

        Positions are different and begin at 1, so as many calls as the last position says are all.
        Passing over 50,000 rows costs much more than to know where the next ones are.
        """
        if self.asked.is_filtered or self.asked.order_by != "position":
            return False
        return log.ledger.count() == log.ledger.last_position()

    def _range(self, offset: int) -> CallFilter:
        rows = self.asked.page_rows
        if self.asked.descending:
            last = self._newest - offset
            return CallFilter(after=max(0, last - rows), up_to=last)
        return CallFilter(after=offset, up_to=min(offset + rows, self._newest))
