"""``python -m asyncmcp_nb.worker``: one process of a pool; nothing that a person starts.

It reads its assignment from standard input and reports on standard output, as
``server.pool_messages`` describes. SIGTERM, and the end of standard input, let what is in hand
finish and end it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Final, Never

from asyncmcp_nb import broker
from asyncmcp_nb.errors import AsyncMcpError, ServeError
from asyncmcp_nb.server.handle import ServerHandle
from asyncmcp_nb.server.pool_messages import (
    Assignment,
    Failed,
    Ready,
    Report,
    Vitals,
    encode_report,
)
from asyncmcp_nb.server.responder import HANDLER_FAILURES
from asyncmcp_nb.serving import make_handle, transport_config
from asyncmcp_nb.signals import StopSignals

logger = logging.getLogger(__name__)

_REPORT_SECONDS: Final = 1.0
"""How often it looks whether there is news to report."""
_STOP_SECONDS: Final = 2.0
"""Beside the time to drain: how long stopping may take before what is left is handed back from
outside the loop, which takes as long again at most. The pool waits a little longer than both."""
_ORPHAN_SECONDS: Final = 10.0
"""Beside the time to drain: how long a worker whose pool is gone may take to end."""


class Channel:
    """The way to the pool: what standard input and output were when the process began."""

    def __init__(self) -> None:
        """Move both away from the code that is served, which may read and print."""
        self._output = os.dup(1)
        self._input = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def read_assignment(self) -> Assignment:
        """What this worker is to do.

        Raises:
            DecodeError: The pool said something else, or was gone at once.
        """
        # Byte by byte, since what follows the line is waited for by a thread.
        with open(self._input, "rb", buffering=0, closefd=False) as line:
            return Assignment.from_line(line.readline())

    def wait_for_end(self) -> None:
        """Wait until the pool is gone."""
        while os.read(self._input, 4096):
            pass

    def say(self, report: Report) -> None:
        """Report to the pool; one that is gone needs no reports."""
        try:
            os.write(self._output, encode_report(report))
        except BrokenPipeError:
            logger.debug("the pool is gone")


class Worker:
    """Serves as it was assigned, until it is told to end or the pool is gone."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._signals = StopSignals()
        self._parent = os.getppid()
        self._assignment = channel.read_assignment()
        self._takes_requests = False
        self._is_orphan = False
        self._told: Vitals | None = None

    def run(self) -> int:
        """Serve; the exit code."""
        try:
            threading.Thread(
                target=self._outlive_no_pool, name="asyncmcp-lifeline", daemon=True
            ).start()
            handle = self._make_handle()
            # Until here a signal ends the process at once, since it has nothing in hand.
            with self._signals:
                self._takes_requests = True
                self._start(handle)
                return self._serve(handle)
        except AsyncMcpError as exc:
            self._channel.say(Failed(str(exc)))
        except HANDLER_FAILURES as exc:  # boundary: what an app raises when it is imported
            logger.exception("the worker failed")
            self._channel.say(Failed(f"{type(exc).__name__}: {exc}"))
        return 1

    def _make_handle(self) -> ServerHandle:
        given = self._assignment
        sys.path[:] = given.import_path
        for name, value in given.environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        config = transport_config(
            given.deployment,
            worker_id=given.worker_id,
            control_queue_url=given.control_queue_url,
            message_limit_bytes=given.message_limit_bytes,
            max_in_flight=given.max_in_flight,
            lease_seconds=given.lease_seconds,
        )
        try:
            return make_handle(
                given.app,
                given.deployment,
                config,
                drain_seconds=given.drain_seconds,
                session_key=given.session_key,
            )
        except ServeError as exc:
            if exc.__cause__ is not None:  # what the app raised, for its author
                logger.error("%s", exc, exc_info=exc.__cause__)  # noqa: TRY400 - without our frames
            raise

    def _start(self, handle: ServerHandle) -> None:
        try:
            handle.start()
        except ServeError as exc:
            # The pool says of whom it speaks.
            raise ServeError(handle.snapshot().error or str(exc)) from exc
        self._channel.say(Ready(handle.name))

    def _serve(self, handle: ServerHandle) -> int:
        self._report(handle)
        while handle.is_serving and self._has_parent():
            if self._signals.wait(_REPORT_SECONDS):
                break
            self._report(handle)
        handle.stop(self._assignment.drain_seconds + _STOP_SECONDS)
        status = handle.snapshot()
        self._report(handle)
        if self._is_orphan:
            self._remove_control_queue()
        if status.state == "failed":
            self._channel.say(Failed(status.error or "the server failed"))
            return 1
        if status.state == "stopping":
            # Its request is handed back, but a tool that does not end would hold up the exit.
            logging.shutdown()
            os._exit(0)
        return 0

    def _has_parent(self) -> bool:
        """Whether the pool's process lives; a fork of it may hold its end of the pipe open."""
        if os.getppid() != self._parent:
            self._is_orphan = True
        return not self._is_orphan

    def _report(self, handle: ServerHandle) -> None:
        status = handle.snapshot()
        vitals = Vitals(status.state, status.statistics, status.requests, status.error)
        if vitals != self._told:
            self._told = vitals
            self._channel.say(vitals)

    def _outlive_no_pool(self) -> None:
        self._channel.wait_for_end()
        if not self._takes_requests:
            self._remove_control_queue()
            os._exit(1)
        self._is_orphan = True
        # Nobody reads what is printed any more, and a tool that prints shall not fail of that.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        self._signals.simulate()
        threading.Event().wait(self._assignment.drain_seconds + _ORPHAN_SECONDS)
        os._exit(1)

    def _remove_control_queue(self) -> None:
        """What the pool would do; nobody will start a worker of this id anew."""
        given = self._assignment
        try:
            broker.remove_worker(given.deployment, given.worker_id)
        except AsyncMcpError as exc:
            logger.info("control queue of worker %s stays behind: %s", given.worker_id, exc)


def main() -> Never:
    """Serve; the exit code is 0 where the worker was told to end."""
    channel = Channel()
    # What a tool prints shall be seen when it prints it.
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - for the whole life
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    raise SystemExit(Worker(channel).run())


if __name__ == "__main__":
    main()
