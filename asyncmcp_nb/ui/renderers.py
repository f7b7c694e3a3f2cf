"""Tools, calls, groups, sessions, servers and the log as HTML that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from mcp_types import CallToolResult, Tool
from pydantic import ValidationError

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import STATUSES, Call, CallGroup, Log, Session, SessionStatus, Status
from asyncmcp_nb.session.validation import signature
from asyncmcp_nb.ui.contents import result_body
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.rows import answer_of, calls_table
from asyncmcp_nb.ui.status_table import (
    ServerStatusLike,
    rows_table,
    server_rows,
    session_rows,
)
from asyncmcp_nb.ui.statuses import Tone, bar, chip, duration, elapsed_seconds, labelled
from asyncmcp_nb.ui.theme import framed

_LOG_ROWS: Final = 20
_DESCRIPTION_CHARACTERS: Final = 600

_HINTS: Final = (
    ("read_only_hint", "⊙ read-only"),
    ("destructive_hint", "⚠ destructive"),
    ("idempotent_hint", "↻ idempotent"),
    ("open_world_hint", "⌁ open world"),
)

_STATES: Final[dict[str, tuple[str, Tone]]] = {
    "connected": ("●", "good"),
    "serving": ("●", "good"),
    "starting": ("◌", "info"),
    "restarting": ("◌", "warn"),
    "stopping": ("◌", "quiet"),
    "waiting for a server": ("◌", "warn"),
    "broker unreachable": ("✗", "bad"),
    "queue unreachable": ("✗", "bad"),
    "failed": ("✗", "bad"),
    "closed": ("■", "quiet"),
    "stopped": ("■", "quiet"),
}


class ServerLike(Protocol):
    """A handle on a server."""

    @property
    def status(self) -> ServerStatusLike:
        """A snapshot."""
        ...


# -- tools ----------------------------------------------------------------------------------------


def tools_html(tools: Sequence[Tool]) -> Html:
    """One row a tool."""
    return framed(tools_table(tools))


def tools_table(tools: Sequence[Tool]) -> Html:
    """The table without its frame."""
    if not tools:
        return tag("span", "no tools", class_="amcp-quiet")
    count = f"{len(tools):,} tool{'' if len(tools) == 1 else 's'}"
    table = tag(
        "table",
        tag("caption", count),
        tag("thead", tag("tr", [tag("th", name, scope="col") for name in ("Tool", "Description")])),
        tag("tbody", [_tool_row(tool) for tool in tools]),
        class_="amcp-table",
    )
    return tag("div", table, class_="amcp-scroll")


def tool_html(tool: Tool) -> Html:
    """A single tool."""
    return tools_html([tool])


def _tool_row(tool: Tool) -> Html:
    notes = tool.annotations
    hints = [words for name, words in _HINTS if notes is not None and getattr(notes, name, None)]
    title = tool.title or (None if notes is None else notes.title)
    return tag(
        "tr",
        tag("td", tag("code", cut(signature(tool), 400))),
        tag(
            "td",
            tag("div", tag("b", cut(title, 120))) if title else None,
            cut((tool.description or "").strip(), _DESCRIPTION_CHARACTERS),
            tag("div", " · ".join(hints), class_="amcp-quiet") if hints else None,
        ),
    )


# -- calls ----------------------------------------------------------------------------------------


def call_html(call: Call) -> Html:
    """A call: its state, and its answer where there is one."""
    record = call.record
    answer: Html | None = answer_of(record)
    if record.status in (Status.DONE, Status.TOOL_ERROR):
        answer = _answer(call, answer)
    line = tag(
        "div",
        chip(record.status),
        tag(
            "span",
            tag("b", cut(record.tool, 80)),
            " ",
            tag("code", cut(record.arguments_json, 200)),
        ),
        tag("span", duration(elapsed_seconds(record)), class_="amcp-quiet"),
        tag("code", record.call_id, class_="amcp-quiet"),
        class_="amcp-line",
    )
    return framed(line, tag("div", answer, class_="amcp-block") if answer else None)


def _answer(call: Call, otherwise: Html | None) -> Html | None:
    try:
        result = CallToolResult.model_validate(call.record.result, by_name=False)
    except (AsyncMcpError, ValidationError):
        return otherwise
    return result_body(result)


def group_html(group: CallGroup) -> Html:
    """How far a map is."""
    counts = group.counts()
    ended = sum(number for status, number in counts.items() if status not in _OUTSTANDING)
    share = ended / len(group) if len(group) else 1.0
    parts = [chip(status, number) for status, number in counts.items()]
    return framed(
        tag(
            "div",
            tag("b", cut(group.name, 120)),
            bar(share, f"of {len(group):,} calls ended"),
            *parts,
            class_=f"amcp-line amcp-{'good' if share == 1 else 'info'}",
        )
    )


_OUTSTANDING: Final = STATUSES[: STATUSES.index(Status.DONE)]


def log_html(log: Log) -> Html:
    """The counts, and the newest calls."""
    newest = log.ledger.rows(descending=True, limit=_LOG_ROWS)
    counts = [chip(status, number) for status, number in log.counts().items()]
    caption = f"{len(newest):,} of {len(log):,} calls, the newest first"
    if len(newest) < len(log):
        caption += "; log.frame() has them all"
    line = tag("div", tag("b", "Log"), *(counts or ["no calls"]), class_="amcp-line")
    return framed(line, calls_table(newest, caption) if newest else None)


# -- sessions and servers -------------------------------------------------------------------------


def session_html(session: Session) -> Html:
    """A session's status line."""
    return framed(status_line(session.status))


