"""One row of the live table: cells as markup, and beside them what can be done with the call.

A row keeps its widgets whatever call it shows, so the keyboard's focus stays where it is. Only what
changed is sent to the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.session import CallRecord
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.stillness import Move
from asyncmcp_nb.ui.statuses import chip, duration, elapsed_seconds, word
from asyncmcp_nb.ui.still.calls import (
    TITLE_CHARACTERS,
    answer_of,
    answer_whole,
    arguments_words,
    start_of,
)

COLUMNS: Final = (
    ("status", "Status", "status"),
    ("tool", "Tool", "tool"),
    ("arguments", "Arguments", "arguments"),
    ("answer", "Answer", "text"),
    ("time", "Time", "elapsed"),
    ("submitted", "Submitted", "position"),
    ("group", "Group", "group"),
    ("call", "Call", "call_id"),
)
"""Of the table, in order: name in the style sheet, heading, and what it is sorted by."""

_CELL_CHARACTERS: Final = 200

_Content = tuple[Html | str | None, str | None]
"""Of a cell: what is shown, and the whole of it for its title."""

OnRow = Callable[["TableRow"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowActions:
    """What a row calls back."""

    select: OnRow
    open: OnRow
    act: OnRow
    """Cancel it, or retry it where it has ended."""
    code: OnRow


class TableRow:
    """A place in the table."""

    def __init__(self, kit: Kit, number: int, actions: RowActions) -> None:
        self.record: CallRecord | None = None
        """The call that stands there."""
        self.moved: Move | None = None
        """What brought it there in place of another one."""
        self._shown: tuple[CallRecord, bool] | None = None
        self._is_shown = True
        where = f"row {number}"
        self.check = kit.check(f"Select {where}", "amcp-t-row-check")
        self.cells = kit.html("amcp-t-row-cells")
        self.open = kit.button(
            "Open", f"open {where}", lambda _: actions.open(self), "amcp-t-row-do"
        )
        self._where = where
        self.act = kit.button(
            "Cancel", f"cancel {where}", lambda _: actions.act(self), "amcp-t-row-do"
        )
        self.code = kit.button(
            *("Code", f"{where} as code for a cell"),
            lambda _: actions.code(self),
            "amcp-t-row-do",
            "amcp-t-row-code",
        )
        self.check.observe(lambda _: actions.select(self), "value")
        children = [self.check, self.cells, self.open, self.act, self.code]
        self.widget = kit.box(children, "amcp-t-row")

    def show(self, record: CallRecord, *, is_selected: bool, is_open: bool) -> bool:
        """Show a call.

        Returns:
            Whether another one stood there before.
        """
        before, self.record = self.record, record
        if self.check.value != is_selected:
            self.check.value = is_selected
        if self._shown != (record, is_open) or not record.is_finished:
            self._shown = record, is_open
            widgets.put(self.cells, row_html(record, is_open=is_open))
        words = "Retry" if record.is_finished else "Cancel"
        if self.act.description != words:
            self.act.description = words
            self.act.tooltip = f"{words.lower()} {self._where}"
        return before is not None and before.call_id != record.call_id

    def set_shown(self, is_shown: bool) -> None:
        """Be there, or not; what is not there shows no call."""
        if is_shown != self._is_shown:
            self._is_shown = is_shown
            change = self.widget.remove_class if is_shown else self.widget.add_class
            change("amcp-t-gone")
        if not is_shown:
            self.record = self._shown = None

    def tick(self) -> None:
        """Show the elapsed time of a call that goes on."""
        if self.record is not None and self._shown is not None and not self.record.is_finished:
            widgets.put(self.cells, row_html(self.record, is_open=self._shown[1]))

    def disable(self) -> None:
        """Let nothing be done any more."""
        for control in (self.check, self.open, self.act, self.code):
            control.disabled = True


def row_html(record: CallRecord, *, is_open: bool = False, now: float | None = None) -> Html:
    """The cells of a call, in the order of ``COLUMNS``.

    Args:
        record: The call.
        is_open: Whether its details are shown somewhere.
        now: Unix seconds that its elapsed time runs to; the present by default.
    """
    at = time.localtime(record.submitted_at)
    arguments = arguments_words(record, _CELL_CHARACTERS)
    cells: dict[str, _Content] = {
        "status": (chip(record.status), word(record.status)),
        "tool": (start_of(record.tool, _CELL_CHARACTERS), record.tool),
        "arguments": (arguments, record.arguments_json),
        "answer": (answer_of(record), answer_whole(record)),
        "time": (duration(elapsed_seconds(record, now)), None),
        "submitted": (time.strftime("%H:%M:%S", at), time.strftime("%Y-%m-%d %H:%M:%S", at)),
        "group": (start_of(record.group or "", _CELL_CHARACTERS), record.group),
        "call": (tag("code", record.call_id), record.call_id),
    }
    label = f"call {record.call_id} of {start_of(record.tool, 80)}, {word(record.status)}"
    return tag(
        "div",
        [_cell(name, heading, cells[name]) for name, heading, _ in COLUMNS],
        class_="amcp amcp-t-cells amcp-t-is-open" if is_open else "amcp amcp-t-cells",
        role="group",
        aria_label=label,
        aria_current="true" if is_open else None,
    )


def _cell(name: str, heading: str, content: _Content) -> Html:
    shown, title = content
    # A screen reader has no header row to tell it what this is.
    said = tag("span", f"{heading}: ", class_="amcp-t-said")
    whole = start_of(title or "", TITLE_CHARACTERS) or None
    return tag("span", said, shown, class_=f"amcp-t-cell amcp-t-c-{name}", title=whole)
