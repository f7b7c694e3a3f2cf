"""The HTTP side of the embedded broker: connections stay open, and moto gets whole requests.

Werkzeug's development server closes each connection; this one does not, which saves botocore a
connect and moto a thread per request. Web pages are refused: no browser needs this port.
"""

from __future__ import annotations

import io
import json
import logging
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler

from asyncmcp_nb.broker import moto_fixes
from asyncmcp_nb.broker.runtime import HOST, STATUS_PATH

logger = logging.getLogger(__name__)

_BODY_BYTES: Final = 256 * 1024 * 1024
"""A larger request body is refused. SNS and SQS take 1 MiB; no reader takes more from S3."""

_BROWSER_HEADERS: Final = ("Origin", "Referer", "Sec-Fetch-Site")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status line, headers, body."""


class BrokerServer(ThreadingHTTPServer):
    """Serves a WSGI application on a free port of the loopback interface."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, app: WsgiApp, describe: Callable[[str], dict[str, Any]]) -> None:
        """Bind and listen.

        Args:
            app: What answers AWS requests; never called by two threads at once.
            describe: Answers ``STATUS_PATH``, given the nonce of the one who asks.
        """
        self.app = app
        self.describe = describe
        self._activity = threading.Lock()
        self._busy_count = 0
        self._idle_since = time.monotonic()
        super().__init__((HOST, 0), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the name that the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]
        self.base_environ = {
            "SERVER_NAME": HOST,
            "SERVER_PORT": str(self.server_port),
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REMOTE_HOST": "",
            "CONTENT_LENGTH": "",
            "SCRIPT_NAME": "",
        }

    @property
    def idle_seconds(self) -> float:
        """Time since the last AWS request ended; 0 while one is being answered."""
        with self._activity:
            return 0.0 if self._busy_count else time.monotonic() - self._idle_since

    def note_begin(self) -> None:
        """An AWS request came in."""
        with self._activity:
            self._busy_count += 1

    def note_end(self) -> None:
        """An AWS request was answered."""
        with self._activity:
            self._busy_count -= 1
            self._idle_since = time.monotonic()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what ended a connection, unless it was the client."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Status, headers and body leave in one packet.
    wbufsize = 64 * 1024

    def handle(self) -> None:
        """Answer requests until the client closes; wsgiref's own answers one."""
        BaseHTTPRequestHandler.handle(self)

    def handle_expect_100(self) -> bool:
        """Ask for the body that the client holds back, unless it would be refused anyway."""
        if self._is_refused():
            return False
        super().handle_expect_100()
        # What waits in our buffer keeps botocore waiting, for a second.
        self.wfile.flush()
        return True

    def do_POST(self) -> None:
        if self._is_refused():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        url = urlsplit(self.path)
        if url.path == STATUS_PATH:
            nonce = parse_qs(url.query).get("nonce", [""])[0]
            described = json.dumps(self._broker.describe(nonce)).encode()
            self._send(("200 OK", [("Content-Type", "application/json")], described))
        else:
            self._send(self._ask_moto(body))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

    @property
    def _broker(self) -> BrokerServer:
        return cast(BrokerServer, self.server)

    def _is_refused(self) -> bool:
        """Answer a request that is not to be handled; whether it was one."""
        length = self.headers.get("Content-Length", "0")
        if self._is_of_web_page():
            refusal = HTTPStatus.FORBIDDEN
        elif "Transfer-Encoding" in self.headers or not length.isdecimal():
            refusal = HTTPStatus.LENGTH_REQUIRED
        elif int(length) > _BODY_BYTES:
            refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        else:
            return False
        self.close_connection = True
        self.send_error(refusal)
        return True

    def _is_of_web_page(self) -> bool:
        """Whether a browser sent this, perhaps to a name that was made to mean this machine."""
        port = self._broker.server_port
        own = self.headers.get("Host") in {f"{HOST}:{port}", f"localhost:{port}"}
        return not own or any(name in self.headers for name in _BROWSER_HEADERS)

    def _ask_moto(self, body: bytes) -> Answer:
        environ = self.get_environ() | {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        self._broker.note_begin()
        try:
            return moto_fixes.run_locked(self.connection, lambda: _run(self._broker.app, environ))
        except moto_fixes.ClientGone:
            raise
        except Exception:  # boundary: the server goes on, the client hears of it
            logger.exception("moto failed on %s %s", self.command, self.path)
            return "500 Internal Server Error", [], b""
        finally:
            self._broker.note_end()

    def _send(self, answer: Answer) -> None:
        status, headers, body = answer
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        given = {name.lower(): value for name, value in headers}
        for name, value in headers:
            if name.lower() not in {"content-length", "connection"}:
                self.send_header(name, value)
        # The answer to HEAD tells the length of a body that it does not have.
        length = given.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of single requests."""


def _run(app: WsgiApp, environ: dict[str, Any]) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: object = None
    ) -> Callable[[bytes], object]:
        started[:] = [(status, headers)]
        return lambda _data: None

    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    status, headers = started[0]
    return status, headers, body
