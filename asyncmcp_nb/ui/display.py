"""Displays of session types: what a notebook shows for each, as HTML and as text.

They are registered by name, so that loading the extension imports neither the session nor the SDK;
a renderer is imported when the first object of its type is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final, Protocol


@dataclass(frozen=True, slots=True)
class Display:
    """How one type is shown."""

    module: str
    """Where the type is defined."""
    name: str
    html: str
    """The function of this room, as ``module.function``, that makes its HTML."""
    text: str
    """The function that makes its plain text."""
    live: str | None = None
    """The function that makes or finds what shows it live in a notebook, such as a ``Shown``: it
    has a ``widget``. Or gives None, where the HTML will do."""


DISPLAYS: Final = (
    Display(
        "mcp_types._types",
        "CallToolResult",
        "answer.contents.result_html",
        "still.text.result_text",
    ),
    Display(
        "mcp_types._types",
        "Tool",
        "still.tools.tool_html",
        "still.text.tool_text",
    ),
    Display(
        "asyncmcp_nb.session.catalogue",
        "ToolList",
        "still.tools.tools_html",
        "still.text.tools_text",
    ),
    Display(
        "asyncmcp_nb.session.session",
        "Session",
        "still.session.session_html",
        "still.session.session_text",
        live="panel.panel_of",
    ),
    Display(
        "asyncmcp_nb.session.status",
        "SessionStatus",
        "still.status_line.status_html",
        "still.text.status_text",
    ),
    Display(
        "asyncmcp_nb.session.call",
        "Call",
        "card.display.saved_html",
        "card.display.saved_text",
        live="card.display.card_of",
    ),
    Display(
        "asyncmcp_nb.session.group",
        "CallGroup",
        "progress.html.group_html",
        "progress.html.group_text",
    ),
    Display(
        "asyncmcp_nb.session.log",
        "Log",
        "still.log.log_html",
        "still.text.log_text",
    ),
    Display(
        "asyncmcp_nb.server.handle",
        "ServerHandle",
        "still.server.server_html",
        "still.text.repr_text",
    ),
    Display(
        "asyncmcp_nb.server.pool",
        "WorkerPool",
        "still.server.server_html",
        "still.text.repr_text",
    ),
    Display(
        "asyncmcp_nb.server.status",
        "ServerStatus",
        "still.server.server_status_html",
        "still.text.server_status_text",
    ),
)

GROUP: Final = ("asyncmcp_nb.session.group", "CallGroup")
"""Shows itself while its calls go on, since its output changes with them."""


class Formatter(Protocol):
    """One of IPython's formatters."""

    def for_type_by_name(self, type_module: str, type_name: str, func: Any = None) -> Any:
        """Format a type, which may not be imported yet, with this function."""
        ...

    def pop(self, typ: str, default: Any = None) -> Any:
        """Do that no more; the type is named ``module.name``."""
        ...


def register(ipython: Any) -> None:
    """Show session types as this room does."""
    html, text = _formatters(ipython)
    for display in DISPLAYS:
        html.for_type_by_name(display.module, display.name, partial(_html, path=display.html))
        text.for_type_by_name(display.module, display.name, partial(_text, path=display.text))
        if display.live is not None:
            live = partial(_live, path=display.live)
            _bundles(ipython).for_type_by_name(display.module, display.name, live)
    _own_display(ipython).for_type_by_name(*GROUP, _show_group)


def unregister(ipython: Any) -> None:
    """Show them as Python does."""
    for formatter in (*_formatters(ipython), _bundles(ipython)):
        for display in DISPLAYS:
            formatter.pop(f"{display.module}.{display.name}", None)
    _own_display(ipython).pop(".".join(GROUP), None)


def _formatters(ipython: Any) -> tuple[Formatter, Formatter]:
    by_type = ipython.display_formatter.formatters
    return by_type["text/html"], by_type["text/plain"]


def _bundles(ipython: Any) -> Formatter:
    return ipython.display_formatter.mimebundle_formatter


def _own_display(ipython: Any) -> Formatter:
    return ipython.display_formatter.ipython_display_formatter


def _show_group(group: Any) -> None:
    _function("progress.group.show")(group)


def _function(path: str) -> Callable[[Any], Any]:
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"{__package__}.{module}"), name)


def _html(shown: Any, *, path: str) -> str:
    return str(_function(path)(shown))


def _live(shown: Any, *, path: str) -> dict[str, Any]:
    """The widget, to which IPython adds the HTML and the text that are registered too."""
    from IPython.core.getipython import get_ipython

    if not hasattr(get_ipython(), "kernel"):
        return {}
    view = _function(path)(shown)
    return {} if view is None else _function("kit.widgets.view_bundle")(view.widget)


def _text(shown: Any, printer: Any, is_cycle: bool, *, path: str) -> None:
    printer.text("…" if is_cycle else _function(path)(shown))
