"""Topics and queues as data: names, ARNs, attributes, and who may send to a queue.

AWS tells FIFO topics and queues by the end of their names, and so does this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from asyncmcp_nb.bus.filters import FilterPolicy
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.limits import QUEUE_NAME_LENGTH

_FIFO_SUFFIX: Final = ".fifo"
# Throughput for each message group, not for the topic or queue as a whole. AWS advises to choose it
# for a topic when it is made. https://docs.aws.amazon.com/sns/latest/dg/fifo-high-throughput.html
_FIFO_TOPIC_ATTRIBUTES: Final[Mapping[str, str]] = {
    "FifoTopic": "true",
    "ContentBasedDeduplication": "false",
    "FifoThroughputScope": "MessageGroup",
}
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
_FIFO_QUEUE_ATTRIBUTES: Final[Mapping[str, str]] = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}


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
    """What is to be set, as SQS takes it; without ``Policy``, the queue is to have none."""
    topic_arn: str | None = None
    """The topic it subscribes to; None for a queue that is sent to directly."""
    filter_policy: FilterPolicy = field(default_factory=dict[str, list[str]])
    """Which of the topic's messages it gets."""

    @property
    def creation_attributes(self) -> dict[str, str]:
        """``attributes``, and what can be said only when the queue is made."""
        kind = {"FifoQueue": "true"} if is_fifo(self.name) else {}
        return {**kind, **self.attributes}

    @property
    def subscription_attributes(self) -> dict[str, str]:
        """As SNS takes them."""
        return {
            "RawMessageDelivery": "true",
            "FilterPolicyScope": "MessageAttributes",
            "FilterPolicy": json.dumps(self.filter_policy),
        }


def is_fifo(name_or_arn: str) -> bool:
    """Whether a topic or queue keeps order; AWS wants its name to tell, and no other to end so."""
    return name_or_arn.endswith(_FIFO_SUFFIX)


def suffix(*, fifo: bool) -> str:
    """What a name ends with."""
    return _FIFO_SUFFIX if fifo else ""


def topic_creation_attributes(name: str) -> dict[str, str]:
    """What is said of a topic when it is made, and again each time: it must not differ then."""
    return dict(_FIFO_TOPIC_ATTRIBUTES) if is_fifo(name) else {}


def fed_queue(name: str, topic_arn: str, policy: FilterPolicy, **attributes: str) -> QueuePlan:
    """A queue that a topic of the same place feeds, and that admits no other.

    Raises:
        ConfigError: Its name is too long.
    """
    queue = plain_queue(name, Place.of_arn(topic_arn), **attributes)
    admission = json.dumps(queue_policy(queue.arn, topic_arn))
    return replace(
        queue,
        attributes={"Policy": admission, **queue.attributes},
        topic_arn=topic_arn,
        filter_policy=policy,
    )


def plain_queue(name: str, place: Place, **attributes: str) -> QueuePlan:
    """A queue that is sent to directly, and by its own account only.

    Raises:
        ConfigError: Its name is too long.
    """
    if len(name) > QUEUE_NAME_LENGTH:
        raise ConfigError(f"queue name {name!r} is longer than {QUEUE_NAME_LENGTH} characters")
    ordering = _FIFO_QUEUE_ATTRIBUTES if is_fifo(name) else {}
    return QueuePlan(name=name, arn=place.queue_arn(name), attributes={**ordering, **attributes})


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


def admitted_topics(policy: str) -> set[str]:
    """The topics that a policy such as ``queue_policy`` admits; none of a policy of another form.

    Args:
        policy: JSON, or empty for no policy.
    """
    try:
        statements: Any = json.loads(policy)["Statement"] if policy else []
        return {statement["Condition"]["ArnEquals"]["aws:SourceArn"] for statement in statements}
    except (ValueError, LookupError, TypeError):
        return set()
