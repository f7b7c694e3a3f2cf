"""Widgets as somebody at the page has them: found by their labels among those that are seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets

from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.place import HIDDEN
from asyncmcp_nb.ui.form_view.view import FormView
from tests.ui.still.test_still import page


def form(value: Any = None, /, *, required: list[str] | None = None, **properties: Any) -> FormView:
    """A form for an object with these properties, filled with a value where one is given."""
    schema = {"type": "object", "properties": properties, "required": required or []}
    view = FormView(FormModel(schema))
    if value is not None:
        view.model.load(value)
    return view


def seen(widget: Any) -> Iterator[Any]:
    """A widget and those in it that are not hidden, in the order of the Tab key."""
    if HIDDEN in widget._dom_classes:
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from seen(child)


def shown_ids(view: Any) -> list[int]:
    """Which widgets are seen, as numbers."""
    return [id(widget) for widget in seen(view.widget)]


def labels(view: Any) -> list[str]:
    """What can be filled in, in its order; without the JSON editor."""
    kinds = (ipywidgets.Text, ipywidgets.Textarea, ipywidgets.Dropdown, ipywidgets.Checkbox)
    found = [w.description for w in seen(view.widget) if isinstance(w, kinds) and w.description]
    return [label for label in found if label != "JSON" and "what is sent for" not in label]


def at(view: Any, label: str) -> Any:
    """The input with a label."""
    found = [
        w
        for w in seen(view.widget)
        if getattr(w, "description", None) == label and not isinstance(w, ipywidgets.Button)
    ]
    assert len(found) == 1, f"{len(found)} inputs {label!r}, of {labels(view)}"
    return found[0]


def button(view: Any, words: str, nth: int = 0) -> Any:
    """A button whose words, or else tooltip, begin so."""
    buttons = [w for w in seen(view.widget) if isinstance(w, ipywidgets.Button)]
    found = [w for w in buttons if (w.description or w.tooltip or "").startswith(words)]
    assert found, f"no button {words!r} among {[w.description for w in buttons]}"
    return found[nth]


def state(view: Any, name: str) -> Any:
    """The choice of a field's state."""
    return at(view, f"what is sent for {name}")


def words(view: Any) -> str:
    """All text in the markup that is seen, harmless as it must be."""
    boxes = [w for w in seen(view.widget) if isinstance(w, ipywidgets.HTML)]
    return "\n".join(page(box.value).text for box in boxes if box.value)


def choices(widget: Any) -> list[str]:
    """What a list offers."""
    return [label for label, _ in widget.options]


def pick(widget: Any, label: str) -> None:
    """Choose from a list."""
    widget.value = dict(widget.options)[label]


def come_from_page(button: Any) -> None:
    """A click as the page sends it."""
    button._handle_msg(
        {"content": {"data": {"method": "custom", "content": {"event": "click"}}}, "buffers": []}
    )
