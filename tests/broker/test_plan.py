"""Names, policies and filters of a deployment, without a broker."""

from __future__ import annotations

import json

import pytest

from asyncmcp_nb.broker.plan import MAX_RECEIVE_COUNT, plan_client, plan_deployment, plan_worker
from asyncmcp_nb.broker.resources import (
    Place,
    QueuePlan,
    admitted_topics,
    queue_policy,
    topic_creation_attributes,
)
from asyncmcp_nb.config import Deployment, SnsSqsTransportConfig
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


def test_a_request_received_too_often_goes_to_the_dead_letters_of_its_deployment() -> None:
    plan = plan_deployment("demo", PLACE)

    assert json.loads(plan.server_queue.attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": plan.dead_letter_queue.arn,
        "maxReceiveCount": MAX_RECEIVE_COUNT,
    }
    assert plan.dead_letter_queue.attributes == {"MessageRetentionPeriod": str(14 * DAY_SECONDS)}
    assert plan.dead_letter_queue.topic_arn is None


def test_workers_give_a_request_up_with_a_reason_before_sqs_does_without() -> None:
    config = SnsSqsTransportConfig(sqs_queue_url="q", sns_topic_arn="t")

    assert config.max_attempt_count < MAX_RECEIVE_COUNT


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


def fed_queues(*, fifo: bool) -> list[tuple[QueuePlan, str]]:
    """Each kind of queue that a topic feeds, with that topic."""
    plan = plan_deployment("demo", PLACE, fifo=fifo)
    requests, responses = plan.request_topic.arn, plan.response_topic.arn
    return [
        (plan.server_queue, requests),
        (plan_worker("demo", "w1", requests), requests),
        (plan_client("demo", "alice", responses), responses),
    ]


@pytest.mark.parametrize("fifo", [False, True])
def test_a_queue_admits_sns_for_its_one_topic_and_nobody_else(*, fifo: bool) -> None:
    for queue, topic in fed_queues(fifo=fifo):
        assert json.loads(queue.attributes["Policy"]) == {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FromItsTopic",
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue.arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
                }
            ],
        }
        assert queue.topic_arn == topic
        # ArnEquals reads these as wildcards.
        assert set("*?").isdisjoint(topic)


@pytest.mark.parametrize("fifo", [False, True])
def test_the_dead_letter_queue_admits_nobody(*, fifo: bool) -> None:
    assert "Policy" not in plan_deployment("demo", PLACE, fifo=fifo).dead_letter_queue.attributes


def test_the_topics_of_a_policy_are_read_back() -> None:
    topic = PLACE.topic_arn("demo-requests")

    assert admitted_topics(json.dumps(queue_policy("arn:queue", topic))) == {topic}


@pytest.mark.parametrize(
    "policy",
    [
        *("", "{half", "[]", "{}", '{"Statement": [{"Sid": "any"}]}', '{"Statement": 5}'),
        '{"Statement": [{"Condition": {"ArnEquals": {"aws:SourceArn": ["a"]}}}]}',
    ],
)
def test_a_policy_of_another_form_admits_no_topic_of_ours(policy: str) -> None:
    assert admitted_topics(policy) == set()


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
        "50 receives, then to demo-server-dlq; "
        'from demo-requests where {"WorkerId": [{"exists": false}]}\n'
    )


# -- FIFO -----------------------------------------------------------------------------------------


def test_all_of_a_fifo_deployment_is_named_as_aws_wants_it() -> None:
    plan = plan_deployment("demo", PLACE, fifo=True)

    assert plan.request_topic.arn == "arn:aws:sns:eu-west-1:123456789012:demo-requests.fifo"
    assert plan.response_topic.arn == "arn:aws:sns:eu-west-1:123456789012:demo-responses.fifo"
    assert plan.server_queue.name == "demo-server.fifo"
    assert plan.dead_letter_queue.name == "demo-server-dlq.fifo"
    assert plan_client("demo", "alice", plan.response_topic.arn).name == "demo-client-alice.fifo"
    assert plan_worker("demo", "w1", plan.request_topic.arn).name == "demo-worker-w1.fifo"


def test_fifo_dead_letters_go_to_a_fifo_queue_and_others_to_another() -> None:
    for fifo, name in ((True, "demo-server-dlq.fifo"), (False, "demo-server-dlq")):
        policy = plan_deployment("demo", PLACE, fifo=fifo).server_queue.attributes["RedrivePolicy"]

        assert json.loads(policy)["deadLetterTargetArn"] == PLACE.queue_arn(name)


def test_fifo_topics_and_queues_have_throughput_by_the_connection() -> None:
    plan = plan_deployment("demo", PLACE, fifo=True)
    queues = [plan.dead_letter_queue, *(queue for queue, _ in fed_queues(fifo=True))]

    for topic in (plan.request_topic, plan.response_topic):
        assert topic_creation_attributes(topic.name) == {
            "FifoTopic": "true",
            "ContentBasedDeduplication": "false",
            "FifoThroughputScope": "MessageGroup",
        }
    for queue in queues:
        assert queue.creation_attributes == {"FifoQueue": "true", **queue.attributes}
        # It cannot be set again: SQS takes it when a queue is made, and never after.
        assert "FifoQueue" not in queue.attributes
        assert queue.attributes["ContentBasedDeduplication"] == "false"
        assert queue.attributes["DeduplicationScope"] == "messageGroup"
        assert queue.attributes["FifoThroughputLimit"] == "perMessageGroupId"


def test_standard_topics_and_queues_have_nothing_of_that() -> None:
    assert topic_creation_attributes("demo-requests") == {}
    for queue, _ in fed_queues(fifo=False):
        assert queue.creation_attributes == queue.attributes
        assert not [name for name in queue.attributes if "Fifo" in name or "Dedup" in name]


def test_a_fifo_clients_queue_is_where_the_deployment_says() -> None:
    topic = PLACE.topic_arn("demo-responses.fifo")
    deployment = Deployment(
        name="demo",
        region="eu-west-1",
        request_topic_arn=PLACE.topic_arn("demo-requests.fifo"),
        response_topic_arn=topic,
        server_queue_url="https://sqs/1/demo-server.fifo",
        dead_letter_queue_url="https://sqs/1/demo-server-dlq.fifo",
        fifo=True,
    )

    queue = plan_client("demo", "alice", topic)

    assert deployment.client_queue_url("alice") == f"https://sqs/1/{queue.name}"


def test_the_end_of_the_name_counts_in_its_length() -> None:
    # 27 + len("-client-") + 40 + len(".fifo") is 80, the most that SQS takes.
    topic = PLACE.topic_arn("t.fifo")

    assert len(plan_client("d" * 27, "c" * 40, topic).name) == 80
    with pytest.raises(ConfigError, match="longer than 80"):
        plan_client("d" * 28, "c" * 40, topic)


def test_a_dry_run_says_that_it_is_fifo() -> None:
    lines = plan_deployment("demo", PLACE, fifo=True).describe().splitlines()

    assert lines[0] == "deployment demo in eu-west-1, account 123456789012, FIFO"
    assert lines[1] == "  topic demo-requests.fifo"
    assert "then to demo-server-dlq.fifo; from demo-requests.fifo where" in lines[-1]