def status_html(status: SessionStatus) -> Html:
    """The status line, and all that it leaves out."""
    return framed(status_line(status), rows_table(session_rows(status)))


def status_line(status: SessionStatus) -> Html:
    """Who is connected where, how it goes, and what it cost."""
    mark, tone = _STATES.get(status.state, ("●", "quiet"))
    counts = [chip(s, status.counts[s]) for s in STATUSES if status.counts.get(s)]
    unseen = None if status.state == "connected" else "no server seen"
    oldest = status.oldest_outstanding_seconds
    each = status.requests_per_call
    cost = f"{status.request_count:,} AWS requests"
    share = None if each is None else f"{each:.2f} for each call that ended in this session"
    return tag(
        "div",
        labelled(mark, status.state, tone),
        tag("b", cut(f"{status.name} @ {status.deployment}", 120)),
        tag("span", cut(f"server {status.server}", 120) if status.server else unseen),
        tag("span", f"MCP {status.era}", class_="amcp-quiet"),
        tag("span", cut(status.endpoint, 120), class_="amcp-quiet"),
        *(counts or [tag("span", "no calls", class_="amcp-quiet")]),
        None if oldest is None else tag("span", f"oldest waits {duration(oldest)}"),
        tag("span", cost, class_="amcp-quiet", title=share),
        tag("div", cut(status.error, 400), role="alert") if status.error else None,
        class_=f"amcp-line amcp-{tone}",
    )


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
    mark, tone = _STATES.get(status.state, ("●", "quiet"))
    counts = status.statistics
    return tag(
        "div",
        labelled(mark, status.state, tone),
        tag("b", cut(f"{status.name} @ {status.deployment}", 120)),
        tag("span", f"{counts.in_flight_count:,} in flight"),
        tag("span", f"{counts.answered_count:,} answered"),
        tag("span", f"{counts.redelivered_count:,} redelivered"),
        tag("span", f"{counts.parked_count:,} dead letters"),
        tag("span", f"up {duration(status.up_seconds)}", class_="amcp-quiet"),
        tag("div", cut(status.error, 400), role="alert") if status.error else None,
        class_=f"amcp-line amcp-{tone}",
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
        labelled(*_labels(worker.state)),
        f"{counts.in_flight_count:,}",
        f"{counts.answered_count:,}",
        f"{worker.restart_count:,}",
        duration(worker.up_seconds),
        cut(worker.error or worker.last_end or "", 400),
    )
    return tag("tr", [tag("td", cell) for cell in cells])


def _labels(state: str) -> tuple[str, str, Tone]:
    mark, tone = _STATES.get(state, ("●", "quiet"))
    return mark, state, tone
