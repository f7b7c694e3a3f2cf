"""Inputs that are heard while a cell blocks.

A front end sends what is done with widgets to a subshell, a thread of the kernel beside the main
one, where the kernel has those. ipykernel 7.4 takes it to the shell that last spoke with the widget
instead, if the comm is one of its own: mostly the main one, which waits for the cell. A click on
Cancel is to count while a cell blocks, so our inputs have comms that ipykernel leaves alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Protocol, cast

import ipywidgets
from comm.base_comm import BaseComm

from asyncmcp_nb.ui.kit.prints import CellPrints, Shell
from asyncmcp_nb.ui.kit.turns import turn

_TARGET: Final = "jupyter.widget"
_TRAVELLING: Final = ("data", "metadata", "buffers")
_FEATURE: Final = "kernel subshells"
"""As the protocol calls it: https://jupyter.org/enhancement-proposals/91-kernel-subshells."""

_USED: Final = ("session", "iopub_socket", "kernel_info", "get_parent")


class Wire(Protocol):
    """``jupyter_client.session.Session``, as far as it is used."""

    def send(self, stream: Any, msg_or_type: str, content: Any, /, **rest: Any) -> Any:
        """Send a message, from any thread where the stream allows it."""
        ...


class Kernel(Protocol):
    """ipykernel's kernel, as far as it is used."""

    session: Wire
    iopub_socket: Any
    kernel_info: Mapping[str, Any]

    def get_parent(self) -> Mapping[str, Any]:
        """The message that this thread works on."""
        ...


class HeardComm(BaseComm):
    """A comm whose messages are handled in the thread of the shell that they were sent to."""

    def __init__(self, kernel: Kernel, prints: CellPrints, **opened: Any) -> None:
        self._kernel = kernel
        self._prints = prints
        self._take: Any = None
        super().__init__(**opened)

    def publish_msg(self, msg_type: str, *_: Any, **given: Any) -> None:
        """See ``BaseComm``, which gives all but the type by name: send a message to the page."""
        kernel = self._kernel
        data, metadata, buffers = (given.pop(name, None) for name in _TRAVELLING)
        kernel.session.send(
            kernel.iopub_socket,
            msg_type,
            {"data": data or {}, "comm_id": self.comm_id, **given},
            metadata=metadata or {},
            parent=kernel.get_parent(),
            ident=self.topic,
            buffers=buffers,
        )

    def on_msg(self, callback: Any) -> None:
        """See ``BaseComm``."""
        super().on_msg(callback)
        self._take = callback

    def handle_msg(self, msg: dict[str, Any]) -> None:
        """See ``BaseComm``: take a message of the page's, one at a time."""
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main:
            self._prints.restore()
        with turn():
            if is_main:
                super().handle_msg(msg)
            elif self._take is not None:
                # IPython's events around it are for cells: figures that the blocking cell has not
                # finished would be shown.
                self._take(msg)


@cache
def heard(kind: Any) -> Any:
    """A kind of ipywidgets' inputs, heard while a cell blocks where the kernel can do that."""

    def open_(self: Any) -> None:
        comm = None if self.comm is not None else _comm(self.get_state())
        if comm is None:
            kind.open(self)
        else:
            self.comm = comm

    return type(kind)(kind.__name__, (kind,), {"open": open_, "__doc__": kind.__doc__})


def _comm(state: Any) -> HeardComm | None:
    """A comm for a widget, where this runs in a kernel with subshells."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    kernel: Any = getattr(shell, "kernel", None)
    if kernel is None or (prints := _prints(kernel, shell)) is None:
        return None
    # Inputs have no bytes in their state, so nothing needs to travel beside it.
    return HeardComm(
        kernel,
        prints,
        target_name=_TARGET,
        data={"state": state, "buffer_paths": []},
        metadata={"version": cast("Any", ipywidgets).__protocol_version__},
    )


@cache
def _prints(kernel: Kernel, shell: Shell) -> CellPrints | None:
    """What keeps prints in their place, for a kernel that has subshells; None for another."""
    if not all(hasattr(kernel, name) for name in _USED):
        return None
    has_subshells = _FEATURE in kernel.kernel_info.get("supported_features", ())
    return CellPrints(shell) if has_subshells else None
