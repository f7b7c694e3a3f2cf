"""What a session shows of itself: given in, so that a session needs no widgets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asyncmcp_nb.session.tally import Tally


class Displays(Protocol):
    """Makes the widgets of a session."""

    def panel(self, session: Any) -> Any:
        """Status, tools, form, answers and the live table."""
        ...

    def tool_list(self, session: Any) -> Any:
        """The tools, to search and to look at."""
        ...

    def form(self, session: Any, tool: str, values: Mapping[str, Any], /) -> Any:
        """A form for one tool, filled with values."""
        ...

    def table(self, session: Any) -> Any:
        """The live table of calls."""
        ...

    def messages(self, session: Any) -> Any:
        """What servers logged and told."""
        ...

    def progress(self, tally: Tally, /) -> AbstractContextManager[object]:
        """Show how far calls are while somebody waits in here, and how it went when they leave."""
        ...


class NoDisplays:
    """For sessions that nobody looks at: each widget is the session itself."""

    def panel(self, session: Any) -> Any:
        """See ``Displays``."""
        return session

    tool_list = table = messages = panel

    def form(self, session: Any, *_: Any) -> Any:
        """See ``Displays``."""
        return session

    def progress(self, *_: Tally) -> AbstractContextManager[object]:
        """See ``Displays``."""
        return nullcontext()


class Displayed:
    """The widgets of a session, each usable alone; a notebook shows what a cell ends with."""

    def __init__(self, displays: Displays) -> None:
        self._displays = displays

    def panel(self) -> Any:
        """All in one: status, tools, form, answers and the live table of calls."""
        return self._displays.panel(self)

    def tool_list(self) -> Any:
        """The tools, to search and to look at."""
        return self._displays.tool_list(self)

    def form(self, tool: str, /, **values: Any) -> Any:
        """A form made from a tool's schema.

        Args:
            tool: Its name.
            **values: What fields start with.

        Raises:
            ToolNotFound: It is not there, or no tools are known yet.
        """
        return self._displays.form(self, tool, values)

    def table(self) -> Any:
        """The live table of outstanding and completed calls."""
        return self._displays.table(self)

    def messages(self) -> Any:
        """Log messages and notifications of servers, to filter by level."""
        return self._displays.messages(self)
