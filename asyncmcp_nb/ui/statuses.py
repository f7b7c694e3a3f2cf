"""Statuses as a word, an icon and a tone; times and sizes as people read them. Pure."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal

from asyncmcp_nb.printable import counted, cut
from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui.escape import Html, joined, tag

Tone = Literal["good", "bad", "warn", "info", "quiet"]

_MARKS: Final[dict[Status, tuple[str, Tone]]] = {
    Status.QUEUED: ("◌", "quiet"),
    Status.SENT: ("→", "info"),
    Status.RUNNING: ("▸", "info"),
    Status.INPUT_REQUIRED: ("?", "warn"),
    Status.DONE: ("✓", "good"),
    Status.TOOL_ERROR: ("!", "bad"),
    Status.FAILED: ("✗", "bad"),
    Status.CANCELLED: ("⊘", "quiet"),
    Status.TIMED_OUT: ("⧖", "warn"),
}

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
_NO_STATE: Final[tuple[str, Tone]] = ("●", "quiet")

_DOT: Final = tag("span", " · ", class_="amcp-dot")
"""Between things that a style sheet spaces out; without one, such as on GitHub, it is seen."""
_TROUBLE_CHARACTERS: Final = 400


def icon(status: Status) -> str:
    """One character."""
    return _MARKS[status][0]


def word(status: Status) -> str:
    """Such as ``tool error``."""
    return status.value.replace("_", " ")


def tone_of(status: Status) -> Tone:
    """The tone of a status."""
    return _MARKS[status][1]


def chip(status: Status, count: int | None = None) -> Html:
    """Icon and word, with how many there are in front of the word."""
    mark, tone = _MARKS[status]
    words = word(status) if count is None else f"{count:,} {word(status)}"
    return labelled(mark, words, tone)


def labelled(mark: str, words: str, tone: Tone) -> Html:
    """An icon and a word; the icon has the colour of the tone."""
    shown = tag("span", mark, class_="amcp-icon", aria_hidden="true")
    return tag("span", shown, " ", words, class_=f"amcp-status amcp-{tone}")


def state_label(state: str) -> Html:
    """The state of a session, server or worker: an icon and its word."""
    mark, tone = _STATES.get(state, _NO_STATE)
    return labelled(mark, state, tone)


def state_tone(state: str) -> Tone:
    """The tone of such a state."""
    return _STATES.get(state, _NO_STATE)[1]


def line(
    *items: Html | None,
    tone: Tone | None = None,
    trouble: str | None = None,
    steps: Sequence[str] = (),
    label: str | None = None,
) -> Html:
    """Things beside each other, with dots between them where there is no style sheet.

    Args:
        *items: None is left out.
        tone: Of the edge.
        trouble: What is wrong, on a line of its own.
        steps: What to do, each on a line of its own.
        label: What the line is, for screen readers.
    """
    there = [item for item in items if item is not None]
    dotted = [joined(_DOT if index else None, item) for index, item in enumerate(there)]
    below = [tag("div", cut(trouble, _TROUBLE_CHARACTERS), role="alert")] if trouble else []
    below += [tag("div", "→ ", step, class_="amcp-step") for step in steps]
    return tag(
        "div",
        *dotted,
        tag("div", below, class_="amcp-below") if below else None,
        class_=f"amcp-line amcp-{tone}" if tone else "amcp-line",
        role="group" if label else None,
        aria_label=label,
    )


_moment: ContextVar[float | None] = ContextVar("moment", default=None)


@contextmanager
def at_one_moment() -> Generator[None]:
    """Within it no time passes: views that are shown together say the same of a call."""
    before = _moment.set(time.time())
    try:
        yield
    finally:
        _moment.reset(before)


def present() -> float:
    """Unix seconds that times run to which have no end yet."""
    moment = _moment.get()
    return time.time() if moment is None else moment


def elapsed_seconds(record: CallRecord, now: float | None = None) -> float:
    """From submission to the end, or until now."""
    end = record.responded_at or record.finished_at
    at = (present() if now is None else now) if end is None else end
    return max(0.0, at - record.submitted_at)


def duration(seconds: float) -> str:
    """Such as ``120 ms``, ``3.2 s``, ``2 min 05 s``, ``1 h 20 min``."""
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size(count_bytes: int) -> str:
    """Such as ``12.3 KB``."""
    if count_bytes < 1000:
        return counted(count_bytes, "byte")
    value = count_bytes / 1000
    return f"{value:.1f} KB" if value < 1000 else f"{value / 1000:.1f} MB"


def bar(share: float, words: str = "") -> Html:
    """A progress bar with its percentage in words.

    Args:
        share: 0 to 1; anything outside is brought inside.
        words: What follows the percentage.
    """
    percent = round(100 * min(1.0, max(0.0, share)))
    filled = tag("span", style=f"width:{percent}%")
    drawn = tag(
        *("span", filled),
        class_="amcp-bar",
        role="progressbar",
        aria_valuenow=percent,
        aria_valuemin=0,
        aria_valuemax=100,
    )
    return tag("span", drawn, f"{percent} %", f" {words}" if words else None)
