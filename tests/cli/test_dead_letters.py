"""`asyncmcp-nb dlq` as a user meets it: in processes of its own, over the embedded broker."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from asyncmcp_nb.broker import DeadLetters
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.profiles import profile_file, save_profile
from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.meta import DEADLINE_KEY

PATIENCE_SECONDS = 80


@pytest.fixture
def profile(deployment: Deployment) -> Iterator[str]:
    """The name of a profile with a deployment of its own."""
    save_profile(deployment)
    yield deployment.name
    profile_file().unlink()


@pytest.fixture
def box(deployment: Deployment) -> DeadLetters:
    return DeadLetters(deployment)


def dlq(*arguments: str, answer: bytes | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error.

    Args:
        *arguments: Of ``asyncmcp-nb dlq``.
        answer: What is typed into the terminal; None where there is no terminal.
    """
    command = [sys.executable, "-m", "asyncmcp_nb", "dlq", *arguments]
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, answer or b"")
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL if answer is None else terminal,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            text=True,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    return done.returncode, done.stdout, done.stderr


def park(bus: AwsBus, deployment: Deployment, number: int, **meta: str) -> None:
    """A call as a worker leaves it in the dead-letter queue."""
    params: dict[str, Any] = {"name": "add\x1b[31m", "arguments": {"n": number}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    attributes = {"ClientId": "alice", "DeadLetterReason": f"failed {number}\ntimes"}
    bus.send(deployment.dead_letter_queue_url, Outgoing(json.dumps(body), attributes))


def test_letters_are_listed_and_shown_in_words_that_harm_no_terminal(
    profile: str, deployment: Deployment, box: DeadLetters, aws_bus: AwsBus
) -> None:
    park(aws_bus, deployment, 7)
    (letter,) = box.list()

    listed = dlq("list", "--profile", profile)
    shown = dlq("show", letter.message_id, "--profile", profile)

    assert (listed[0], listed[2]) == (0, "")
    heading, columns, line = listed[1].splitlines()
    assert heading == "1 dead letter"
    assert columns.split()[:3] == ["ID", "SENT", "(UTC)"]
    assert line.startswith(f"{letter.message_id}  {letter.sent_at:%Y-%m-%d %H:%M:%S}  ")
    assert line.endswith("B  failed 7 times")
    assert "tools/call add\\u001b[31m  alice" in line
    assert (shown[0], shown[2]) == (0, "")
    assert '  "id": 7,\n' in shown[1]
    assert "\x1b" not in listed[1] + shown[1]
    assert box.count() == 1


def test_what_is_not_there_is_one_line_and_exit_code_1(profile: str) -> None:
    code, out, err = dlq("show", "nobody", "--profile", profile)

    assert (code, out) == (1, "")
    assert err.startswith(f"error: dead letter 'nobody' of {profile}: not there")
    assert err.count("\n") == 1
    assert dlq("list", "--profile", profile) == (0, "no dead letters\n", "")


def test_letters_go_back_and_what_does_not_is_told_with_exit_code_1(
    profile: str, deployment: Deployment, box: DeadLetters, aws_bus: AwsBus
) -> None:
    for number in (1, 2):
        park(aws_bus, deployment, number)
    (wanted,) = (letter for letter in box.list() if letter.request_id == "1")

    one = dlq("redrive", wanted.message_id, "--profile", profile)
    park(aws_bus, deployment, 3, **{DEADLINE_KEY: datetime(2026, 1, 1, tzinfo=UTC).isoformat()})
    rest = dlq("redrive", "--all", "--yes", "--profile", profile)

    assert one == (0, "sent back 1 dead letter\n", "")
    (left,) = box.list()
    reason = "its deadline passed at 2026-01-01 00:00:00 UTC: workers would drop it"
    assert rest == (
        1,
        "",
        f"error: sent back 1 of 2 dead letters\n  {left.message_id}  {reason}\n",
    )
    arrived = aws_bus.receive(
        deployment.server_queue_url, max_count=10, wait_seconds=5, lease_seconds=30
    )
    assert {json.loads(delivery.body)["id"] for delivery in arrived} == {1, 2}


def test_all_letters_are_deleted_only_when_that_is_said(
    profile: str, deployment: Deployment, box: DeadLetters, aws_bus: AwsBus
) -> None:
    for number in (1, 2):
        park(aws_bus, deployment, number)

    unsaid = dlq("purge", "--profile", profile)
    both = dlq("purge", "x", "--all", "--profile", profile)
    declined = dlq("purge", "--profile", profile, answer=b"n\n")
    left_count = box.count()
    agreed = dlq("purge", "--profile", profile, answer=b"y\n")

    words = "error: add --yes to delete all dead letters, or name some by their ids\n"
    assert unsaid == (1, "", words)
    assert both == (1, "", "error: either ids or --all, not both\n")
    assert declined[0] == 1
    assert "delete all of about 2 dead letters? [y/N]" in declined[1]
    assert left_count == 2
    assert agreed[0] == 0
    assert agreed[1].endswith("deleted 2 dead letters\n")
    assert box.count() == 0
