"""What the views of a form's places share: what one is, and the desk that they stand on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from asyncmcp_nb.ui.form.field import Path
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Box, Handler, Kit, Placed, close_all

HIDDEN: Final = "amcp-hidden"


class PlaceView:
    """One place of the form as widgets.

    It can be given another node of the same kind of field, so that nothing is made anew that need
    not be: what has the focus keeps it.
    """

    widget: Box

    def __init__(self, desk: Desk, node: Node) -> None:
        self.desk = desk
        self.node = node

    def fits(self, node: Node) -> bool:
        """Whether ``show`` can show this node."""
        ours, theirs = self.node.field, node.field
        # Names are not compared: items that change places are called by their numbers.
        return ours is theirs or (
            ours.kind is theirs.kind
            and ours.schema == theirs.schema
            and ours.options == theirs.options
        )

    def show(self, node: Node, label: str) -> None:
        """Bring the widgets in line with a node; one that is in line already is not touched."""
        raise NotImplementedError

    def focus(self) -> None:
        """Let the next key that is pressed go here."""
        raise NotImplementedError

    def at(self, path: Path) -> PlaceView:
        """The view of a place that is here or below, or the nearest on the way to it."""
        return nearest(self.below(), path) or self

    def below(self) -> Sequence[PlaceView]:
        """The views that stand in this one."""
        return ()

    def close(self) -> None:
        """Take it out of the page."""
        close_all(self.widget)


class Maker(Protocol):
    """Makes the view for a node's kind of field."""

    def __call__(self, desk: Desk, node: Node, /, *, is_bare: bool) -> PlaceView:
        """A view, not yet in line; a bare one has no head of its own."""
        ...


class Desk:
    """What the views of one form have in common.

    A person's changes come in through ``handler``; all views are brought in line after each. It is
    safe that changes come from several threads.
    """

    def __init__(self, make: Maker, *, tell: Callable[[str], None]) -> None:
        self.kit = Kit()
        self.make = make
        self.problems: Mapping[Path, str] = {}
        self.lock = threading.RLock()
        self.after_change: Callable[[], None] = lambda: None
        """Called after each change that a person made."""
        self.is_acting = False
        """Whether a person's change is being made, after which all is brought in line."""
        self._tell = tell
        self._led_to: Path = ()
        self._touched: set[Path] = set()
        self._is_all_touched = False
        self._is_showing = False

    def handler(self, action: Callable[..., object], view: PlaceView | None = None) -> Handler:
        """What a widget calls when a person did something.

        Args:
            action: Changes the model; takes what the widget says.
            view: Where, so that what is wrong there is said from now on.
        """

        def act(given: object) -> None:
            self._act(action, given, view)

        told = telling(self._tell, act)

        def call(given: object) -> None:
            with self.lock:
                # What is shown is set from here as well, and that is no change of anybody's.
                if not self._is_showing:
                    told(given)

        return call

    def show(self, show: Callable[[], None]) -> None:
        """Bring widgets in line; changes that this makes are nobody's."""
        with self.lock:
            self._is_showing = True
            try:
                show()
            finally:
                self._is_showing = False

    def is_touched(self, path: Path) -> bool:
        """Whether a person has been there, so that what is wrong is no news in advance."""
        return self._is_all_touched or path in self._touched

    @contextmanager
    def leading(self, path: Path) -> Generator[None]:
        """Let what is folded on the way to a place open when it is brought in line."""
        self._led_to = path
        try:
            yield
        finally:
            self._led_to = ()

    def leads_below(self, path: Path) -> bool:
        """Whether a place below this one is to be seen."""
        return len(self._led_to) > len(path) and self._led_to[: len(path)] == path

    def touch_all(self) -> None:
        """From now on, say everywhere what is wrong."""
        self._is_all_touched = True

    def untouch(self) -> None:
        """Nobody has been anywhere yet."""
        self._touched.clear()
        self._is_all_touched = False

    def _act(self, action: Callable[..., object], given: object, view: PlaceView | None) -> None:
        if view is not None:
            path = view.node.path
            # Who is in an item is in its list as well, but the form as a whole is everywhere.
            self._touched.update(path[:end] for end in range(1, len(path) + 1))
        self.is_acting = True
        try:
            action(given)
        finally:
            self.is_acting = False
            self.after_change()


def reconcile(
    desk: Desk, views: list[PlaceView], nodes: Sequence[Node], *, is_bare: bool = False
) -> bool:
    """Have a view for each node, keeping those that fit; whether there are others now.

    The views are not brought in line yet, and those that are not needed are closed.
    """
    kept = [
        view if node is not None and view.fits(node) else None
        for view, node in zip(views, [*nodes, *[None] * len(views)], strict=False)
    ]
    kept += [None] * (len(nodes) - len(kept))
    made = [
        view or desk.make(desk, node, is_bare=is_bare)
        for view, node in zip(kept, nodes, strict=False)
    ]
    unwanted = [view for view in views if view not in made]
    is_changed = made != views
    views[:] = made
    for view in unwanted:
        view.close()
    return is_changed


def nearest(views: Sequence[PlaceView], path: Path) -> PlaceView | None:
    """Among views that stand beside each other, the one of a place or the nearest to it."""
    for view in views:
        here = view.node.path
        if path[: len(here)] == here:
            return view.at(path)
    return None


def mark(widget: Placed, name: str, is_on: bool) -> None:
    """Give a widget a class, or take it away."""
    if is_on:
        widget.add_class(name)
    else:
        widget.remove_class(name)
