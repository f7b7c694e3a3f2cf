"""The embedded broker's process: moto's SNS, SQS and S3 on loopback, until idle or told to end.

``embedded.py`` starts it. It detaches itself, listens on a free port, writes the runtime file that
others find it by, says so on the descriptor it was given, and removes the file when it ends.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import select
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asyncmcp_nb.broker import runtime

if TYPE_CHECKING:
    from asyncmcp_nb.broker.moto_http import BrokerServer

logger = logging.getLogger(__name__)

REGION: Final = "us-east-1"


def main() -> None:
    """Detach from the process that started this one, and serve."""
    parser = argparse.ArgumentParser(description="the embedded broker of asyncmcp-nb")
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
    signals = _signal_pipe()
    token = secrets.token_hex(32)
    # Deferred: they take half a second, which the launching process need not wait for.
    from moto.core.models import DEFAULT_ACCOUNT_ID

    server = _make_server(token, idle_limit_seconds)
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
        asked = False
        while not asked and (left := idle_limit_seconds - server.idle_seconds) > 0:
            asked = bool(select.select([signals], [], [], left)[0])
        logger.info("ending: %s", "asked to" if asked else "idle")
    finally:
        if runtime.read(home) == this:
            runtime.runtime_file(home).unlink(missing_ok=True)


def _signal_pipe() -> int:
    """A descriptor that can be read once SIGTERM or SIGINT came.

    A signal may be delivered to any thread; one that waits on a lock here would not hear of it.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def _make_server(token: str, idle_limit_seconds: float) -> BrokerServer:
    from asyncmcp_nb.broker import moto_fixes
    from asyncmcp_nb.broker.moto_http import BrokerServer

    moto_fixes.apply()

    def describe(nonce: str) -> dict[str, Any]:
        return {
            "proof": runtime.proof(token, nonce),
            "idle_seconds": server.idle_seconds,
            "idle_limit_seconds": idle_limit_seconds,
            **_holdings(),
        }

    server = BrokerServer(moto_fixes.Dispatcher(_create_app), describe)
    return server


def _create_app(service: Any) -> Any:
    """Moto's application for a service, made when it is first asked for something."""
    from moto.moto_server.werkzeug_app import create_backend_app

    if service == "s3":
        # Deferred: most brokers never see a message that is too large for a topic.
        from asyncmcp_nb.broker import moto_s3

        moto_s3.apply(REGION)
    return create_backend_app(service)


def _holdings() -> dict[str, Any]:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    from asyncmcp_nb.broker import moto_fixes

    with moto_fixes.LOCK:
        feeds = list(sns_backends[DEFAULT_ACCOUNT_ID][REGION].subscriptions.values())
        queues: list[Any] = list(sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues.values())
        fed = {(feed.topic.name, feed.endpoint.rpartition(":")[2]) for feed in feeds}
        # Feeding the server's queue is the last step of provisioning.
        complete = sorted(
            topic.removesuffix("-requests")
            for topic, queue in fed
            if queue == f"{topic.removesuffix('-requests')}-server"
        )
        return {
            "deployments": complete,
            "message_count": sum(len(queue._messages) for queue in queues),
        }


if __name__ == "__main__":
    main()
