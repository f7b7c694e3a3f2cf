"""How long the answer of a call is wanted, in seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from asyncmcp_nb.ui.kit.inputs import Kit


class TimeoutField:
    """An input for seconds; empty for as long as it takes.

    Args:
        kit: Makes the widgets.
        changed: Called at each change.
    """

    def __init__(self, kit: Kit, changed: Callable[[], None]) -> None:
        self.seconds: float | None = None
        """None for as long as it takes."""
        self.problem = ""
        """Why what stands there is no number of seconds."""
        self._changed = changed
        self.input = kit.text("Timeout, s", "amcp-timeout", placeholder="none")
        self.input.tooltip = "seconds after which nobody wants the answer any more"
        self.input.observe(self._read, "value")

    def _read(self, _: Any) -> None:
        text = self.input.value.strip()
        self.seconds, self.problem = None, ""
        if text:
            seconds = _number(text)
            if seconds is None:
                self.problem = "the timeout is no number of seconds above zero"
            self.seconds = seconds
        self._changed()


def _number(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
