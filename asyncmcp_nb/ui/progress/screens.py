"""Where progress is shown: in a cell's output, in a terminal, or as a last line in a log."""

from __future__ import annotations

import contextvars
import os
import sys
import threading
from functools import cache
from typing import Any, Final, Protocol, TextIO, cast

from asyncmcp_nb.printable import visible
from asyncmcp_nb.ui.progress.html import Bundle, last_bundle, moving_bundle
from asyncmcp_nb.ui.progress.progress import Reading, last_line, moving_words

_OFF: Final = "TQDM_DISABLE"
"""tqdm's own variable: set to anything but 0, terminals and logs are left alone."""

_METER: Final = "{desc}: {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{postfix}"


class Screen(Protocol):
    """Shows one progress, in one thread at a time."""

    def show(self, reading: Reading) -> None:
        """Show it as it moves."""
        ...

    def finish(self, reading: Reading) -> None:
        """Show it as it stays; called once, after ``show``."""
        ...

    def repeat(self) -> None:
        """Say once more how it ended, where nobody may have heard; called after ``finish``."""
        ...


class Handle(Protocol):
    """An output that can be replaced, as ``IPython.display.DisplayHandle``."""

    def update(self, obj: Any, **kwargs: Any) -> None:
        """Replace it."""
        ...


class CellOutput:
    """An output of a notebook's cell that replaces itself."""

    def __init__(self, handle: Handle | None = None) -> None:
        self._handle = handle
        self._shown: Bundle = {}

    @property
    def is_shown(self) -> bool:
        """Whether anything was shown."""
        return bool(self._shown)

    def show(self, reading: Reading) -> None:
        """See ``Screen``."""
        self._replace(moving_bundle(reading))

    def finish(self, reading: Reading) -> None:
        """See ``Screen``."""
        self._replace(last_bundle(reading))

    def repeat(self) -> None:
        """See ``Screen``: between two cells, a runner without a front end hears nothing."""
        if self._handle is not None and self._shown:
            self._send(self._handle)

    def _replace(self, bundle: Bundle) -> None:
        if bundle == self._shown:
            return
        self._shown = bundle
        if self._handle is None:
            from IPython import display

            partly_typed: Any = display
            self._handle = partly_typed.display(bundle, raw=True, display_id=True)
        else:
            self._send(self._handle)

    def _send(self, handle: Handle) -> None:
        # It is found by its id, whatever cell it is in. Without that cell's context it is sent as
        # the running cell's: a runner without a front end, as nbclient, hears no other's.
        contextvars.Context().run(handle.update, self._shown, raw=True)


class Meter(Protocol):
    """What is used of a tqdm bar, which has no types of its own."""

    n: int

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        """Put words behind the bar."""
        ...

    def close(self) -> None:
        """Take it off the terminal."""
        ...


class TerminalBar:
    """A line of a terminal, drawn by tqdm; several stand one below the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._meter: Meter | None = None

    def show(self, reading: Reading) -> None:
        """See ``Screen``."""
        if self._meter is None:
            self._meter = _meter(reading, self._stream)
        self._meter.n = reading.ended_count
        self._meter.set_postfix_str(moving_words(reading))

    def finish(self, reading: Reading) -> None:
        """See ``Screen``."""
        if self._meter is not None:
            self._meter.close()
        _tqdm().write(last_line(reading), file=self._stream)

    def repeat(self) -> None:
        """See ``Screen``: the line stands."""


class LastLine:
    """A log or a file: only how it went, without anything that only a terminal understands."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, reading: Reading) -> None:
        """See ``Screen``."""

    def finish(self, reading: Reading) -> None:
        """See ``Screen``."""
        self._stream.write(f"{last_line(reading)}\n")
        self._stream.flush()

    def repeat(self) -> None:
        """See ``Screen``: the line stands."""


def screen_here() -> Screen | None:
    """Where progress is shown here; None where nobody would see it."""
    if is_notebook():
        return CellOutput()
    stream = cast("TextIO | None", sys.stderr)  # None without a console
    if stream is None or os.environ.get(_OFF, "0") not in ("", "0"):
        return None
    return TerminalBar(stream) if stream.isatty() else LastLine(stream)


def is_notebook() -> bool:
    """Whether this is a kernel, whose outputs can be replaced."""
    if "IPython" not in sys.modules:  # a script: do not load it to ask
        return False
    from IPython.core.getipython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _meter(reading: Reading, stream: TextIO) -> Meter:
    return _tqdm()(
        total=reading.total_count,
        desc=visible(reading.name),
        file=stream,
        leave=False,
        dynamic_ncols=True,
        bar_format=_METER,
    )


@cache
def _tqdm() -> Any:
    """Bars of tqdm without its thread, since ours moves them, and without a lock of processes."""
    import tqdm

    untyped: Any = tqdm.tqdm
    quiet: Any = type("Quiet", (untyped,), {"monitor_interval": 0})
    quiet.set_lock(getattr(untyped, "_lock", None) or threading.RLock())
    return quiet
