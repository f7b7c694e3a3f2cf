"""A form as widgets: fields on one side, the same value as JSON on the other.

Both are seen where there is room for both; in a narrow place one chooses. Whoever types here sees
there what it means, which is the quickest way to learn either.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.form.field import Kind
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.words import in_order, label, summary
from asyncmcp_nb.ui.form_view.array import ArrayView
from asyncmcp_nb.ui.form_view.choice import CheckView, ChoiceView, is_check, is_long
from asyncmcp_nb.ui.form_view.json_pane import JsonPane
from asyncmcp_nb.ui.form_view.notes import problem
from asyncmcp_nb.ui.form_view.object import ObjectView
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark, reconcile
from asyncmcp_nb.ui.form_view.scalar import FixedView, TextView
from asyncmcp_nb.ui.form_view.search import SearchView
from asyncmcp_nb.ui.form_view.union import UnionView
from asyncmcp_nb.ui.kit.inputs import Kit, close_all
from asyncmcp_nb.ui.theme import sheet

_AS_JSON: Final = "Edit as JSON"
_AS_FIELDS: Final = "Edit as a form"
_NO_FIELDS: Final = "There is nothing to fill in."


class FormView:
    """The widgets of one form model, kept in line with it.

    Args:
        model: Changed by what is typed; whoever else changes it, in whatever thread, is seen too.
    """

    def __init__(self, model: FormModel) -> None:
        self.model = model
        self._desk = Desk(make_view, tell=self._tell)
        self._desk.after_change = self._after_change
        self._listeners: list[Callable[[], None]] = []
        kit = self._desk.kit
        self._root: list[PlaceView] = []
        self._error = kit.html("amcp-notes-box", HIDDEN)
        self._nothing = kit.html("amcp-quiet")
        self._legend = kit.html("amcp-legend")
        self._legend.value = str(tag("div", "* required"))
        self._fields = kit.box([], "amcp-pane", "amcp-fields-pane")
        self.json = JsonPane(self._desk, model)
        self._is_json = False
        switch = self._desk.handler(self._switch)
        self.which = kit.button(_AS_JSON, "one is shown at a time here", switch, "amcp-which")
        self.which.add_class("amcp-link")
        panes = kit.box([self._fields, self.json.widget], "amcp-panes")
        style = kit.html(HIDDEN)
        style.value = str(sheet("form"))
        self.widget = kit.box([style, self.which, panes, self._error], "amcp-form", "amcp")
        self._unsubscribe = model.subscribe(lambda _: self._model_changed())
        self.refresh()

    @property
    def kit(self) -> Kit:
        """What makes widgets that go with these; closed with the form."""
        return self._desk.kit

    @property
    def lock(self) -> threading.RLock:
        """Held while the form is changed or brought in line."""
        return self._desk.lock

    def refresh(self) -> None:
        """Bring all widgets in line with the model; only what differs is touched."""
        self._desk.show(self._show)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a listener after each change of the form, with all widgets in line."""
        self._listeners.append(listener)

    def problem_words(self) -> str:
        """How many problems there are, and the first; empty where the value can be sent."""
        if self.json.trouble:
            return f"JSON: {self.json.trouble}"
        return summary(self.model.problems(), self.model.root)

    def point_out(self) -> None:
        """Say everywhere what is wrong, also where nobody has been yet, and go to the first."""
        self._desk.touch_all()
        found = in_order(self.model.problems(), self.model.root)
        path = found[0][0] if found else ()
        with self._desk.leading(path):
            self.refresh()
        if self.json.trouble:
            self._choose_side(is_json=True)
        if self._is_json:
            self.json.input.focus()
        elif found:
            self._root[0].at(path).focus()

    def reset(self) -> None:
        """Be as first shown."""
        self._desk.untouch()
        self.model.reset()

    def focus(self) -> None:
        """Let the next key that is pressed go to the form."""
        self._root[0].focus()

    def close(self) -> None:
        """Take it out of the page, and follow the model no more."""
        self._unsubscribe()
        self._listeners.clear()
        close_all(self.widget)
        self._desk.kit.close()

    def _model_changed(self) -> None:
        # What a person does changes several things, and is shown once all of it is done.
        if not self._desk.is_acting:
            self._after_change()

    def _after_change(self) -> None:
        self.refresh()
        for listener in tuple(self._listeners):
            listener()

    def _show(self) -> None:
        node = self.model.root
        self._desk.problems = self.model.problems()
        if reconcile(self._desk, self._root, [node], is_bare=True):
            self._fields.children = [
                self._legend,
                self._nothing,
                *(view.widget for view in self._root),
            ]
        self._root[0].show(node, label(node.field))
        is_object = node.field.kind in (Kind.OBJECT, Kind.MAP)
        is_empty = is_object and not node.children and not node.may_add
        markup = str(tag("p", _NO_FIELDS)) if is_empty else ""
        if self._nothing.value != markup:
            self._nothing.value = markup
        mark(self._nothing, HIDDEN, not markup)
        is_any_required = any(child.field.is_required for child in node.children)
        mark(self._legend, HIDDEN, not is_any_required)
        self.json.show()

    def _switch(self, _: object) -> None:
        self._choose_side(is_json=not self._is_json)

    def _choose_side(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self.which.description = _AS_FIELDS if self._is_json else _AS_JSON
        mark(self.widget, "amcp-shows-json", self._is_json)

    def _tell(self, words: str) -> None:
        self._error.value = str(problem(words)) if words else ""
        mark(self._error, HIDDEN, not words)


def make_view(desk: Desk, node: Node, /, *, is_bare: bool = False) -> PlaceView:
    """The view for a node's kind of field.

    Args:
        desk: Where it will stand.
        node: What it will show.
        is_bare: Without a head, where what it is was said already.
    """
    match node.field.kind:
        case Kind.OBJECT | Kind.MAP:
            return ObjectView(desk, node, is_bare=is_bare)
        case Kind.ARRAY:
            return ArrayView(desk, node, is_bare=is_bare)
        case Kind.UNION:
            return UnionView(desk, node)
        case Kind.CONST | Kind.NULL:
            return FixedView(desk, node)
        case Kind.BOOLEAN if is_check(node):
            return CheckView(desk, node)
        case Kind.ENUM if is_long(node):
            return SearchView(desk, node)
        case Kind.ENUM | Kind.BOOLEAN:
            return ChoiceView(desk, node)
        case _:
            return TextView(desk, node)
