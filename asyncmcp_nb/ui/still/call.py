"""One call as HTML: its state, its arguments, its times, and its answer or why there is none."""

from __future__ import annotations

import time
from typing import Any, Final

from asyncmcp_nb.printable import counted, cut
from asyncmcp_nb.session import Call, CallRecord, Status
from asyncmcp_nb.ui.answer.contents import SHEETS, Answer, answer_body
from asyncmcp_nb.ui.answer.folding import fold, long_text, measure
from asyncmcp_nb.ui.answer.tree import tree_html
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.statuses import chip, duration, elapsed_seconds, line, size, tone_of
from asyncmcp_nb.ui.still.calls import progress_of
from asyncmcp_nb.ui.theme import framed

CALL_SHEETS: Final = (*SHEETS, "card")
"""The style sheets of what is made here."""

_SHORT_CHARACTERS: Final = 200

_CODES: Final = {
    -32700: "parse error",
    -32600: "invalid request",
    -32601: "method not found",
    -32602: "invalid params",
    -32603: "internal error",
}
"""What JSON-RPC 2.0 calls its own codes: https://www.jsonrpc.org/specification#error_object."""

_ENDS: Final = {
    Status.CANCELLED: "It was cancelled here, and no answer is waited for.",
    Status.TIMED_OUT: "Its deadline passed before an answer came.",
    Status.FAILED: "It failed, and no reason was given.",
}


def call_html(call: Call) -> Html:
    """A call: its state, and its answer where there is one."""
    return framed(call_body(call.record), sheets=CALL_SHEETS)


def call_body(record: CallRecord) -> Html:
    """A call without its frame."""
    outcome = outcome_html(record)
    return joined(
        head_html(record),
        arguments_html(record),
        times_html(record),
        tag("div", outcome, class_="amcp-block") if outcome else None,
    )


def head_html(record: CallRecord, now: float | None = None) -> Html:
    """Its state, its tool and how long it takes or took; what ticks, and holds nothing to focus."""
    return line(
        chip(record.status),
        tag("b", cut(record.tool, 80)),
        tag("span", duration(elapsed_seconds(record, now)), class_="amcp-quiet"),
        None if record.is_finished else progress_of(record),
        tag("code", record.call_id, class_="amcp-quiet"),
        tone=tone_of(record.status),
        label="call",
    )


def arguments_html(record: CallRecord) -> Html:
    """What the tool was called with, folded where it is long."""
    text = record.arguments_json
    if len(text) <= _SHORT_CHARACTERS:
        return tag("div", tag("span", "with ", class_="amcp-quiet"), tag("code", text))
    words = f"with {counted(len(record.arguments), 'argument')}, {measure(text)}"
    return fold(words, tree_html(record.arguments))


def times_html(record: CallRecord) -> Html:
    """When it was submitted, sent and answered, how often, and how large it was."""
    begun = record.submitted_at
    parts = [f"submitted {moment(begun)}"]
    if record.sent_at is not None:
        parts.append(f"sent after {duration(max(0.0, record.sent_at - begun))}")
    if record.running_at is not None:
        parts.append(f"running after {duration(max(0.0, record.running_at - begun))}")
    if record.responded_at is not None:
        parts.append(f"answered after {duration(max(0.0, record.responded_at - begun))}")
    elif record.finished_at is not None:
        parts.append(f"ended after {duration(max(0.0, record.finished_at - begun))}")
    if record.deadline is not None and not record.is_finished:
        parts.append(f"wanted by {moment(record.deadline)}")
    parts += _counts(record)
    return tag("div", " · ".join(parts), class_="amcp-quiet amcp-note")


def outcome_html(record: CallRecord) -> Html | None:
    """The answer, or why there is none; None while it is waited for."""
    if record.status in (Status.DONE, Status.TOOL_ERROR):
        return answer_body(answer_of(record), with_status=False)
    if not record.is_finished:
        return None
    return _failure(record)


def answer_of(record: CallRecord) -> Answer:
    """What a call was answered."""
    return Answer.of_json(record.result or {})


def moment(seconds: float) -> str:
    """A time as the clock here shows it, with its day."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _counts(record: CallRecord) -> list[str]:
    found: list[str] = []
    if record.attempts > 1:
        found.append(f"sent {record.attempts:,} times")
    if record.deliveries > 1:
        found.append(f"answered {record.deliveries:,} times, all but one dropped")
    if record.request_bytes is not None:
        found.append(f"{size(record.request_bytes)} out")
    if record.response_bytes is not None:
        found.append(f"{size(record.response_bytes)} in")
    if record.group is not None:
        found.append(f"of {cut(record.group, 60)}")
    if record.retry_of is not None:
        found.append(f"again for {cut(record.retry_of, 40)}")
    return found


def _failure(record: CallRecord) -> Html:
    words = record.error_message or _ENDS[record.status]
    code = record.error_code
    data: Any = _error_data(record)
    known = "" if code is None or code not in _CODES else f" ({_CODES[code]})"
    return tag(
        "div",
        long_text(words, kind="message"),
        None if code is None else tag("div", f"error {code}{known}", class_="amcp-quiet"),
        None if data is None else fold("What came with it", tree_html(data), is_open=True),
        class_="amcp-failure",
        role="alert" if record.status is Status.FAILED else None,
    )


def _error_data(record: CallRecord) -> Any:
    try:
        return record.error_data
    except ValueError:
        return record.error_data_json
