"""The bar of a ``CallGroup``: an output of its own cell that moves until all calls have ended.

A cell that waits for a group shows a bar after a second; one that ends with a group shows it at
once. Never both: where a cell has waited and ends with the same group, its bar is the answer.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

from asyncmcp_nb.session import CallGroup
from asyncmcp_nb.session.tally import Tally
from asyncmcp_nb.ui.progress.bar import Follower, watching
from asyncmcp_nb.ui.progress.screens import CellOutput, is_notebook, screen_here

_outputs: WeakKeyDictionary[Tally, tuple[int, CellOutput]] = WeakKeyDictionary()
"""The latest bar of each, with the number of the cell it is in."""


def watch(tally: Tally) -> AbstractContextManager[None]:
    """Show how far calls are while somebody waits in here for more than a second."""
    screen = screen_here()
    if isinstance(screen, CellOutput):
        _outputs[tally] = (_cell_number(), screen)
    return watching(tally, screen)


def show(group: CallGroup) -> None:
    """Display a group that is not done, and keep its output up to date.

    Raises:
        NotImplementedError: It is done, or this is a terminal, which cannot replace what it has
            printed. IPython then displays it like any other object.
    """
    if not is_notebook():
        raise NotImplementedError
    if group.is_done:
        number, output = _outputs.get(group.tally, (None, None))
        if output is None or not output.is_shown or number != _cell_number():
            raise NotImplementedError
        return
    follower = Follower(group.tally, CellOutput())
    if follower.show():
        follower.start()


def _cell_number() -> int:
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    return shell.execution_count
