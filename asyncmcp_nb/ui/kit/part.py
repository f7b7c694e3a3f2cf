"""Parts of an interface: each stands in the panel, or alone in a cell's output."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import visible
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import Html
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.live import Live
from asyncmcp_nb.ui.theme import framed


class Part(Protocol):
    """A piece of an interface. It keeps no session alive: it holds one by a weak reference."""

    @property
    def widget(self) -> widgets.Widget:
        """What is in the page."""
        ...

    def render(self, session: Session) -> None:
        """Show how things are now; called in one thread at a time, never in the loop's."""
        ...

    def freeze(self, words: str) -> None:
        """Say that this is as it was, and why."""
        ...

    def html(self, session: Session) -> Html:
        """How things are now, as markup for a saved notebook; without its frame."""
        ...

    def text(self, session: Session) -> str:
        """How things are now, without markup."""
        ...

    def follow(self, poke: Callable[[], None]) -> None:
        """Be told what to call when somebody did something, so that it is rendered soon."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A part with widgets that are not in its ``widget`` now."""

    def close(self) -> None:
        """Close them; whoever calls this closes the others."""
        ...


class Shown:
    """A part that moves by itself, until it or its session is closed."""

    def __init__(self, session: Session, part: Part, *, sheets: tuple[str, ...] = ()) -> None:
        self.part = part
        self._sheets = sheets
        self._session = weakref.ref(session)
        # The page holds the widget alone, and this must not end before it does.
        widgets.keep(self.widget, self)
        self._html = str(framed("this session was closed before it was shown"))
        self._text = visible(repr(session))
        part.render(session)
        self._live = Live(session, part)
        part.follow(self._live.poke)
        widgets.when_closed(self.widget, self._let_go)

    def __repr__(self) -> str:
        return f"<{type(self.part).__name__} of {self._session()!r}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        session = self._session()
        if session is not None:
            self._take_snapshot(session)
        return {
            "text/plain": self._text,
            "text/html": self._html,
            **widgets.view_bundle(self.widget),
        }

    @property
    def widget(self) -> widgets.Widget:
        """The ipywidgets widget, to put into layouts of your own."""
        return self.part.widget

    @property
    def is_live(self) -> bool:
        """Whether it is kept up to date."""
        return self._live.is_running

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Take it out of the page and follow the session no more."""
        self._live.stop()
        self._live.join(timeout_seconds)
        self.widget.close()

    def _let_go(self) -> None:
        """The widget was closed; what stands in it is in no page either."""
        if isinstance(self.part, Closing):
            self.part.close()
        widgets.close_tree(self.widget)

    def _take_snapshot(self, session: Session) -> None:
        try:
            html, text = self.part.html(session), self.part.text(session)
        except AsyncMcpError:  # closed: what was seen last stays
            return
        self._html, self._text = str(framed(html, sheets=self._sheets)), text
