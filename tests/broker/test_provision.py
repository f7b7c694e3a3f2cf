"""Deployments on a broker: made, made again, changed, removed."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from typing import Any

import boto3
import pytest

from asyncmcp_nb.broker import (
    ensure_client,
    ensure_worker,
    provision,
    remove_client,
    remove_worker,
    teardown,
    topic_limit_bytes,
)
from asyncmcp_nb.broker.plan import MAX_RECEIVE_COUNT
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusNotFound, BusUnavailable, ConfigError
from asyncmcp_nb.wire import Outgoing
from tests.broker.eyes import Eyes

ANY = {"MessageType": "jsonrpc"}
"""Attributes, since a filter for the absence of one drops messages without any."""


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


def provision_again(deployment: Deployment, **options: Any) -> Deployment:
    return provision(
        deployment.name, region=deployment.region, endpoint_url=deployment.endpoint_url, **options
    )


def test_a_deployment_has_two_topics_a_server_queue_and_dead_letters(
    deployment: Deployment, eyes: Eyes
) -> None:
    assert eyes.topic_names() == ["-requests", "-responses"]
    assert eyes.queue_names() == ["-server", "-server-dlq"]
    server = eyes.queue(deployment.server_queue_url)
    assert server["MessageRetentionPeriod"] == "345600"
    assert server["VisibilityTimeout"] == "30"
    assert json.loads(server["RedrivePolicy"])["maxReceiveCount"] == MAX_RECEIVE_COUNT
    assert deployment.request_topic_arn in server["Policy"]
    (feed,) = eyes.feeds(deployment.request_topic_arn).values()
    assert feed["RawMessageDelivery"] == "true"
    assert json.loads(feed["FilterPolicy"]) == {"WorkerId": [{"exists": False}]}
    assert eyes.feeds(deployment.response_topic_arn) == {}


def test_making_it_again_changes_nothing_and_loses_nothing(
    deployment: Deployment, eyes: Eyes, aws_bus: AwsBus
) -> None:
    aws_bus.publish(deployment.request_topic_arn, [Outgoing("kept", ANY)])
    before = eyes.queue(deployment.server_queue_url), eyes.feeds(deployment.request_topic_arn)

    again = provision_again(deployment)

    after = eyes.queue(deployment.server_queue_url), eyes.feeds(deployment.request_topic_arn)
    assert again.server_queue_url == deployment.server_queue_url
    assert again.response_topic_arn == deployment.response_topic_arn
    assert after == before
    (delivery,) = aws_bus.receive(
        deployment.server_queue_url, max_count=1, wait_seconds=20, lease_seconds=30
    )
    assert delivery.body == "kept"


def test_a_changed_option_changes_what_exists(deployment: Deployment, eyes: Eyes) -> None:
    provision_again(deployment, lease_seconds=90)

    server = eyes.queue(deployment.server_queue_url)
    assert server["VisibilityTimeout"] == "90"
    assert server["MessageRetentionPeriod"] == "345600"
    assert deployment.request_topic_arn in server["Policy"]
    assert json.loads(server["RedrivePolicy"])["maxReceiveCount"] == MAX_RECEIVE_COUNT


def test_what_was_changed_by_hand_is_put_right(deployment: Deployment, eyes: Eyes) -> None:
    url = ensure_client(deployment, "alice")
    foreign = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "any"}]})
    eyes.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": foreign})
    (feed,) = eyes.feeds(deployment.response_topic_arn).values()
    eyes.sns.set_subscription_attributes(
        SubscriptionArn=feed["SubscriptionArn"],
        AttributeName="FilterPolicy",
        AttributeValue='{"ClientId": ["bob"]}',
    )

    assert ensure_client(deployment, "alice") == url

    (feed,) = eyes.feeds(deployment.response_topic_arn).values()
    assert json.loads(feed["FilterPolicy"]) == {"ClientId": ["alice"]}
    assert deployment.response_topic_arn in eyes.queue(url)["Policy"]


def test_whom_the_dead_letter_queue_admits_by_hand_it_admits_no_more(
    deployment: Deployment, eyes: Eyes
) -> None:
    url = deployment.dead_letter_queue_url
    foreign = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "any"}]})
    eyes.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": foreign})

    provision_again(deployment)

    assert not eyes.queue(url).get("Policy")
    assert eyes.queue(url)["MessageRetentionPeriod"] == "1209600"


def test_a_session_and_what_a_deployment_only_remembers_are_taken(
    deployment: Deployment,
) -> None:
    session: Any = boto3.Session(
        aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )

    made = provision(
        deployment.name,
        session,
        endpoint_url=deployment.endpoint_url,
        allowed_reply_topics=("arn:aws:sns:us-east-1:1:mine",),
        session_key_file="/run/session.key",
        signing_keys=("env:NEW", "file:/run/old.key"),
    )

    assert made.region == "us-east-1"
    assert made.allowed_reply_topics == ("arn:aws:sns:us-east-1:1:mine",)
    assert made.session_key_file == "/run/session.key"
    assert made.signing_keys == ("env:NEW", "file:/run/old.key")
    assert made.server_queue_url == deployment.server_queue_url
    assert Deployment.from_toml(made.to_toml()) == made


def test_payloads_in_the_bucket_given_expire(deployment: Deployment) -> None:
    bucket = f"{deployment.name}-large"
    place: dict[str, Any] = {"region": "us-east-1", "endpoint_url": deployment.endpoint_url}
    with closing(make_client("s3", **place)) as s3:
        s3.create_bucket(Bucket=bucket)

        made = provision_again(deployment, claim_check_bucket=bucket)

        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        s3.delete_bucket(Bucket=bucket)
    assert made.claim_check_bucket == bucket
    assert [rule["ID"] for rule in rules] == ["asyncmcp-nb"]


def test_what_cannot_be_is_refused_before_anything_is_made(
    deployment: Deployment, eyes: Eyes
) -> None:
    place: dict[str, Any] = {"region": "us-east-1", "endpoint_url": deployment.endpoint_url}
    name = f"{deployment.name}-2"
    misspelled: dict[str, Any] = {"claim_chek_bucket": "x"}

    with pytest.raises(BusNotFound, match="no-such-bucket"):
        provision(name, **place, claim_check_bucket="no-such-bucket")
    with pytest.raises(ConfigError, match="env:NAME or file:PATH"):
        provision(name, **place, signing_keys=("the-key-itself",))
    with pytest.raises(TypeError, match="no option 'claim_chek_bucket'"):
        provision(name, **place, **misspelled)

    assert [found for found in eyes.topic_names() if found.startswith("-2")] == []


def test_a_clients_queue_is_where_the_deployment_says(deployment: Deployment, eyes: Eyes) -> None:
    url = ensure_client(deployment, "alice")

    assert url == deployment.client_queue_url("alice")
    assert ensure_client(deployment, "alice") == url
    (feed,) = eyes.feeds(deployment.response_topic_arn).values()
    assert feed["RawMessageDelivery"] == "true"
    assert json.loads(feed["FilterPolicy"]) == {"ClientId": ["alice"]}


def test_a_removed_clients_queue_is_fed_no_more(
    deployment: Deployment, eyes: Eyes, aws_bus: AwsBus
) -> None:
    url = ensure_client(deployment, "alice")

    remove_client(deployment, "alice")
    remove_client(deployment, "alice")

    assert eyes.feeds(deployment.response_topic_arn) == {}
    topic = deployment.response_topic_arn
    assert aws_bus.publish(topic, [Outgoing("x", {"ClientId": "alice"})]) == [None]
    with pytest.raises(BusNotFound):
        aws_bus.receive(url, max_count=1, wait_seconds=0, lease_seconds=1)


def test_a_workers_control_queue_hears_what_is_for_it_and_for_all(
    deployment: Deployment, aws_bus: AwsBus
) -> None:
    url = ensure_worker(deployment, "w1")

    aws_bus.publish(
        deployment.request_topic_arn,
        [
            Outgoing("work", ANY),
            Outgoing("mine", {"WorkerId": "w1"}),
            Outgoing("others", {"WorkerId": "w2"}),
            Outgoing("all", {"WorkerId": "*"}),
        ],
    )

    heard = aws_bus.receive(url, max_count=10, wait_seconds=20, lease_seconds=30)
    assert [delivery.body for delivery in heard] == ["mine", "all"]
    work = aws_bus.receive(
        deployment.server_queue_url, max_count=10, wait_seconds=20, lease_seconds=30
    )
    assert [delivery.body for delivery in work] == ["work"]


def test_a_removed_worker_leaves_the_server_queue_and_other_workers_be(
    deployment: Deployment, eyes: Eyes
) -> None:
    ensure_worker(deployment, "w1")
    ensure_worker(deployment, "w2")

    remove_worker(deployment, "w1")

    assert eyes.queue_names() == ["-server", "-server-dlq", "-worker-w2"]
    assert set(eyes.feeds(deployment.request_topic_arn)) == {"-server", "-worker-w2"}


def test_teardown_removes_all_of_a_deployment_and_nothing_of_others(
    deployment: Deployment, eyes: Eyes
) -> None:
    ensure_client(deployment, "alice")
    ensure_worker(deployment, "w1")
    # Its queues are named as if they were those of a client of the first.
    other = provision(
        f"{deployment.name}-client-x",
        region=deployment.region,
        endpoint_url=deployment.endpoint_url,
    )

    teardown(deployment)

    assert eyes.topic_names() == ["-client-x-requests", "-client-x-responses"]
    assert eyes.queue_names() == ["-client-x-server", "-client-x-server-dlq"]
    teardown(other)
    teardown(deployment)
    assert eyes.topic_names() == []
    assert eyes.queue_names() == []


def test_a_topic_that_does_not_tell_its_limit_has_the_default(deployment: Deployment) -> None:
    assert topic_limit_bytes(deployment) == 262_144


def test_a_raised_limit_can_be_asked_for(moto_deployment: Deployment) -> None:
    provision_again(moto_deployment, maximum_message_size_bytes=1024 * 1024)

    # Moto takes the setting, but neither reports nor follows it; fauxqs does not know it.
    assert topic_limit_bytes(moto_deployment) == 262_144


def test_the_limit_of_a_missing_topic_is_an_error(deployment: Deployment) -> None:
    teardown(deployment)

    with pytest.raises(BusNotFound, match="-requests"):
        topic_limit_bytes(deployment)


def test_bad_names_are_refused_before_anything_is_made(deployment: Deployment, eyes: Eyes) -> None:
    with pytest.raises(ConfigError):
        provision("no good", endpoint_url=deployment.endpoint_url)
    with pytest.raises(ConfigError):
        ensure_client(deployment, "no good")
    with pytest.raises(ConfigError):
        ensure_worker(deployment, "")
    assert eyes.queue_names() == ["-server", "-server-dlq"]


def test_a_broker_that_is_not_there_is_named(deployment: Deployment) -> None:
    name = f"t{secrets.token_hex(4)}"

    with pytest.raises(BusUnavailable, match=f"GetQueueUrl on {name}-server.*127.0.0.1:1"):
        provision(name, region="us-east-1", endpoint_url="http://127.0.0.1:1")


# -- FIFO -----------------------------------------------------------------------------------------


def publish(eyes: Eyes, topic_arn: str, body: str, number: int, **attributes: str) -> None:
    """To the group g, past the code under test."""
    eyes.sns.publish(
        TopicArn=topic_arn,
        Message=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
        MessageGroupId="g",
        MessageDeduplicationId=f"d{number}",
    )


def bodies(eyes: Eyes, url: str) -> list[str]:
    """What a queue holds, taken out of it in its order."""
    found: list[dict[str, Any]] = []
    while taken := eyes.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages"):
        found += taken
        for message in taken:
            eyes.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert {message["Attributes"]["MessageGroupId"] for message in found} <= {"g"}
    return [message["Body"] for message in found]


def test_a_fifo_deployment_is_fifo_throughout(fifo_deployment: Deployment, fifo_eyes: Eyes) -> None:
    ensure_client(fifo_deployment, "alice")
    ensure_worker(fifo_deployment, "w1")

    assert fifo_deployment.fifo
    assert fifo_eyes.topic_names() == ["-requests.fifo", "-responses.fifo"]
    names = ["-client-alice.fifo", "-server-dlq.fifo", "-server.fifo", "-worker-w1.fifo"]
    assert fifo_eyes.queue_names() == names
    for name in names:
        url = fifo_deployment.server_queue_url.replace("-server.fifo", name)
        queue = fifo_eyes.queue(url)
        assert queue["FifoQueue"] == "true"
        assert queue["ContentBasedDeduplication"] == "false"
        assert queue["DeduplicationScope"] == "messageGroup"
        assert queue["FifoThroughputLimit"] == "perMessageGroupId"
    assert set(fifo_eyes.feeds(fifo_deployment.request_topic_arn)) == {
        "-server.fifo",
        "-worker-w1.fifo",
    }


def test_messages_reach_the_queues_of_a_fifo_deployment_in_order_and_by_their_filters(
    fifo_deployment: Deployment, fifo_eyes: Eyes
) -> None:
    client = ensure_client(fifo_deployment, "alice")
    worker = ensure_worker(fifo_deployment, "w1")
    requests, responses = fifo_deployment.request_topic_arn, fifo_deployment.response_topic_arn

    for number in range(4):
        publish(fifo_eyes, requests, f"request {number}", number, **ANY)
        publish(fifo_eyes, requests, f"control {number}", 10 + number, WorkerId="w1")
        publish(fifo_eyes, responses, f"answer {number}", number, ClientId="alice")
        publish(fifo_eyes, responses, f"not hers {number}", 20 + number, ClientId="bob")

    four = range(4)
    server = fifo_deployment.server_queue_url
    assert bodies(fifo_eyes, server) == [f"request {number}" for number in four]
    assert bodies(fifo_eyes, worker) == [f"control {number}" for number in four]
    assert bodies(fifo_eyes, client) == [f"answer {number}" for number in four]


def test_a_fifo_clients_queue_is_where_its_deployment_says(
    fifo_deployment: Deployment, fifo_eyes: Eyes
) -> None:
    url = ensure_client(fifo_deployment, "alice")

    assert url == fifo_deployment.client_queue_url("alice")
    assert ensure_client(fifo_deployment, "alice") == url
    (feed,) = fifo_eyes.feeds(fifo_deployment.response_topic_arn).values()
    assert json.loads(feed["FilterPolicy"]) == {"ClientId": ["alice"]}


def test_making_a_fifo_deployment_again_changes_nothing(
    fifo_deployment: Deployment, fifo_eyes: Eyes
) -> None:
    before = fifo_eyes.queue(fifo_deployment.server_queue_url)

    assert provision_again(fifo_deployment, fifo=True) == fifo_deployment
    assert fifo_eyes.queue(fifo_deployment.server_queue_url) == before


def test_a_fifo_deployment_can_be_changed(moto_deployment: Deployment) -> None:
    # Fauxqs does not let the attributes of high throughput be set again.
    name = f"{moto_deployment.name}-f"
    place: dict[str, Any] = {"region": "us-east-1", "endpoint_url": moto_deployment.endpoint_url}
    made = provision(name, **place, fifo=True)

    provision(name, **place, fifo=True, lease_seconds=90)

    with closing(make_client("sqs", **place)) as sqs:
        server = sqs.get_queue_attributes(QueueUrl=made.server_queue_url, AttributeNames=["All"])
    teardown(made)
    assert server["Attributes"]["VisibilityTimeout"] == "90"
    assert server["Attributes"]["FifoQueue"] == "true"


def test_what_is_removed_of_a_fifo_deployment_is_gone_and_the_rest_stays(
    fifo_deployment: Deployment, fifo_eyes: Eyes
) -> None:
    ensure_client(fifo_deployment, "alice")
    ensure_worker(fifo_deployment, "w1")

    remove_client(fifo_deployment, "alice")
    remove_worker(fifo_deployment, "w1")

    assert fifo_eyes.queue_names() == ["-server-dlq.fifo", "-server.fifo"]
    assert fifo_eyes.feeds(fifo_deployment.response_topic_arn) == {}
    assert set(fifo_eyes.feeds(fifo_deployment.request_topic_arn)) == {"-server.fifo"}


def test_teardown_finds_all_of_a_fifo_deployment(
    fifo_deployment: Deployment, fifo_eyes: Eyes
) -> None:
    ensure_client(fifo_deployment, "alice")
    ensure_worker(fifo_deployment, "w1")

    teardown(fifo_deployment)

    assert (fifo_eyes.topic_names(), fifo_eyes.queue_names()) == ([], [])


def test_a_deployment_stays_of_its_kind(
    deployment: Deployment, fifo_deployment: Deployment, eyes: Eyes, fifo_eyes: Eyes
) -> None:
    with pytest.raises(ConfigError, match=r"exists as a standard one .* a FIFO one: choose"):
        provision_again(deployment, fifo=True)
    with pytest.raises(ConfigError, match=r"exists as a FIFO one .* a standard one: choose"):
        provision_again(fifo_deployment)

    assert eyes.queue_names() == ["-server", "-server-dlq"]
    assert fifo_eyes.queue_names() == ["-server-dlq.fifo", "-server.fifo"]
    assert fifo_eyes.topic_names() == ["-requests.fifo", "-responses.fifo"]
