"""Deployments on a broker: made, made again, changed, removed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
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
from asyncmcp_nb.bus.aws import AwsBus, make_client
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusNotFound, BusUnavailable, ConfigError
from asyncmcp_nb.wire import Outgoing


class Eyes:
    """Looks at what there is, past the code under test."""

    def __init__(self, deployment: Deployment) -> None:
        where: dict[str, Any] = {
            "region": deployment.region,
            "endpoint_url": deployment.endpoint_url,
        }
        self.sqs = make_client("sqs", **where)
        self.sns = make_client("sns", **where)
        self._base = deployment.name

    def queue(self, url: str) -> dict[str, str]:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def queue_names(self) -> list[str]:
        urls = self.sqs.list_queues(QueueNamePrefix=self._base).get("QueueUrls", [])
        return sorted(url.rpartition("/")[2].removeprefix(self._base) for url in urls)

    def topic_names(self) -> list[str]:
        arns = [topic["TopicArn"] for topic in self.sns.list_topics()["Topics"]]
        names = [arn.rpartition(":")[2] for arn in arns]
        return sorted(n.removeprefix(self._base) for n in names if n.startswith(self._base))

    def feeds(self, topic_arn: str) -> dict[str, dict[str, Any]]:
        """Subscription attributes by the name of the queue that is fed."""
        found = self.sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
        return {
            entry["Endpoint"].rpartition(":")[2].removeprefix(self._base): (
                self.sns.get_subscription_attributes(SubscriptionArn=entry["SubscriptionArn"])
            )["Attributes"]
            for entry in found
        }


@pytest.fixture
def eyes(deployment: Deployment) -> Iterator[Eyes]:
    seeing = Eyes(deployment)
    yield seeing
    seeing.sqs.close()
    seeing.sns.close()


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
    assert json.loads(server["RedrivePolicy"])["maxReceiveCount"] == 5
    assert deployment.request_topic_arn in server["Policy"]
    (feed,) = eyes.feeds(deployment.request_topic_arn).values()
    assert feed["RawMessageDelivery"] == "true"
    assert json.loads(feed["FilterPolicy"]) == {"WorkerId": [{"exists": False}]}
    assert eyes.feeds(deployment.response_topic_arn) == {}


def test_making_it_again_changes_nothing_and_loses_nothing(
    deployment: Deployment, eyes: Eyes, aws_bus: AwsBus
) -> None:
    aws_bus.publish(deployment.request_topic_arn, [Outgoing("kept", {})])
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
    assert json.loads(server["RedrivePolicy"])["maxReceiveCount"] == 5


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
        claim_check_bucket="bucket",
        allowed_reply_topics=("arn:aws:sns:us-east-1:1:mine",),
    )

    assert made.region == "us-east-1"
    assert made.claim_check_bucket == "bucket"
    assert made.allowed_reply_topics == ("arn:aws:sns:us-east-1:1:mine",)
    assert made.server_queue_url == deployment.server_queue_url


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
            Outgoing("work", {}),
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


def test_a_raised_limit_can_be_asked_for(deployment: Deployment) -> None:
    provision_again(deployment, maximum_message_size_bytes=1024 * 1024)

    # Moto takes the setting, but neither reports nor follows it.
    assert topic_limit_bytes(deployment) == 262_144


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

    with pytest.raises(BusUnavailable, match=f"CreateTopic on {name}-requests.*127.0.0.1:1"):
        provision(name, region="us-east-1", endpoint_url="http://127.0.0.1:1")
