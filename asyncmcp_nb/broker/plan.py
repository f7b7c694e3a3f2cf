"""What a deployment consists of, as data: names, attributes, policies, filters.

::

    <base>-requests  ──▶ <base>-server       all but control messages ──▶ <base>-server-dlq
                     └─▶ <base>-worker-<id>  control messages for this worker, or for all
    <base>-responses ──▶ <base>-client-<name>  messages for this client

Deliveries are raw, and a queue admits its one topic only. AWS's default quotas bound the number of
clients: 200 filter policies per topic, 10,000 per account, five keys per policy.
https://docs.aws.amazon.com/general/latest/gr/sns.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from asyncmcp_nb.bus.filters import FilterPolicy
from asyncmcp_nb.config import require_name
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.limits import (
    MAX_LEASE_SECONDS,
    QUEUE_NAME_LENGTH,
    SNS_RAISED_MESSAGE_BYTES,
)

MAX_RECEIVE_COUNT: Final = 5
"""Receives of a request before it goes to the dead-letter queue."""
DEFAULT_LEASE_SECONDS: Final = 30

_DAY_SECONDS: Final = 24 * 60 * 60
_SERVER_RETENTION_SECONDS: Final = 4 * _DAY_SECONDS
# The longest there is: answers wait for a client that comes back, dead letters for a person.
_CLIENT_RETENTION_SECONDS: Final = 14 * _DAY_SECONDS
_DEAD_LETTER_RETENTION_SECONDS: Final = 14 * _DAY_SECONDS
# A control message is about work in progress at a worker that reads it at once.
_WORKER_RETENTION_SECONDS: Final = 60 * 60
_SMALLEST_MESSAGE_LIMIT_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where names become ARNs."""

    region: str
    account_id: str
    """Twelve digits."""
    partition: str = "aws"
    """``aws``, ``aws-cn``, ``aws-us-gov``."""

    @classmethod
    def of_arn(cls, arn: str) -> Place:
        """The place of something that exists."""
        _, partition, _, region, account_id, *_ = arn.split(":")
        return cls(region=region, account_id=account_id, partition=partition)

    def topic_arn(self, name: str) -> str:
        """The ARN of a topic here."""
        return f"arn:{self.partition}:sns:{self.region}:{self.account_id}:{name}"

    def queue_arn(self, name: str) -> str:
        """The ARN of a queue here."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account_id}:{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """A topic."""

    name: str
    arn: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is to be set; others stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """A queue, and what feeds it."""

    name: str
    arn: str
    attributes: Mapping[str, str]
    """As SQS takes them."""
    topic_arn: str | None = None
    """The topic it subscribes to; None for a queue that is sent to directly."""
    filter_policy: FilterPolicy = field(default_factory=dict[str, list[str]])
    """Which of the topic's messages it gets."""

    @property
    def subscription_attributes(self) -> dict[str, str]:
        """As SNS takes them."""
        return {
            "RawMessageDelivery": "true",
            "FilterPolicyScope": "MessageAttributes",
            "FilterPolicy": json.dumps(self.filter_policy),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """All that a deployment has before its first client or worker."""

    name: str
    place: Place
    request_topic: TopicPlan
    response_topic: TopicPlan
    dead_letter_queue: QueuePlan
    server_queue: QueuePlan

    def describe(self) -> str:
        """What provisioning would bring about, for people."""
        lines = [f"deployment {self.name} in {self.place.region}, account {self.place.account_id}"]
        for topic in (self.request_topic, self.response_topic):
            limit = topic.attributes.get("MaximumMessageSize")
            lines.append(f"  topic {topic.name}" + (f"  up to {int(limit):,} B" if limit else ""))
        for queue in (self.dead_letter_queue, self.server_queue):
            lines.append(f"  queue {queue.name}  {_describe_queue(queue)}")
        return "\n".join(lines) + "\n"


def request_topic_name(base: str) -> str:
    """The topic that clients publish to."""
    return f"{base}-requests"


def plan_deployment(
    base: str,
    place: Place,
    *,
    maximum_message_size_bytes: int | None = None,
    lease_seconds: int = DEFAULT_LEASE_SECONDS,
) -> DeploymentPlan:
    """Plan the topics, the server's queue and its dead-letter queue.

    Args:
        base: The deployment's name; all other names begin with it.
        place: Where it is to be.
        maximum_message_size_bytes: What the topics are to take, 1 KiB to 1 MiB; None leaves them as
            they are (256 KiB when new). AWS allows more than 256 KiB to topics with at most 100
            subscriptions.
        lease_seconds: The queue's visibility timeout, for receivers that name none.

    Raises:
        ConfigError: The name or a number is unusable.
    """
    require_name(base, "deployment")
    if not 0 < lease_seconds <= MAX_LEASE_SECONDS:
        raise ConfigError(f"lease_seconds: 1 to {MAX_LEASE_SECONDS:,}")
    limits = _topic_attributes(maximum_message_size_bytes)
    requests, responses = (
        TopicPlan(name=name, arn=place.topic_arn(name), attributes=limits)
        for name in (request_topic_name(base), f"{base}-responses")
    )
    dead_letters = QueuePlan(
        name=f"{base}-server-dlq",
        arn=place.queue_arn(f"{base}-server-dlq"),
        attributes={"MessageRetentionPeriod": str(_DEAD_LETTER_RETENTION_SECONDS)},
    )
    redrive = {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": MAX_RECEIVE_COUNT}
    server = _fed_queue(
        f"{base}-server",
        requests.arn,
        {"WorkerId": [{"exists": False}]},
        MessageRetentionPeriod=str(_SERVER_RETENTION_SECONDS),
        VisibilityTimeout=str(lease_seconds),
        RedrivePolicy=json.dumps(redrive),
    )
    return DeploymentPlan(
        name=base,
        place=place,
        request_topic=requests,
        response_topic=responses,
        dead_letter_queue=dead_letters,
        server_queue=server,
    )


def plan_client(base: str, client: str, response_topic_arn: str) -> QueuePlan:
    """Plan the queue of one client.

    Raises:
        ConfigError: The client's name is unusable.
    """
    require_name(client, "client")
    return _fed_queue(
        f"{client_prefix(base)}{client}",
        response_topic_arn,
        {"ClientId": [client]},
        MessageRetentionPeriod=str(_CLIENT_RETENTION_SECONDS),
    )


def plan_worker(base: str, worker_id: str, request_topic_arn: str) -> QueuePlan:
    """Plan the control queue of one worker.

    Raises:
        ConfigError: The worker's id is unusable.
    """
    require_name(worker_id, "worker")
    return _fed_queue(
        f"{worker_prefix(base)}{worker_id}",
        request_topic_arn,
        {"WorkerId": [worker_id, "*"]},
        MessageRetentionPeriod=str(_WORKER_RETENTION_SECONDS),
    )


def client_prefix(base: str) -> str:
    """What the names of a deployment's client queues begin with."""
    return f"{base}-client-"


def worker_prefix(base: str) -> str:
    """What the names of a deployment's control queues begin with."""
    return f"{base}-worker-"


def queue_policy(queue_arn: str, topic_arn: str) -> dict[str, Any]:
    """Who may send to a queue besides its owner: SNS, for this topic of this account only."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "FromItsTopic",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }


def _fed_queue(name: str, topic_arn: str, policy: FilterPolicy, **attributes: str) -> QueuePlan:
    if len(name) > QUEUE_NAME_LENGTH:
        raise ConfigError(f"queue name {name!r} is longer than {QUEUE_NAME_LENGTH} characters")
    arn = Place.of_arn(topic_arn).queue_arn(name)
    return QueuePlan(
        name=name,
        arn=arn,
        attributes={"Policy": json.dumps(queue_policy(arn, topic_arn)), **attributes},
        topic_arn=topic_arn,
        filter_policy=policy,
    )


def _topic_attributes(maximum_message_size_bytes: int | None) -> dict[str, str]:
    if maximum_message_size_bytes is None:
        return {}
    least, most = _SMALLEST_MESSAGE_LIMIT_BYTES, SNS_RAISED_MESSAGE_BYTES
    if not least <= maximum_message_size_bytes <= most:
        raise ConfigError(f"maximum_message_size_bytes: {least:,} to {most:,}")
    return {"MaximumMessageSize": str(maximum_message_size_bytes)}


def _describe_queue(queue: QueuePlan) -> str:
    kept = int(queue.attributes["MessageRetentionPeriod"]) // _DAY_SECONDS
    parts = [f"keeps messages {kept} days"]
    if lease := queue.attributes.get("VisibilityTimeout"):
        parts.append(f"leases them for {lease} s")
    if redrive := queue.attributes.get("RedrivePolicy"):
        target = json.loads(redrive)
        to = target["deadLetterTargetArn"].rpartition(":")[2]
        parts.append(f"{target['maxReceiveCount']} receives, then to {to}")
    if queue.topic_arn:
        source = queue.topic_arn.rpartition(":")[2]
        parts.append(f"from {source} where {json.dumps(queue.filter_policy)}")
    return "; ".join(parts)
