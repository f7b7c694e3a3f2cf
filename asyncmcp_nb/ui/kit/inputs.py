"""The inputs of ipywidgets, typed: one ``Kit`` for each form, whose widgets share their layout.

Labels, options, tooltips and placeholders are shown as text by every front end, but labels are
searched for formulas; ``plain`` makes any text fit for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast
from weakref import WeakSet

import ipywidgets

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.kit.heard import heard
from asyncmcp_nb.ui.kit.settling import Settling, settle_clicks
from asyncmcp_nb.ui.kit.widgets import Button, HtmlBox, Widget

HIDDEN: Final = "amcp-hidden"
"""The class of what takes no place."""
_LABEL_CHARACTERS: Final = 120
_FORMULA_EDGE: Final = re.compile(r"\\(?=[\[\]()])")

Handler = Callable[[Any], None]
"""Takes ipywidgets' description of a change, or the button that was clicked."""
Options = Sequence[tuple[str, Any]]
"""Words, each with the value that they stand for; the values are different."""


class Placed(Widget, Protocol):
    """A widget with classes."""

    def add_class(self, name: str) -> Any:
        """Give it a class for style sheets."""
        ...

    def remove_class(self, name: str) -> Any:
        """Take a class away."""
        ...


class Input(Placed, Protocol):
    """Something with a value and a label."""

    value: Any
    description: str
    """The label."""
    tooltip: str
    disabled: bool

    def observe(self, handler: Handler, names: str) -> None:
        """Call back at each change."""
        ...

    def focus(self) -> None:
        """Let the next key that is pressed go there."""
        ...


class TextInput(Input, Protocol):
    """An input for text, of one line or several."""

    value: str
    placeholder: str


class Area(TextInput, Protocol):
    """An input for several lines."""

    rows: int


class Choice(Input, Protocol):
    """A list to choose one from."""

    options: Sequence[tuple[str, Any]]


class Search(TextInput, Protocol):
    """An input for text that offers some."""

    options: Sequence[str]
    """All different."""


class Press(Placed, Button, Protocol):
    """A button."""

    description: str
    tooltip: str

    def focus(self) -> None:
        """Let the next key that is pressed go there."""
        ...


class Box(Placed, Protocol):
    """Widgets in one place."""

    children: Sequence[Widget]


class Html(Placed, HtmlBox, Protocol):
    """A place for markup."""


def plain(text: str) -> str:
    """Text fit for a label: one line, not too long, nothing invisible, no formula."""
    shown = cut(one_line(text), _LABEL_CHARACTERS)
    # Much the same to the eye, and no typesetter takes it for the edge of a formula.
    if shown.count("$") > 1:
        shown = shown.replace("$", "\uff04")
    return _FORMULA_EDGE.sub("\\\\\u2060", shown)


class Kit:
    """Makes the widgets of one form.

    They share their layouts and styles, each of which would be a model of its own in the page.
    """

    def __init__(self) -> None:
        self._layout = ipywidgets.Layout()
        self._styles: dict[type, Any] = {}
        self._settling: Settling | None = None
        self._every: WeakSet[Any] = WeakSet()

    def text(self, label: str, *classes: str, placeholder: str = "") -> TextInput:
        """An input for one line; each key that is pressed is a change."""
        made = self._labelled(ipywidgets.Text, label, classes, placeholder=plain(placeholder))
        return cast("TextInput", made)

    def area(
        self, label: str, *classes: str, placeholder: str = "", row_count: int | None = None
    ) -> Area:
        """An input for several lines."""
        shown = {"placeholder": plain(placeholder), "rows": row_count}
        return cast("Area", self._labelled(ipywidgets.Textarea, label, classes, **shown))

    def check(self, label: str, *classes: str) -> Input:
        """A box to tick."""
        return cast("Input", self._labelled(ipywidgets.Checkbox, label, classes))

    def dropdown(self, label: str, options: Options, *classes: str) -> Choice:
        """A list that opens."""
        made = self._labelled(ipywidgets.Dropdown, label, classes, options=_options(options))
        return cast("Choice", made)

    def search(self, label: str, *classes: str) -> Search:
        """An input for one line that offers what has the typed text in it; any text is taken."""
        # With ``ensure_option`` the page would keep to itself what is none of the options, and the
        # kernel go on with what was there before.
        return cast("Search", self._labelled(ipywidgets.Combobox, label, classes))

    def button(self, words: str, tooltip: str, handler: Handler, *classes: str) -> Press:
        """A button; the tooltip says more than its words."""
        shown = {"description": plain(words), "tooltip": plain(tooltip)}
        made = self._made(heard(ipywidgets.Button), classes, **shown)
        made.on_click(handler)
        return cast("Press", made)

    @property
    def settling(self) -> Settling:
        """What clicks of senders wait for."""
        if self._settling is None:
            self._settling = Settling()
        return self._settling

    def sender(self, words: str, tooltip: str, handler: Handler, *classes: str) -> Press:
        """A button that sends what was typed; a click waits until all of it has arrived."""
        made = self.button(words, tooltip, handler, *classes)
        settle_clicks(made, self.settling)
        return made

    def html(self, *classes: str) -> Html:
        """A place for markup."""
        return cast("Html", self._made(ipywidgets.HTML, classes))

    def box(self, children: Sequence[Widget], *classes: str) -> Box:
        """Widgets in one place; how they stand is for the style sheet to say."""
        made = ipywidgets.Box(list(children), layout=self._layout)
        self._every.add(made)
        return cast("Box", _with(made, classes))

    def close(self) -> None:
        """Let go of what the widgets share; close those first."""
        for shared in (self._layout, *self._styles.values()):
            shared.close()
        if self._settling is not None:
            self._settling.close()

    def close_every(self) -> None:
        """Close all that was made here, wherever it stands, and what it shares."""
        for made in list(self._every):
            made.close()
        self.close()

    def _labelled(self, kind: Any, label: str, classes: Sequence[str], **traits: Any) -> Any:
        labelled = {"description": plain(label), "tooltip": "", **traits}
        return self._made(heard(kind), classes, **labelled)

    def _made(self, kind: Any, classes: Sequence[str], **traits: Any) -> Any:
        if kind in self._styles:
            traits["style"] = self._styles[kind]
        made = kind(layout=self._layout, **traits)
        self._styles.setdefault(kind, made.style)
        self._every.add(made)
        return _with(made, classes)


def close_all(widget: Widget) -> None:
    """Close a widget and all that stand in it."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    widget.close()


def set_hidden(widget: Placed, is_hidden: bool) -> None:
    """Hide a widget, or show it again; for those that share a layout with others."""
    (widget.add_class if is_hidden else widget.remove_class)(HIDDEN)


def _options(options: Options) -> list[tuple[str, Any]]:
    return [(plain(words), value) for words, value in options]


def _with(made: Any, classes: Sequence[str]) -> Any:
    for name in classes:
        made.add_class(name)
    return made
