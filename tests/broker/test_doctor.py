"""The doctor: finds nothing wrong with what was provisioned, and says what somebody broke."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from asyncmcp_nb.broker import DeadLetters
from asyncmcp_nb.broker.doctor import Finding, examine
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.wire import Outgoing
from tests.broker.eyes import Eyes

AGAIN = ", with the options of then, puts it right"


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


def problems(deployment: Deployment) -> list[tuple[str, str]]:
    """What is wrong, in words without the deployment's name, and what to do."""
    found = [finding for finding in examine(deployment) if finding.verdict != "fine"]
    return [(f.words.replace(deployment.name, "D"), f.step.partition(AGAIN)[0]) for f in found]


def test_what_was_provisioned_is_fine_and_nothing_of_the_doctors_stays(
    deployment: Deployment, eyes: Eyes
) -> None:
    queues = eyes.queue_names()

    findings = list(examine(deployment))

    assert [str(f) for f in findings if f.verdict != "fine"] == []
    assert findings[-1].what == "round trip"
    assert eyes.queue_names() == queues
    assert eyes.feeds(deployment.response_topic_arn) == {}


def test_so_is_a_fifo_deployment(fifo_deployment: Deployment) -> None:
    assert problems(fifo_deployment) == []


def test_a_policy_that_admits_nobody_and_letters_that_go_nowhere_are_said(
    deployment: Deployment, eyes: Eyes
) -> None:
    again = f"`asyncmcp-nb provision {deployment.name}`"
    url = deployment.server_queue_url
    was = eyes.queue(url)
    redrive = {**json.loads(was["RedrivePolicy"]), "deadLetterTargetArn": was["QueueArn"]}
    other = {"Policy": was["Policy"], "RedrivePolicy": json.dumps(redrive)}

    eyes.sqs.set_queue_attributes(QueueUrl=url, Attributes=other)
    misled = problems(deployment)
    eyes.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    closed = problems(deployment)

    assert misled == [("what is received too often does not go to the dead-letter queue", again)]
    assert closed == [("its policy does not let D-requests send to it", again)]


def test_a_subscription_that_is_not_raw_is_another_or_is_gone_is_said(
    deployment: Deployment, eyes: Eyes
) -> None:
    (feed,) = eyes.feeds(deployment.request_topic_arn).values()
    arn = feed["SubscriptionArn"]
    said: list[str] = []

    for name, value in (
        ("FilterPolicy", json.dumps({"ClientId": ["somebody"]})),
        ("RawMessageDelivery", "false"),
    ):
        eyes.sns.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName=name, AttributeValue=value
        )
        said += [words for words, _ in problems(deployment)]
    eyes.sns.unsubscribe(SubscriptionArn=arn)
    said += [words for words, _ in problems(deployment)]

    assert said == [
        "its filter is another: workers would get messages that are not for them, or none",
        "its delivery is not raw",
        "D-requests does not feed the queue",
    ]


def test_a_topic_that_is_gone_is_said_and_the_rest_is_looked_at(
    deployment: Deployment, eyes: Eyes
) -> None:
    eyes.sns.delete_topic(TopicArn=deployment.response_topic_arn)

    found = [f for f in examine(deployment) if f.verdict == "problem"]

    assert [f.what for f in found] == ["response topic", "round trip"]
    assert all("provision it" in f.words for f in found)


def test_where_nobody_answers_that_is_all_there_is_to_say(deployment: Deployment) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    there = deployment.server_queue_url.split("/", 3)[3]
    away = replace(deployment, endpoint_url=gone, server_queue_url=f"{gone}/{there}")

    findings = list(examine(away))

    assert [(f.what.split()[0], f.verdict) for f in findings] == [
        ("credentials", "fine"),
        ("endpoint", "problem"),
    ]
    assert "check the endpoint" in findings[-1].words


def test_keys_and_buckets_that_are_not_there_are_said_and_no_key_is_shown(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "s3cret" * 8
    monkeypatch.setitem(os.environ, "GOOD_KEY", secret)
    keyed = replace(
        deployment,
        signing_keys=("env:GOOD_KEY", "env:NO_SUCH_KEY"),
        claim_check_bucket="no-such-bucket-of-ours",
    )

    findings = list(examine(keyed))

    bad = [f.what for f in findings if f.verdict != "fine"]
    assert bad == ["signing key env:NO_SUCH_KEY", "bucket no-such-bucket-of-ours"]
    assert [str(f) for f in findings if "GOOD_KEY" in f.what] == [
        "✓ signing key env:GOOD_KEY: there, and long enough"
    ]
    assert secret not in "\n".join(map(str, findings))


def test_a_session_key_counts_to_its_last_byte(deployment: Deployment, tmp_path: Path) -> None:
    """It is random: one of a hundred ends with what would be the end of a line."""
    key = tmp_path / "key"
    keyed = replace(deployment, session_key_file=str(key))

    key.write_bytes(b"k" * 31 + b"\n")
    assert problems(keyed) == []
    key.write_bytes(b"k" * 31)
    assert problems(keyed) == [(f"session key {key}: at least 32 bytes", "")]


def test_dead_letters_are_counted_and_no_problem_of_the_connection(
    deployment: Deployment, aws_bus: AwsBus
) -> None:
    aws_bus.send(deployment.dead_letter_queue_url, Outgoing("lost", {}))

    found = next(f for f in examine(deployment) if f.what.startswith("dead-letter queue"))

    assert (found.verdict, found.words) == ("fine", "1 messages in it")
    assert DeadLetters(deployment).count() == 1


def test_a_finding_is_one_line_whatever_was_answered_and_its_step_another() -> None:
    finding = Finding("x", "problem", "a\x1b[31m\nb", "do\nit")

    assert str(finding) == "✗ x: a\\u001b[31m b\n  → do it"
