"""The embedded broker's process: moto's SNS and SQS on loopback, until idle or told to end.

``embedded.py`` starts it. It detaches itself, listens on a free port, writes the runtime file that
others find it by, says so on the descriptor it was given, and removes the file when it ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from asyncmcp_nb.broker import runtime

if TYPE_CHECKING:
    from asyncmcp_nb.broker.moto_http import BrokerServer

logger = logging.getLogger(__name__)

REGION: Final = "us-east-1"


def main() -> None:
    """Detach from the process that started this one, and serve."""
    parser = argparse.ArgumentParser(description="the embedded SNS and SQS of asyncmcp-nb")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    options = parser.parse_args()
    # The starter waits for this process to end, so that it has no child to reap later.
    if os.fork():
        os._exit(0)
    os.setsid()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(options.home, options.idle_seconds, options.ready_fd)


def serve(home: Path, idle_limit_seconds: float, ready_fd: int) -> None:
    """Serve until idle for that long, or until SIGTERM or SIGINT."""
    stop = threading.Event()

    def end(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    token = secrets.token_hex(32)
    server = _make_server(token, idle_limit_seconds)
    from moto.core import DEFAULT_ACCOUNT_ID

    this = runtime.Runtime(
        port=server.server_port,
        pid=os.getpid(),
        token=token,
        started_at=time.time(),
        region=REGION,
        account_id=DEFAULT_ACCOUNT_ID,
    )
    threading.Thread(target=server.serve_forever, name="broker", daemon=True).start()
    runtime.write(home, this)
    logger.info("listening on %s", this.endpoint_url)
    os.write(ready_fd, b"1")
    os.close(ready_fd)
    try:
        while (left := idle_limit_seconds - server.idle_seconds) > 0 and not stop.wait(left):
            pass
        logger.info("ending: %s", "asked to" if stop.is_set() else "idle")
    finally:
        if runtime.read(home) == this:
            runtime.runtime_file(home).unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


def _make_server(token: str, idle_limit_seconds: float) -> BrokerServer:
    # Deferred: they take half a second, which the launching process need not wait for.
    from moto.moto_server.werkzeug_app import create_backend_app
    from moto.sns.models import sns_backends
    from asyncmcp_nb.broker import moto_fixes
    from asyncmcp_nb.broker.moto_http import BrokerServer

    moto_fixes.apply()

    def describe(nonce: str) -> dict[str, Any]:
        return {
            "proof": runtime.proof(token, nonce),
            "idle_seconds": server.idle_seconds,
            "idle_limit_seconds": idle_limit_seconds,
        }

    server = BrokerServer(moto_fixes.Dispatcher(create_backend_app), describe)
    return server


if __name__ == "__main__":
    main()
