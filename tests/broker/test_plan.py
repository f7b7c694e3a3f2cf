"""Names, policies and filters of a deployment, without a broker."""

from __future__ import annotations

import json

import pytest

from asyncmcp_nb.broker.plan import Place, plan_client, plan_deployment, plan_worker, queue_policy
from asyncmcp_nb.errors import ConfigError

PLACE = Place(region="eu-west-1", account_id="123456789012")
DAY_SECONDS = 86_400


def test_everything_is_named_after_the_deployment() -> None:
    plan = plan_deployment("demo", PLACE)

    assert plan.request_topic.arn == "arn:aws:sns:eu-west-1:123456789012:demo-requests"
    assert plan.response_topic.arn == "arn:aws:sns:eu-west-1:123456789012:demo-responses"
    assert plan.server_queue.name == "demo-server"
    assert plan.dead_letter_queue.arn == "arn:aws:sqs:eu-west-1:123456789012:demo-server-dlq"


def test_a_place_is_read_from_an_arn_of_any_partition() -> None:
    place = Place.of_arn("arn:aws-cn:sns:cn-north-1:123456789012:demo-requests")

    assert place == Place(region="cn-north-1", account_id="123456789012", partition="aws-cn")
    assert place.queue_arn("q") == "arn:aws-cn:sqs:cn-north-1:123456789012:q"


def test_the_server_queue_gets_all_but_control_messages_and_keeps_them_four_days() -> None:
    queue = plan_deployment("demo", PLACE, lease_seconds=60).server_queue

    assert queue.topic_arn == "arn:aws:sns:eu-west-1:123456789012:demo-requests"
    assert queue.filter_policy == {"WorkerId": [{"exists": False}]}
    assert queue.attributes["MessageRetentionPeriod"] == str(4 * DAY_SECONDS)
    assert queue.attributes["VisibilityTimeout"] == "60"


def test_a_request_received_five_times_goes_to_the_dead_letters_of_its_deployment() -> None:
    plan = plan_deployment("demo", PLACE)

    assert json.loads(plan.server_queue.attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": plan.dead_letter_queue.arn,
        "maxReceiveCount": 5,
    }
    assert plan.dead_letter_queue.attributes == {"MessageRetentionPeriod": str(14 * DAY_SECONDS)}
    assert plan.dead_letter_queue.topic_arn is None


def test_a_client_gets_its_own_answers_and_has_two_weeks_to_fetch_them() -> None:
    topic = PLACE.topic_arn("demo-responses")

    queue = plan_client("demo", "alice", topic)

    assert queue.name == "demo-client-alice"
    assert queue.topic_arn == topic
    assert queue.filter_policy == {"ClientId": ["alice"]}
    assert queue.attributes["MessageRetentionPeriod"] == str(14 * DAY_SECONDS)


def test_a_worker_gets_control_messages_for_it_and_for_all() -> None:
    topic = PLACE.topic_arn("demo-requests")

    queue = plan_worker("demo", "w1", topic)

    assert queue.name == "demo-worker-w1"
    assert queue.topic_arn == topic
    assert queue.filter_policy == {"WorkerId": ["w1", "*"]}


def test_a_queue_admits_sns_for_its_one_topic_only() -> None:
    topic = PLACE.topic_arn("demo-responses")

    queue = plan_client("demo", "alice", topic)

    assert json.loads(queue.attributes["Policy"]) == queue_policy(queue.arn, topic)
    (statement,) = queue_policy(queue.arn, topic)["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == queue.arn
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": topic}}


def test_deliveries_are_raw_and_filtered_by_attributes() -> None:
    queue = plan_client("demo", "alice", PLACE.topic_arn("demo-responses"))

    assert queue.subscription_attributes == {
        "RawMessageDelivery": "true",
        "FilterPolicyScope": "MessageAttributes",
        "FilterPolicy": '{"ClientId": ["alice"]}',
    }


def test_topics_are_left_as_they_are_unless_a_size_is_given() -> None:
    assert plan_deployment("demo", PLACE).request_topic.attributes == {}

    raised = plan_deployment("demo", PLACE, maximum_message_size_bytes=1024 * 1024)

    assert raised.request_topic.attributes == {"MaximumMessageSize": "1048576"}
    assert raised.response_topic.attributes == {"MaximumMessageSize": "1048576"}


@pytest.mark.parametrize("size", [0, 1023, 1024 * 1024 + 1])
def test_a_size_that_no_topic_takes_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match="1,024 to 1,048,576"):
        plan_deployment("demo", PLACE, maximum_message_size_bytes=size)


@pytest.mark.parametrize("lease_seconds", [0, 43_201])
def test_a_lease_that_no_queue_takes_is_refused(lease_seconds: int) -> None:
    with pytest.raises(ConfigError, match="lease_seconds"):
        plan_deployment("demo", PLACE, lease_seconds=lease_seconds)


@pytest.mark.parametrize("name", ["", "-x", "with space", "ünï", "a.fifo", "x" * 41])
def test_a_name_that_no_queue_may_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="deployment name"):
        plan_deployment(name, PLACE)
    with pytest.raises(ConfigError, match="client name"):
        plan_client("demo", name, PLACE.topic_arn("t"))
    with pytest.raises(ConfigError, match="worker name"):
        plan_worker("demo", name, PLACE.topic_arn("t"))


def test_names_that_are_too_long_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="longer than 80"):
        plan_client("d" * 40, "c" * 40, PLACE.topic_arn("t"))


def test_a_dry_run_reads_well() -> None:
    plan = plan_deployment("demo", PLACE, maximum_message_size_bytes=1024 * 1024)

    assert plan.describe() == (
        "deployment demo in eu-west-1, account 123456789012\n"
        "  topic demo-requests  up to 1,048,576 B\n"
        "  topic demo-responses  up to 1,048,576 B\n"
        "  queue demo-server-dlq  keeps messages 14 days\n"
        "  queue demo-server  keeps messages 4 days; leases them for 30 s; "
        "5 receives, then to demo-server-dlq; "
        'from demo-requests where {"WorkerId": [{"exists": false}]}\n'
    )
