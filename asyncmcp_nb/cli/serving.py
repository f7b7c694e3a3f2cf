"""``serve``: servers in the foreground."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from asyncmcp_nb.server.handle import RunningServer
    from asyncmcp_nb.server.status import ServerStatus
    from asyncmcp_nb.serving import Tuning
    from asyncmcp_nb.signals import StopSignals

_STATUS_SECONDS: Final = 5.0
"""How often ``serve`` looks whether there is news to print."""


def serve(
    served: Annotated[str, typer.Argument(metavar="MODULE:APP", help="What to serve.")],
    *,
    profile: Annotated[str | None, typer.Option(help="Default: the embedded broker.")] = None,
    workers: Annotated[
        int, typer.Option(help="Processes that compete for the queue; 0: a thread of this one.")
    ] = 0,
    max_in_flight: Annotated[
        int, typer.Option(help="Requests that each worker works on at a time.")
    ] = 64,
    drain_seconds: Annotated[
        float, typer.Option(help="How long what is in hand may finish at the end.")
    ] = 5.0,
) -> None:
    """Serve an MCP server in the foreground until SIGTERM or Ctrl-C.

    What is in hand then may finish for five seconds; the rest goes back to the queue. A worker
    process that dies is started anew.
    """
    from asyncmcp_nb.serving import Tuning
    from asyncmcp_nb.signals import StopSignals

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    # Until it serves, SIGTERM is what Ctrl-C is, so that nothing half started is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tuning = Tuning(max_in_flight=max_in_flight, drain_seconds=drain_seconds)
    try:
        with _started(served, profile, workers=workers, tuning=tuning) as handle:
            with StopSignals() as signals:
                _report_until(signals, handle)
            print("stopping", flush=True)
    except KeyboardInterrupt:
        print("stopped before it served", flush=True)
        return
    print(handle.snapshot(), flush=True)
    if handle.snapshot().state == "failed":
        raise typer.Exit(1)


def _started(served: str, profile: str | None, *, workers: int, tuning: Tuning) -> RunningServer:
    from asyncmcp_nb import serving

    if workers:
        # What the processes print is for the same terminal.
        return serving.serve_in_processes(
            served, profile, workers=workers, tuning=tuning, keeps_errors=False
        )
    return serving.serve_in_thread(served, profile, tuning)


def _report_until(signals: StopSignals, handle: RunningServer) -> None:
    """Print the status at first, and whenever it has changed."""
    told: Any = None
    while True:
        status = handle.snapshot()
        if (news := (status.state, status.statistics, status.error, _processes(status))) != told:
            _print(status, with_workers=told is None or told[-1] != news[-1])
            told = news
        if signals.wait(_STATUS_SECONDS) or not handle.is_serving:
            return


def _processes(status: ServerStatus) -> list[tuple[int | None, str]]:
    return [(worker.pid, worker.state) for worker in status.workers]


def _print(status: ServerStatus, *, with_workers: bool) -> None:
    from asyncmcp_nb.server.status import worker_table

    lines = worker_table(status.workers) if with_workers and status.workers else []
    print("\n  ".join([str(status), *lines]), flush=True)
