"""A process that is forked off one with a session, as multiprocessing does it on Linux."""

from __future__ import annotations

import json
import os
import select
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asyncmcp_nb import Deployment, Session, connect, serve
from tests.helpers import PATIENCE_SECONDS, tool_server

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Iterator[Deployment]:
    with serve(tool_server(), broker_deployment):
        yield broker_deployment


def _in_a_fork(told: Callable[[], Any]) -> Any:
    """What a function returns in a fork of this process, or how it fails."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that a fork has no threads
        child = os.fork()
    if child == 0:
        try:
            said = told()
        except BaseException as exc:  # noqa: BLE001 - the fork must not go on with the tests
            said = f"{type(exc).__name__}: {exc}"
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    try:
        is_told, _, _ = select.select([reading], [], [], PATIENCE_SECONDS)
        assert is_told, "the fork hangs"
        return json.loads(os.read(reading, 10_000))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)


def test_a_session_is_refused_in_a_fork_and_goes_on_in_its_process(
    broker_deployment: Deployment,
) -> None:
    refused = f"SessionClosed: this session is process {os.getpid()}'s, and this is a fork of it"

    with connect(broker_deployment, name="parent") as session:
        waiting = session.submit("echo", {"n": 2})  # nobody serves it yet
        tries: list[Callable[[], Any]] = [
            lambda: session.submit("echo", {"n": 1}),
            lambda: session.map("echo", [{"n": 1}]),
            lambda: waiting.result(timeout=5),
        ]
        told = [_in_a_fork(each) for each in tries]
        with serve(tool_server(), broker_deployment):
            answer = waiting.result(timeout=PATIENCE_SECONDS)

    assert [said.partition(";")[0] for said in told] == [refused] * 3
    assert answer.structured_content == {"n": 2}


def test_a_fork_leaves_the_session_open_that_it_has_from_its_parent(
    deployment: Deployment,
) -> None:
    with connect(deployment, name="parent") as session:
        _in_a_fork(session.close_blocking)
        answer = session.submit("echo", {"n": 1}).result(timeout=PATIENCE_SECONDS)

    assert answer.structured_content == {"n": 1}


def test_a_fork_connects_under_a_name_of_its_own(deployment: Deployment) -> None:
    def call() -> Any:
        with connect(deployment, name="child") as own:
            return own.submit("echo", {"n": 3}).result(timeout=PATIENCE_SECONDS).structured_content

    def again() -> Session:
        return connect(deployment, name="parent").__enter__()

    with connect(deployment, name="parent"):
        told = [_in_a_fork(call), _in_a_fork(again)]

    assert told[0] == {"n": 3}
    assert told[1].startswith(f"NameInUse: 'parent' is in use by process {os.getpid()};")
