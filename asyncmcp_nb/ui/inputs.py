"""The inputs of ipywidgets, typed: one ``Kit`` for each form, whose widgets share their layout.

Labels, options, tooltips and placeholders are shown as text by every front end, but labels are
searched for formulas; ``plain`` makes any text fit for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import ipywidgets

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.widgets import Button, HtmlBox, Widget

_LABEL_CHARACTERS: Final = 120
_FORMULA: Final = re.compile(r"\$(?=.*\$)|(?<=\$)(?<!^)\$|\\(?=[\[(])", re.DOTALL)
"""What begins a formula where labels are typeset."""

Handler = Callable[[Any], None]
"""Takes ipywidgets' description of a change, or the button that was clicked."""


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
    if "$" in shown or "\\" in shown:
        # The same characters to the eye; no typesetter takes them for the edges of a formula.
        shown = shown.replace("$", "\uff04") if shown.count("$") > 1 else shown
        shown = re.sub(r"\\(?=[\[(\]])", "\\\\\u2060", shown)
    return shown


class Kit:
    """Makes the widgets of one form.

    They share their layouts and styles, each of which would be a model of its own in the page.
    """

    def __init__(self) -> None:
        self._layout = ipywidgets.Layout()
        self._styles: dict[str, Any] = {}

    def text(self, label: str, *classes: str, placeholder: str = "") -> TextInput:
        """An input for one line; each key that is pressed is a change."""
        made = ipywidgets.Text(placeholder=plain(placeholder), **self._labelled(label, "TextStyle"))
        return cast("TextInput", _with(made, classes))

    def area(
        self, label: str, *classes: str, placeholder: str = "", row_count: int | None = None
    ) -> Area:
        """An input for several lines."""
        made = ipywidgets.Textarea(
            placeholder=plain(placeholder), rows=row_count, **self._labelled(label, "TextStyle")
        )
        return cast("Area", _with(made, classes))

    def check(self, label: str, *classes: str) -> Input:
        """A box to tick."""
        made = ipywidgets.Checkbox(indent=True, **self._labelled(label, "CheckboxStyle"))
        return cast("Input", _with(made, classes))

    def dropdown(self, label: str, options: Sequence[tuple[str, Any]], *classes: str) -> Choice:
        """A list that opens."""
        made = ipywidgets.Dropdown(
            options=_options(options), **self._labelled(label, "DescriptionStyle")
        )
        return cast("Choice", _with(made, classes))

    def radios(self, label: str, options: Sequence[tuple[str, Any]], *classes: str) -> Choice:
        """A few choices, all of them seen."""
        made = ipywidgets.RadioButtons(
            options=_options(options), **self._labelled(label, "DescriptionStyle")
        )
        return cast("Choice", _with(made, classes))

    def button(self, words: str, tooltip: str, handler: Handler, *classes: str) -> Press:
        """A button; the tooltip says more than its words."""
        made = ipywidgets.Button(
            description=plain(words),
            tooltip=plain(tooltip),
            layout=self._layout,
            style=self._style("ButtonStyle"),
        )
        made.on_click(handler)
        return cast("Press", _with(made, classes))

    def html(self, *classes: str) -> Html:
        """A place for markup."""
        made = ipywidgets.HTML(layout=self._layout, style=self._style("HTMLStyle"))
        return cast("Html", _with(made, classes))

    def box(self, children: Sequence[Widget], *classes: str) -> Box:
        """Widgets in one place; how they stand is for the style sheet to say."""
        return cast("Box", _with(ipywidgets.Box(list(children), layout=self._layout), classes))

    def close(self) -> None:
        """Let go of what the widgets share; close those first."""
        for shared in (self._layout, *self._styles.values()):
            shared.close()

    def _labelled(self, label: str, style: str) -> dict[str, Any]:
        return {
            "description": plain(label),
            "tooltip": "",
            "layout": self._layout,
            "style": self._style(style),
        }

    def _style(self, name: str) -> Any:
        if name not in self._styles:
            self._styles[name] = getattr(ipywidgets, name)()
        return self._styles[name]


def _options(options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(plain(words), value) for words, value in options]


def _with(made: Any, classes: Sequence[str]) -> Any:
    for name in classes:
        made.add_class(name)
    return made
