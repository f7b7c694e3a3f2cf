"""What is used of ipywidgets, typed: it ships no types of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeVar, cast

import ipywidgets

from asyncmcp_nb.ui.kit.heard import heard

Change = Mapping[str, Any]
"""What an observer is given: the value as ``new``, what was there before as ``old``."""


ROOT: Final = "amcp-root"
"""Class of the widget that a cell's output shows, with all others in it."""


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


class Input(Widget, Protocol):
    """Something with a value that a person changes."""

    value: Any
    disabled: bool

    def observe(self, handler: Callable[[Change], None], names: str) -> None:
        """Call back at each change."""
        ...


class Toggle(Input, Protocol):
    """A button that stays pressed."""

    description: str
    """Its words."""


class ListBox(Input, Protocol):
    """Lines of text, one of which can be marked."""

    index: int | None
    options: Sequence[tuple[str, Any]]

    def hold_sync(self) -> AbstractContextManager[None]:
        """Send what is changed in here to the page at once."""
        ...


class Container(Widget, Protocol):
    """Holds widgets, in the order in which the Tab key visits them."""

    children: Sequence[Widget]


AnyWidget = TypeVar("AnyWidget", bound=Widget)


def html_box(*, max_height: str | None = None) -> HtmlBox:
    """An empty place for markup, which scrolls where it is higher than it may be."""
    overflow = None if max_height is None else "auto"
    layout = ipywidgets.Layout(width="100%", max_height=max_height, overflow=overflow)
    return cast("HtmlBox", ipywidgets.HTML(layout=layout))


def button(words: str, tooltip: str) -> Button:
    """A small button."""
    layout = ipywidgets.Layout(width="auto")
    return cast(
        "Button", heard(ipywidgets.Button)(description=words, tooltip=tooltip, layout=layout)
    )


def choice(words: str, options: Sequence[tuple[str, Any]]) -> Choice:
    """A list to choose from, with its label."""
    layout = ipywidgets.Layout(width="auto")
    made = heard(ipywidgets.Dropdown)(
        description=words,
        options=options,
        layout=layout,
        style={"description_width": "initial"},
    )
    return cast("Choice", made)


def text_line(words: str, placeholder: str) -> Input:
    """A line to type into, which tells of each character; style sheets may hide its label."""
    layout = ipywidgets.Layout(width="auto")
    made = heard(ipywidgets.Text)(description=words, placeholder=placeholder, layout=layout)
    return cast("Input", made)


def on_enter(line: Input, then: Callable[[], object]) -> None:
    """Call back when the Enter key is pressed in a line."""
    untyped: Any = line

    def came(_: Any, content: Any, __: Any) -> None:
        if content.get("event", "") == "submit":
            then()

    untyped.on_msg(came)


def list_box(words: str) -> ListBox:
    """An empty list to choose from with mouse and arrow keys; label as for ``text_line``."""
    layout = ipywidgets.Layout(width="auto", height="auto")
    made = heard(ipywidgets.Select)(
        description=words, options=(), value=None, rows=10, layout=layout
    )
    return cast("ListBox", made)


def toggle(words: str, tooltip: str) -> Toggle:
    """A button that stays pressed; its value says whether it is."""
    layout = ipywidgets.Layout(width="auto")
    made = heard(ipywidgets.ToggleButton)(description=words, tooltip=tooltip, layout=layout)
    return cast("Toggle", made)


def style_box(sheets: str) -> Widget:
    """Style sheets in the page, and nothing to see."""
    return cast("Widget", ipywidgets.HTML(sheets, layout=ipywidgets.Layout(display="none")))


def column(*children: Widget) -> Container:
    """One below the other."""
    return cast("Container", ipywidgets.VBox(children))


def row(*children: Widget) -> Container:
    """One beside the other, wrapping."""
    layout = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
    return cast("Container", ipywidgets.HBox(children, layout=layout))


def classed(widget: AnyWidget, *names: str) -> AnyWidget:
    """The widget, with class names for the style sheets."""
    for name in names:
        cast("Any", widget).add_class(name)
    return widget


def set_seen(widget: Widget, is_seen: bool) -> None:
    """Show a widget, or take its place away."""
    wanted = None if is_seen else "none"
    layout: Any = cast("Any", widget).layout
    if layout.display != wanted:
        layout.display = wanted


def put(box: HtmlBox, markup: str) -> None:
    """Show markup where it is not shown yet: a box is sent to the page whenever it is set."""
    if box.value != markup:
        box.value = str(markup)


class PageCount:
    """How many pages show a widget, as far as their front ends tell."""

    def __init__(self) -> None:
        self._was_seen = False
        self._count: int | None = None

    @property
    def is_seen(self) -> bool:
        """False only where a front end showed it, and says that none does any more."""
        return not self._was_seen or self._count != 0

    def take(self, count: int | None) -> None:
        """Take what a front end tells."""
        self._count = count
        self._was_seen = self._was_seen or bool(count)


def watch_count(widget: Widget, changed: Callable[[Any], None]) -> PageCount:
    """Count from now on how many pages show a widget, and call back when that changes."""
    counted = PageCount()
    traits: Any = widget

    def take(change: Any) -> None:
        counted.take(change["new"])
        changed(change)

    if traits._view_count is None:
        traits._view_count = 0  # front ends count on from there
    else:
        counted.take(traits._view_count)
    traits.observe(take, "_view_count")
    return counted


def close_tree(widget: Widget) -> None:
    """Close a widget, all that stand in it, and what says how they look."""
    parts: Any = widget
    for child in getattr(parts, "children", ()):
        close_tree(child)
    for name in ("layout", "style"):
        shared = getattr(parts, name, None)
        if shared is not None:
            shared.close()
    widget.close()


def when_closed(widget: Widget, then: Callable[[], object]) -> None:
    """Call back when a widget is closed, by whomever."""
    traits: Any = widget

    def changed(change: Change) -> None:
        if change["new"] is None:
            then()

    traits.observe(changed, "comm")


def keep(widget: Widget, view: object) -> None:
    """Let a view live as long as its widget, the root of what it shows: until that is closed."""
    untyped = cast("Any", widget)
    untyped.asyncmcp_view = view
    untyped.add_class(ROOT)


def view_bundle(widget: Widget) -> dict[str, Any]:
    """The part of a mime bundle that shows a widget, without the widget's repr as text."""
    bundle: dict[str, Any] = dict(cast("Any", widget)._repr_mimebundle_() or {})
    bundle.pop("text/plain", None)
    return bundle
