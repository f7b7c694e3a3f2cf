"""Which calls are selected, over all pages. Safe to use from any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence


class Selection:
    """Call ids in the order in which they were selected."""

    def __init__(self, limit_count: int) -> None:
        self._limit_count = limit_count
        self._lock = threading.Lock()
        self._ids: dict[str, None] = {}
        self._opened = 0

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._ids

    @property
    def ids(self) -> Sequence[str]:
        """All of them."""
        with self._lock:
            return list(self._ids)

    def set(self, call_id: str, is_selected: bool) -> None:
        """Select a call, or select it no more."""
        self.add([call_id]) if is_selected else self.remove([call_id])

    def add(self, call_ids: Iterable[str]) -> int:
        """Select calls, as many as may be; how many were left out."""
        with self._lock:
            wanted = [call_id for call_id in call_ids if call_id not in self._ids]
            taken = wanted[: max(0, self._limit_count - len(self._ids))]
            self._ids.update(dict.fromkeys(taken))
            return len(wanted) - len(taken)

    def remove(self, call_ids: Iterable[str]) -> None:
        """Select these no more."""
        with self._lock:
            for call_id in call_ids:
                self._ids.pop(call_id, None)

    def clear(self) -> None:
        """Select nothing."""
        with self._lock:
            self._ids, self._opened = {}, 0

    def next_to_open(self) -> tuple[str, int] | None:
        """The next of them to look at, and which one it is, from 1; after the last the first."""
        with self._lock:
            if not self._ids:
                return None
            number = self._opened % len(self._ids)
            self._opened = number + 1
            return list(self._ids)[number], number + 1
