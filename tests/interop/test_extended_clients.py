"""Claim checks that Amazon's extended client libraries write and read, as they are published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from asyncmcp_nb.broker import ensure_client
from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.bus.s3 import S3Payloads
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.claim_check import (
    PAYLOAD_SIZE_ATTRIBUTE,
    Pointer,
    check_location,
    is_claim_check,
    key_prefix,
    new_key,
    pointer_body,
    read_pointer,
)

PROGRAM: Final = Path(__file__).with_name("extended_clients.py")
PATIENCE_SECONDS: Final = 30
LARGE: Final = json.dumps({"text": "naïve 日本語 🚀" + "x" * 300_000}, ensure_ascii=False)
FOR_ALICE: Final = {"ClientId": {"DataType": "String", "StringValue": "alice"}}


class Libraries:
    """Amazon's libraries, at work in processes of their own."""

    def __init__(self, deployment: Deployment) -> None:
        self.bucket = bucket_of(deployment)
        self._environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": deployment.region,
            "AWS_ENDPOINT_URL": deployment.endpoint_url or "",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def do(self, action: str, **request: Any) -> dict[str, Any]:
        """``send``, ``publish`` or ``receive`` one message through the deployment's bucket."""
        done = subprocess.run(
            [sys.executable, str(PROGRAM), action],
            input=json.dumps({"bucket": self.bucket, **request}),
            env=self._environment,
            timeout=PATIENCE_SECONDS,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return json.loads(done.stdout)


@pytest.fixture
def libraries(deployment: Deployment) -> Libraries:
    return Libraries(deployment)


@pytest.fixture
def payloads(deployment: Deployment) -> Iterator[S3Payloads]:
    store = S3Payloads.open(
        bucket_of(deployment), region=deployment.region, endpoint_url=deployment.endpoint_url
    )
    yield store
    store.close()


def bucket_of(deployment: Deployment) -> str:
    assert deployment.claim_check_bucket is not None
    return deployment.claim_check_bucket


def receive(bus: AwsBus, queue: str) -> Delivery:
    (delivery,) = bus.receive(queue, max_count=1, wait_seconds=10, lease_seconds=30)
    return delivery


def fetch(payloads: S3Payloads, body: str) -> bytes:
    pointer = read_pointer(body)
    check_location(pointer, payloads.bucket)
    return payloads.get(pointer.key, 2**20)


@pytest.mark.parametrize("legacy", [False, True], ids=["today", "legacy"])
def test_what_their_sqs_client_sends_is_read_here(
    deployment: Deployment,
    aws_bus: AwsBus,
    payloads: S3Payloads,
    libraries: Libraries,
    legacy: bool,
) -> None:
    queue = ensure_client(deployment, "alice")

    libraries.do("send", queue=queue, body=LARGE, attributes=FOR_ALICE, legacy=legacy)

    delivery = receive(aws_bus, queue)
    assert is_claim_check(delivery.attributes)
    assert delivery.attributes["ClientId"] == "alice"
    assert fetch(payloads, delivery.body).decode() == LARGE


@pytest.mark.parametrize("legacy", [False, True], ids=["today", "legacy"])
def test_what_their_sns_client_publishes_is_read_here_behind_a_topic(
    deployment: Deployment,
    aws_bus: AwsBus,
    payloads: S3Payloads,
    libraries: Libraries,
    legacy: bool,
) -> None:
    queue = ensure_client(deployment, "alice")
    topic = deployment.response_topic_arn

    libraries.do("publish", topic=topic, body=LARGE, attributes=FOR_ALICE, legacy=legacy)

    delivery = receive(aws_bus, queue)
    assert is_claim_check(delivery.attributes)
    assert fetch(payloads, delivery.body).decode() == LARGE


def test_without_raw_delivery_pointer_and_attribute_stand_in_the_notification(
    deployment: Deployment, aws_bus: AwsBus, payloads: S3Payloads, libraries: Libraries
) -> None:
    queue = ensure_client(deployment, "alice")
    topic = deployment.response_topic_arn
    deliver_wrapped(deployment)

    libraries.do("publish", topic=topic, body=LARGE, attributes=FOR_ALICE, legacy=False)

    delivery = receive(aws_bus, queue)
    notification = json.loads(delivery.body)
    assert not is_claim_check(delivery.attributes)
    assert notification["MessageAttributes"][PAYLOAD_SIZE_ATTRIBUTE] == {
        "Type": "Number",
        "Value": str(len(LARGE.encode())),
    }
    assert fetch(payloads, notification["Message"]).decode() == LARGE


def test_what_is_published_here_is_read_by_their_sqs_client(
    deployment: Deployment, aws_bus: AwsBus, payloads: S3Payloads, libraries: Libraries
) -> None:
    queue = ensure_client(deployment, "alice")
    pointer = Pointer(payloads.bucket, new_key(key_prefix(deployment.name)))
    content = LARGE.encode()
    attributes = {"ClientId": "alice", PAYLOAD_SIZE_ATTRIBUTE: str(len(content))}

    payloads.put(pointer.key, content)
    outcome = aws_bus.publish(
        deployment.response_topic_arn, [Outgoing(pointer_body(pointer), attributes)]
    )

    assert outcome == [None]
    assert libraries.do("receive", queue=queue) == {"body": LARGE, "attributes": FOR_ALICE}


def test_both_write_a_pointer_in_the_same_way(
    deployment: Deployment, aws_bus: AwsBus, libraries: Libraries
) -> None:
    queue = ensure_client(deployment, "alice")
    key = {"DataType": "String", "StringValue": "a/key of their caller's/日本"}

    libraries.do("send", queue=queue, body="x", attributes={"S3Key": key}, legacy=False)

    delivery = receive(aws_bus, queue)
    assert delivery.attributes[PAYLOAD_SIZE_ATTRIBUTE] == "1"
    assert delivery.body == pointer_body(Pointer(libraries.bucket, key["StringValue"]))


def deliver_wrapped(deployment: Deployment) -> None:
    """Switch raw delivery off for all that the response topic feeds."""
    sns: Any = make_client("sns", region=deployment.region, endpoint_url=deployment.endpoint_url)
    topic = deployment.response_topic_arn
    for fed in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        sns.set_subscription_attributes(
            SubscriptionArn=fed["SubscriptionArn"],
            AttributeName="RawMessageDelivery",
            AttributeValue="false",
        )
    sns.close()
