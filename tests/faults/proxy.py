"""A stretch of bad network between an AWS client and a broker on loopback.

It forwards HTTP, and on demand cuts every connection, fails a share of the requests in the ways
that AWS and networks do, or lets a publish through twice.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from asyncmcp_nb.config import Deployment

FORWARD_SECONDS = 40.0
"""Longer than a long poll."""

KINDS = ("throttled", "internal error", "no answer", "answer lost")
"""A request fails before it did anything, or, in the last case, after it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How bad it is."""

    error_share: float = 0.0
    """Of the requests, each of the four kinds alike."""
    twice_share: float = 0.0
    """Of the publish requests, forwarded twice."""
    delay_seconds: float = 0.0
    """Upper bound of a uniform delay of publish requests, which overtake each other."""


@dataclass(slots=True)
class _State:
    weather: Weather
    host: str
    port: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    random: random.Random = field(default_factory=lambda: random.Random(5))
    counts: Counter[str] = field(default_factory=Counter[str])
    lines: set[socket.socket] = field(default_factory=set[socket.socket])
    is_cut: bool = False

    def delay(self) -> float:
        with self.lock:
            return self.random.uniform(0.0, self.weather.delay_seconds)

    def draw(self, is_publish: bool) -> str:
        with self.lock:
            if self.random.random() < self.weather.error_share:
                kind = self.random.choice(KINDS)
            elif is_publish and self.random.random() < self.weather.twice_share:
                kind = "twice"
            else:
                kind = "fine"
            self.counts[kind] += 1
            return kind


class Proxy:
    """Stands before a broker; ``deployment`` is the broker's as seen through it."""

    def __init__(self, deployment: Deployment, weather: Weather | None = None) -> None:
        behind = urlsplit(deployment.endpoint_url or "")
        assert behind.hostname
        assert behind.port
        self._state = _State(weather or Weather(), behind.hostname, behind.port)
        handler = type("Handler", (_Handler,), {"state": self._state})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        here = f"http://127.0.0.1:{self._server.server_port}"
        there = str(deployment.endpoint_url)
        self.deployment = replace(
            deployment,
            endpoint_url=here,
            server_queue_url=deployment.server_queue_url.replace(there, here),
            dead_letter_queue_url=deployment.dead_letter_queue_url.replace(there, here),
        )
        """The deployment, its endpoint and queues at this proxy's address."""

    @property
    def counts(self) -> Counter[str]:
        """Requests by what became of them."""
        with self._state.lock:
            return Counter(self._state.counts)

    def change(self, weather: Weather) -> None:
        """From now on."""
        self._state.weather = weather

    def cut(self) -> None:
        """Break every connection, and refuse new ones until ``mend``."""
        with self._state.lock:
            self._state.is_cut = True
            lines, self._state.lines = self._state.lines, set()
        for line in lines:
            with suppress(OSError):  # ended already
                line.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self._state.is_cut = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._server.shutdown()
        self._server.server_close()


_OWN_HEADERS = frozenset({"expect", "host", "content-length"})


def _named(address: str) -> bytes:
    """As a form has it."""
    return address.replace(":", "%3A").encode()


class _Handler(BaseHTTPRequestHandler):
    state: ClassVar[_State]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.state.lock:
            self.state.lines.add(self.connection)
        if self.state.is_cut:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        self._behind: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        if self._behind is not None:
            self._behind.close()
        with self.state.lock:
            self.state.lines.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def do_POST(self) -> None:
        self._pass_on()

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_publish = b"Action=PublishBatch" in body
        kind = self.state.draw(is_publish)
        if is_publish and (seconds := self.state.delay()):
            time.sleep(seconds)
        if kind == "no answer":
            self.close_connection = True
            return
        if kind in {"throttled", "internal error"}:
            self._refuse(kind)
            return
        if kind == "twice":
            self._ask(body)
        status, headers, content = self._ask(body)
        if kind == "answer lost":
            self.close_connection = True
            return
        self._reply(status, headers, content)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._behind is None:
            self._behind = http.client.HTTPConnection(
                self.state.host, self.state.port, timeout=FORWARD_SECONDS
            )
        # Queues are named by address, so each side must see its own.
        there = f"{self.state.host}:{self.state.port}"
        here = self.headers["Host"]
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _OWN_HEADERS}
        body = body.replace(_named(here), _named(there)).replace(here.encode(), there.encode())
        try:
            self._behind.request(self.command, self.path, body, {**headers, "Host": there})
            answer = self._behind.getresponse()
            content = answer.read().replace(there.encode(), here.encode())
            return answer.status, answer.getheaders(), content
        except (http.client.HTTPException, OSError):
            self._behind.close()
            self._behind = None
            raise ConnectionResetError from None

    def _refuse(self, kind: str) -> None:
        is_json = "json" in self.headers.get("Content-Type", "")
        status, code = (
            (400, "ThrottlingException") if kind == "throttled" else (500, "InternalError")
        )
        message = f"{kind}, on demand"
        if is_json:
            content = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message})
        else:
            content = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
                f"<Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
            )
        kind_header = "application/x-amz-json-1.0" if is_json else "text/xml"
        self._reply(status, [("Content-Type", kind_header)], content.encode())

    def _reply(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
