"""Those who want to be told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Observers(Generic[T]):
    """Functions to call with news. One that raises costs nobody but itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: list[Callable[[T], object]] = []

    def subscribe(self, observer: Callable[[T], object]) -> Callable[[], None]:
        """Call ``observer`` with news, in some thread; the answer ends that. Must not block."""
        with self._lock:
            self._observers.append(observer)

        def unsubscribe() -> None:
            with self._lock:
                if observer in self._observers:
                    self._observers.remove(observer)

        return unsubscribe

    def tell(self, news: T) -> None:
        """Call them all."""
        with self._lock:
            observers = list(self._observers)
        for observer in observers:
            tell(observer, news)


def tell(listener: Callable[..., object], *news: object) -> None:
    """Call a listener; what it raises goes to the log."""
    try:
        listener(*news)
    except Exception:  # boundary: a function of somebody else's must not cost the answer
        logger.exception("an observer raised")
