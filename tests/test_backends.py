"""The broker that tests bring along ends with them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.backends import START_SECONDS, Fauxqs, require_fauxqs

pytestmark = pytest.mark.fauxqs

_PARENT = """
from tests.backends import Fauxqs
running = Fauxqs()
print(running.endpoint_url, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_fauxqs()


def connected(endpoint_url: str) -> socket.socket:
    """An idle connection, which ends when the server does."""
    where = urlsplit(endpoint_url)
    assert where.hostname == "127.0.0.1"
    assert where.port is not None
    return socket.create_connection((where.hostname, where.port), START_SECONDS)


def ends(connection: socket.socket) -> bool:
    """Wait for the other side to go."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:  # it went before it had accepted the connection
        return True


def test_fauxqs_ends_when_it_is_stopped_and_a_second_time_is_no_error() -> None:
    with Fauxqs() as running, connected(running.endpoint_url) as connection:
        running.stop()

        assert ends(connection)


def test_fauxqs_ends_when_the_process_that_started_it_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout, connected(parent.stdout.readline().strip()) as connection:
        parent.kill()
        parent.wait(START_SECONDS)

        assert ends(connection)
