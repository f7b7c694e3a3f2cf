"""What a pool and its workers say to each other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusError, DecodeError
from asyncmcp_nb.server.pool_messages import (
    Assignment,
    Failed,
    Ready,
    Report,
    Vitals,
    decode_report,
    encode_report,
)
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics

ASSIGNMENT = Assignment(
    app="pkg.mod:app",
    deployment=Deployment(
        name="demo",
        region="eu-west-1",
        request_topic_arn="arn:aws:sns:eu-west-1:123456789012:demo-requests",
        response_topic_arn="arn:aws:sns:eu-west-1:123456789012:demo-responses",
        server_queue_url="https://sqs/demo-server",
        dead_letter_queue_url="https://sqs/demo-server-dlq",
        allowed_reply_topics=("arn:aws:sns:eu-west-1:123456789012:other",),
        signing_keys=("env:KEY",),
    ),
    worker_id="0a1b2c3d",
    control_queue_url="https://sqs/demo-worker-0a1b2c3d",
    message_limit_bytes=262_144,
    max_in_flight=8,
    lease_seconds=30.0,
    drain_seconds=5.0,
    session_key=bytes(range(32)),
    import_path=("", "/naïve/日本"),
    environment={"PYTHONPATH": None, "OTHER": "a\nb"},
)


@pytest.mark.parametrize("assignment", [ASSIGNMENT, replace(ASSIGNMENT, session_key=None)])
def test_an_assignment_is_one_line_that_reads_as_it_was_written(assignment: Assignment) -> None:
    line = assignment.to_line()

    assert line.index(b"\n") == len(line) - 1
    assert Assignment.from_line(line) == assignment


def test_an_assignment_does_not_show_its_key() -> None:
    assert "session_key=" not in repr(ASSIGNMENT)
    assert str(ASSIGNMENT.session_key) not in repr(ASSIGNMENT)


REPORTS: list[Report] = [
    Ready("naïve"),
    Failed("ValueError: one\ntwo"),
    Vitals("serving", ServerStatistics(answered_count=3), {"Publish": 4}, None),
]


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_one_line_that_reads_as_it_was_written(report: Report) -> None:
    line = encode_report(report)

    assert line.index(b"\n") == len(line) - 1
    assert decode_report(line) == report


def test_an_error_of_the_queue_travels_as_what_it_says() -> None:
    statistics = ServerStatistics(last_error=BusError("no route"))
    report = decode_report(encode_report(Vitals("queue unreachable", statistics, {}, "no route")))

    assert isinstance(report, Vitals)
    assert str(report.statistics.last_error) == "no route"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"a print of somebody\n",
        b"[]",
        b"{}",
        b'{"ready": {}}',
        b'{"ready": {"name": "x", "age": 5}}',
        b'{"vitals": {"statistics": {"no_such_count": 1}, "state": "x"}}',
        b"\xff",
    ],
)
def test_what_is_no_report_is_refused(line: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_report(line)


@pytest.mark.parametrize(
    "change", [{"deployment": "no TOML"}, {"deployment": ""}, {"surprise": 1}, {"session_key": 5}]
)
def test_what_is_no_assignment_is_refused(change: dict[str, object]) -> None:
    line = json.dumps(json.loads(ASSIGNMENT.to_line()) | change).encode()

    with pytest.raises(DecodeError):
        Assignment.from_line(line)


@pytest.mark.parametrize("line", [b"", b"{}", b"5"])
def test_no_assignment_at_all_is_refused(line: bytes) -> None:
    with pytest.raises(DecodeError):
        Assignment.from_line(line)
