"""The website example as a user runs it: two processes, the embedded broker, a real web server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asyncmcp_nb.config import Deployment
from asyncmcp_nb.profiles import PROFILE_VARIABLE, profile_file

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE_SECONDS = 80

PAGE = "<h1>Grüße aus dem Netz</h1>"


class Website(BaseHTTPRequestHandler):
    """``/`` is a page, ``/long`` one without end, ``/away`` leads to it; nothing else is there."""

    def do_GET(self) -> None:
        if self.path == "/away":
            self._answer(302, b"", Location="/")
        elif self.path == "/long":
            self._answer(200, b"x" * 300_000)
        elif self.path == "/":
            self._answer(200, PAGE.encode())
        else:
            self._answer(404, b"nothing here")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers |= {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the reader has had enough

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def website() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Website)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_SECONDS)


@pytest.fixture
def environment(deployment: Deployment) -> Iterator[dict[str, str]]:
    """One in which the scripts use a deployment of their own, named by a profile."""
    profile = f"[{deployment.name}]\n{deployment.to_toml()}"
    profile_file().write_text(profile, "utf-8")
    yield {**os.environ, PROFILE_VARIABLE: deployment.name, "PYTHONUNBUFFERED": "1"}
    profile_file().unlink()


@contextmanager
def running(script: str, *, environment: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    """A script of the examples, in a process of its own that ends with the context."""
    command = [sys.executable, str(EXAMPLES / script)]
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(urls: list[str], environment: dict[str, str]) -> str:
    """What the client prints for these pages."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "website_client.py"), *urls],
        env=environment,
        timeout=PATIENCE_SECONDS,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_client_reads_web_pages_through_the_server(
    website: str, environment: dict[str, str]
) -> None:
    with running("website_server.py", environment=environment):
        shown = ask([f"{website}/", f"{website}/away", f"{website}/long"], environment)

    assert f"== {website}/: 27 characters\n{PAGE}\n" in shown
    assert f"== {website}/away: 27 characters\n{PAGE}\n" in shown
    assert f"== {website}/long: 100,000 characters\n" in shown


def test_a_page_that_cannot_be_read_is_an_error_and_the_others_still_come(
    website: str, environment: dict[str, str]
) -> None:
    with running("website_server.py", environment=environment):
        shown = ask([f"{website}/nowhere", "file:///etc/hostname", f"{website}/"], environment)

    assert f"== {website}/nowhere: failed\nHTTPStatusError: Client error '404 Not Found'" in shown
    assert "== file:///etc/hostname: failed\nUnsupportedProtocol" in shown
    assert f"== {website}/: 27 characters\n{PAGE}\n" in shown


def test_the_client_may_ask_before_the_server_starts(
    website: str, environment: dict[str, str]
) -> None:
    command = [sys.executable, str(EXAMPLES / "website_client.py"), f"{website}/"]
    with (
        subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as client,
        running("website_server.py", environment=environment),
    ):
        shown, _ = client.communicate(timeout=PATIENCE_SECONDS)

    assert client.returncode == 0
    assert shown == f"== {website}/: 27 characters\n{PAGE}\n"


def test_ctrl_c_ends_the_server_without_a_traceback(environment: dict[str, str]) -> None:
    with running("website_server.py", environment=environment) as server:
        assert server.stdout is not None
        assert "serving" in server.stdout.readline()
        server.send_signal(2)
        rest, _ = server.communicate(timeout=PATIENCE_SECONDS)

    assert (server.returncode, rest) == (0, "")
