"""Receives that wait, and how closing ends them: by shutting down the sockets they wait at.

botocore has no way to end a request. Its connections are urllib3's, whose pools say which class
their connections are of; ours knows the socket at which a receive waits. Where botocore keeps its
pools otherwise than here, a receive goes on to the end of its long poll, as without this.
"""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Generator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, Final

from asyncmcp_nb.bus.boto3_clients import http_session_of
from asyncmcp_nb.errors import BusClosed

_POOL_CLASSES: Final = "_pool_classes_by_scheme"
"""Where an HTTP session has the classes of its pools; private to botocore, hence ``watch``."""

_LATE_SECONDS: Final = 2.0
"""How long a receive that was on its way when all was closed may take to be answered. Our choice:
it may have reached the broker after the next message did."""

_this_thread = threading.local()


class Polls:
    """The receives of one bus. Safe to use from any thread."""

    def __init__(self, *, late_seconds: float = _LATE_SECONDS) -> None:
        self._late_seconds = late_seconds
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._closed = False

    @contextmanager
    def one(self) -> Generator[None]:
        """Around one receive.

        Raises:
            BusClosed: It was cut off, or failed in another way when all was closed already.
        """
        _this_thread.polls = self
        try:
            yield
        except Exception as exc:  # boundary: an answer that is cut off can fail anywhere
            if self._closed:
                raise BusClosed("the bus was closed while a receive waited") from exc
            raise
        finally:
            _this_thread.polls = None

    @contextmanager
    def waiting_at(self, connected: Any) -> Generator[None]:
        """Around the wait for an answer at a socket, or at what urllib3 has for one.

        Raises:
            CancelledError: It was cut off. botocore passes it on, and does not try again.
        """
        # One of our own: what shuts it down cannot hit another connection under the same number,
        # and the TLS above it, which another thread is reading, is not touched.
        own = socket.fromfd(connected.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with own:
            with self._lock:
                self._sockets.add(own)
                is_late = self._closed
            # By the clock: what can be read may be TLS's own, with no answer to follow.
            cut = threading.Timer(self._late_seconds, _shut_down, (own,))
            if is_late:
                cut.start()
            try:
                yield
            except Exception as exc:
                if self._closed:
                    raise CancelledError from exc
                raise
            finally:
                cut.cancel()
                with self._lock:
                    self._sockets.discard(own)

    def close(self) -> None:
        """End what waits, and what would wait from now on."""
        with self._lock:
            self._closed = True
            for waiting in self._sockets:
                _shut_down(waiting)


def watch(client: Any) -> bool:
    """Let receives of a boto3 client be cut off, over connections that it makes from now on.

    Nothing else about its requests changes.

    Returns:
        False where botocore keeps its pools otherwise; the client is as it was.
    """
    try:
        classes: dict[str, Any] = getattr(http_session_of(client), _POOL_CLASSES)
        watched = {scheme: _watched(pool) for scheme, pool in classes.items()}
    except AttributeError:
        return False
    # In place: the session's proxies have the same table.
    classes.update(watched)
    return True


@functools.cache
def _watched(pool: Any) -> Any:
    """A class of pools like this one, whose connections know what waits at them."""
    if issubclass(pool.ConnectionCls, _Watched):
        return pool
    connection = type(pool.ConnectionCls.__name__, (_Watched, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


class _Watched:
    """Mixed into a connection of urllib3's."""

    sock: Any

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for an answer, where a receive does so that it can be cut off."""
        answer: Any = super()
        polls: Polls | None = getattr(_this_thread, "polls", None)
        if polls is None:
            return answer.getresponse(*args, **kwargs)
        with polls.waiting_at(self.sock):
            return answer.getresponse(*args, **kwargs)


def _shut_down(waiting: socket.socket) -> None:
    with suppress(OSError):  # the other end was faster
        waiting.shutdown(socket.SHUT_RDWR)
