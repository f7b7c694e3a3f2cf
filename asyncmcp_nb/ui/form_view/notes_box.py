"""The notes of a place as widgets: the line, and a long description that stays as one left it."""

from __future__ import annotations

from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form_view.notes import more, notes
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, mark
from asyncmcp_nb.ui.kit.inputs import Widget


class NotesBox:
    """What stands below an input or a head. Its line takes no less room than it once took.

    Args:
        desk: Where it stands.
        node: The place.
        has_help: Whether it is said here what the place is for, and not above it already.
        is_spacing: Whether an empty line is room between a place and the next.
    """

    def __init__(
        self, desk: Desk, node: Node, *, has_help: bool = True, is_spacing: bool = True
    ) -> None:
        self._desk = desk
        self._has_help = has_help
        self._room = ""
        self.line = desk.kit.html("amcp-notes-box")
        self.widgets: list[Widget] = [self.line]
        """To be placed below each other."""
        # Opened by a person and known to the page alone: it must not be written anew.
        if has_help and (folded := more(node.field)):
            fold = desk.kit.html("amcp-notes-box")
            fold.value = str(folded)
            self.widgets.append(fold)
        # A fold makes room enough.
        self._is_spacing = is_spacing and len(self.widgets) == 1

    def show(self, node: Node, message: str | None) -> None:
        """Bring the line in line with a place.

        Args:
            node: The place.
            message: What is wrong there, where this is the one to say it.
        """
        is_touched = self._desk.is_touched(node.path)
        room = self._room if is_touched else ""
        has_help = self._has_help
        shown = notes(node, message, is_touched=is_touched, has_help=has_help, room=room)
        self._room = shown.room
        if self.line.value != shown.markup:
            self.line.value = str(shown.markup)
        mark(self.line, HIDDEN, not (shown.markup or self._is_spacing))
