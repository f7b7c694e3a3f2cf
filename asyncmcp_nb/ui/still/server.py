"""Servers of a notebook as HTML that stands alone: how they do, and their worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from asyncmcp_nb.printable import cut
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import duration, line, state_label, state_tone
from asyncmcp_nb.ui.still.status import ServerStatusLike, rows_table, server_rows
from asyncmcp_nb.ui.theme import framed


class ServerLike(Protocol):
    """A handle on a server."""

    @property
    def status(self) -> ServerStatusLike:
        """A snapshot."""
        ...


def server_html(server: ServerLike) -> Html:
    """A server's status line, and its worker processes where it has such."""
    status = server.status
    return framed(_server_line(status), _workers_table(status.workers))


def server_status_html(status: ServerStatusLike) -> Html:
    """The status line, all that it leaves out, and the worker processes."""
    rows = rows_table(server_rows(status))
    return framed(_server_line(status), rows, _workers_table(status.workers))


def _server_line(status: ServerStatusLike) -> Html:
    """What is served where, and how it goes."""
    counts = status.statistics
    return line(
        state_label(status.state),
        tag("b", cut(f"{status.name} @ {status.deployment}", 120)),
        tag("span", f"{counts.in_flight_count:,} in flight"),
        tag("span", f"{counts.answered_count:,} answered"),
        tag("span", f"{counts.redelivered_count:,} redelivered"),
        tag("span", f"{counts.parked_count:,} dead letters"),
        tag("span", f"up {duration(status.up_seconds)}", class_="amcp-quiet"),
        trouble=status.error,
        tone=state_tone(status.state),
    )


def _workers_table(workers: Sequence[Any]) -> Html | None:
    if not workers:
        return None
    names = ("Worker", "Process", "State", "In flight", "Answered", "Restarts", "Up", "")
    count = f"{len(workers):,} worker{'' if len(workers) == 1 else 's'}"
    table = tag(
        "table",
        tag("caption", count),
        tag("thead", tag("tr", [tag("th", name, scope="col") for name in names])),
        tag("tbody", [_worker_row(worker) for worker in workers]),
        class_="amcp-table",
    )
    return tag("div", table, class_="amcp-scroll")


def _worker_row(worker: Any) -> Html:
    counts = worker.statistics
    cells = (
        tag("code", f"{worker.slot} {worker.worker_id}"),
        "" if worker.pid is None else str(worker.pid),
        state_label(worker.state),
        f"{counts.in_flight_count:,}",
        f"{counts.answered_count:,}",
        f"{worker.restart_count:,}",
        duration(worker.up_seconds),
        cut(worker.error or worker.last_end or "", 400),
    )
    return tag("tr", [tag("td", cell) for cell in cells])
