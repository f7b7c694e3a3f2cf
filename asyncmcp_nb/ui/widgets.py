"""What is used of ipywidgets, typed: it ships no types of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import ipywidgets


class Widget(Protocol):
    """Any widget."""

    comm: Any
    """None once it is closed."""

    def close(self) -> None:
        """Take it out of the page."""
        ...


class HtmlBox(Widget, Protocol):
    """Markup that can be replaced, from any thread."""

    value: str


class Button(Widget, Protocol):
    """A button."""

    disabled: bool

    def click(self) -> None:
        """As if somebody had clicked it."""
        ...

    def on_click(self, callback: Callable[[Any], None]) -> None:
        """Call back at each click."""
        ...


class Choice(Widget, Protocol):
    """A list to choose from."""

    value: Any
    options: Sequence[tuple[str, Any]]

    def observe(self, handler: Callable[[Any], None], names: str) -> None:
        """Call back at each change."""
        ...


def html_box(*, max_height: str | None = None) -> HtmlBox:
    """An empty place for markup, which scrolls where it is higher than it may be."""
    overflow = None if max_height is None else "auto"
    layout = ipywidgets.Layout(width="100%", max_height=max_height, overflow=overflow)
    return cast("HtmlBox", ipywidgets.HTML(layout=layout))


def button(words: str, tooltip: str) -> Button:
    """A small button."""
    layout = ipywidgets.Layout(width="auto")
    return cast("Button", ipywidgets.Button(description=words, tooltip=tooltip, layout=layout))


def choice(words: str, options: Sequence[tuple[str, Any]]) -> Choice:
    """A list to choose from, with its label."""
    layout = ipywidgets.Layout(width="auto")
    made = ipywidgets.Dropdown(
        description=words,
        options=options,
        layout=layout,
        style={"description_width": "initial"},
    )
    return cast("Choice", made)


def column(*children: Widget) -> Widget:
    """One below the other."""
    return cast("Widget", ipywidgets.VBox(children))


def row(*children: Widget) -> Widget:
    """One beside the other, wrapping."""
    layout = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
    return cast("Widget", ipywidgets.HBox(children, layout=layout))


def keep(widget: Widget, view: object) -> None:
    """Let a view live as long as its widget: until the widget is closed."""
    cast("Any", widget).asyncmcp_view = view


def view_bundle(widget: Widget) -> dict[str, Any]:
    """The part of a mime bundle that shows a widget, without the widget's repr as text."""
    bundle: dict[str, Any] = dict(cast("Any", widget)._repr_mimebundle_() or {})
    bundle.pop("text/plain", None)
    return bundle
