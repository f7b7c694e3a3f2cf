"""All that a status says, as rows of a name and a value; for the page and, in ``text``, without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import SessionStatus
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import duration

Rows = Sequence[tuple[str, str]]

_VALUE_CHARACTERS = 400


class MeasuredLike(Protocol):
    """What a queue said of itself; as text, how full it was."""

    @property
    def age_seconds(self) -> float | None:
        """Since it was asked."""
        ...


class ServerStatusLike(Protocol):
    """How a server does; a server's own room is none of this one's."""

    @property
    def name(self) -> str:
        """As the server calls itself."""
        ...

    @property
    def deployment(self) -> str:
        """Whose requests it takes."""
        ...

    @property
    def state(self) -> str:
        """Such as ``serving``."""
        ...

    @property
    def up_seconds(self) -> float:
        """Since it was started."""
        ...

    @property
    def statistics(self) -> Any:
        """Its counts."""
        ...

    @property
    def requests(self) -> Mapping[str, int]:
        """AWS requests by operation."""
        ...

    @property
    def requests_per_answer(self) -> float | None:
        """AWS requests for each answer; None where there was none."""
        ...

    @property
    def error(self) -> str | None:
        """Why it does not serve, or None."""
        ...

    @property
    def workers(self) -> Sequence[Any]:
        """Its worker processes."""
        ...

    @property
    def queue(self) -> MeasuredLike:
        """The queue that all workers share."""
        ...

    @property
    def dead_letters(self) -> MeasuredLike:
        """The dead-letter queue."""
        ...


def session_rows(status: SessionStatus) -> Rows:
    """What a session's status line leaves out."""
    oldest = status.oldest_outstanding_seconds
    ended_count = sum(status.counts.values()) - status.outstanding_count
    return [
        ("Servers' queue", _measured(status.server_queue)),
        ("This client's queue", _measured(status.queue)),
        ("Dead-letter queue", _measured(status.dead_letters)),
        (
            "Calls",
            f"{status.queued_count:,} queued, {status.in_flight_count:,} in flight, "
            f"{ended_count:,} ended",
        ),
        ("Oldest outstanding", "none" if oldest is None else duration(oldest)),
        ("Waiting to be published", f"{status.waiting_count:,}"),
        ("Duplicates dropped", f"{status.duplicate_count:,}"),
        ("Unsolicited", f"{status.unsolicited_count:,}"),
        ("Refused", f"{status.refused_count:,}"),
        ("Held to keep the order", f"{status.held_count:,}"),
        ("AWS requests", _requests(status.requests, status.requests_per_call, "call")),
    ]


def server_rows(status: ServerStatusLike) -> Rows:
    """What a server's status line leaves out."""
    counts = status.statistics
    oldest = counts.oldest_in_flight_seconds
    since = "" if oldest is None else f", the oldest for {duration(oldest)}"
    return [
        ("Servers' queue", _measured(status.queue)),
        ("Dead-letter queue", _measured(status.dead_letters)),
        ("In flight", f"{counts.in_flight_count:,}{since}"),
        ("Answered", f"{counts.answered_count:,}"),
        ("Redelivered", f"{counts.redelivered_count:,}"),
        ("Duplicates dropped", f"{counts.duplicate_count:,}"),
        ("Unsolicited", f"{counts.unsolicited_count:,}"),
        ("Reply topics refused", f"{counts.refused_topic_count:,}"),
        ("Dead letters", f"{counts.parked_count:,} put aside by this server"),
        ("Handed back", f"{counts.handed_back_count:,}"),
        ("Leases lost", f"{counts.lost_lease_count:,}"),
        ("AWS requests", _requests(status.requests, status.requests_per_answer, "answer")),
    ]


def rows_table(rows: Rows) -> Html:
    """A table with one row a name."""
    body = [
        tag("tr", tag("th", name, scope="row"), tag("td", cut(value, _VALUE_CHARACTERS)))
        for name, value in rows
    ]
    table = tag("table", tag("tbody", body), class_="amcp-table amcp-narrow")
    return tag("div", table, class_="amcp-scroll")


def rows_lines(rows: Rows) -> list[str]:
    """One line a name, the values under each other."""
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {cut(value, _VALUE_CHARACTERS)}" for name, value in rows]


def _measured(measured: MeasuredLike) -> str:
    age = measured.age_seconds
    return str(measured) if age is None else f"{measured}, {duration(age)} ago"


def _requests(requests: Mapping[str, int], each: float | None, what: str) -> str:
    total_count = sum(requests.values())
    share = "" if each is None else f", {each:.2f} for each {what}"
    parts = ", ".join(f"{count:,} {name}" for name, count in sorted(requests.items()))
    return f"{total_count:,}{share} ({parts})" if parts else f"{total_count:,}"
