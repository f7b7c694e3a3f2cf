"""One at a time: what people do in the page, and what is shown there.

Widgets are no safer in threads than any other objects, and messages of the page come in several:
the kernel's main thread, and one for each subshell.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

PATIENCE_SECONDS: Final = 2.0
"""The most that one waits for another, who takes some milliseconds: nothing of ours waits in its
turn. A callback of somebody else's may, and must not hold up all others for ever."""

_lock = threading.RLock()
"""For all sessions: a widget is opened before it can know what it will be part of."""


@contextmanager
def turn(patience_seconds: float = PATIENCE_SECONDS) -> Generator[bool]:
    """Wait until nobody else has a turn, and have it.

    Yields:
        False where that took too long, and another one has it still.
    """
    is_alone = _lock.acquire(timeout=patience_seconds)
    try:
        yield is_alone
    finally:
        if is_alone:
            _lock.release()
