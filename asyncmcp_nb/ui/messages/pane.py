"""What servers logged and told, as it comes: for a session, or for one call."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from asyncmcp_nb.session import LEVELS, Session
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, close_all
from asyncmcp_nb.ui.messages.lines import Lines, lines_html, lines_of, lines_text
from asyncmcp_nb.ui.theme import bare, sheet


class MessagePane:
    """Log messages and notifications, filtered by level and words; the newest are the last."""

    def __init__(self, session: Session, call_id: str | None = None) -> None:
        """Make one.

        Args:
            session: Whose messages.
            call_id: Only those of this call.
        """
        self._session = weakref.ref(session)
        self._call_id = call_id
        self._poke: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._last_at: float | None = None
        kit = self._kit = Kit()
        levels: list[tuple[str, Any]] = [("all levels", "")]
        levels += [(f"{level} and worse", level) for level in LEVELS[1:-1]]
        levels.append((LEVELS[-1], LEVELS[-1]))
        self.level = kit.dropdown("Level", levels, "amcp-card-field")
        self.words = kit.text("Filter", "amcp-card-field", placeholder="words that must occur")
        self.follow_box = kit.check("Follow", "amcp-card-field")
        self.follow_box.value = True
        self.note = kit.html("amcp-card-said")
        self.body = kit.html()
        for control in (self.level, self.words, self.follow_box):
            control.observe(telling(self._tell, self._changed), "value")
        # Turned round, a box stays at its newest line while lines are added.
        scroller = kit.box([self.body], "amcp-follow")
        bar = kit.box([self.level, self.words, self.follow_box, self.note], "amcp-card-row")
        self.widget: widgets.Widget = widgets.classed(
            widgets.column(widgets.style_box(sheet("answers", "card")), bar, scroller),
            "amcp-messages-pane",
        )

    def close(self) -> None:
        """Take it out of the page."""
        close_all(self.widget)
        self._kit.close()

    # -- as a part --------------------------------------------------------------------------------

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        with self._lock:
            lines = self._lines(session)
            if not self.follow_box.value and self._last_at is not None:
                newer_count = sum(line.at > self._last_at for line in lines.shown)
                self._tell(f"{newer_count:,} newer; tick Follow to see them" if newer_count else "")
                return
            self._tell("")
            self._last_at = lines.shown[-1].at if lines.shown else 0.0
            widgets.put(self.body, bare(self._markup(lines)))

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        for control in (self.level, self.words, self.follow_box):
            control.disabled = True
        self._tell(words)

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        return self._markup(self._lines(session))

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        return lines_text(self._lines(session))

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke

    # -- inside -----------------------------------------------------------------------------------

    def _lines(self, session: Session) -> Lines:
        level, words = self.level.value or None, self.words.value
        return lines_of(session, self._call_id, level=level, words=words)

    def _markup(self, lines: Lines) -> Html:
        return lines_html(lines, with_calls=self._call_id is None)

    def _changed(self, change: widgets.Change) -> None:
        with self._lock:
            if change["owner"] is not self.follow_box or change["new"]:
                self._last_at = None
        self._poke()

    def _tell(self, words: str) -> None:
        widgets.put(self.note, bare(tag("span", words, role="status")) if words else "")
