"""What a deployment consists of, as data.

::

    <base>-requests  ──▶ <base>-server       all but control messages ──▶ <base>-server-dlq
                     └─▶ <base>-worker-<id>  control messages for this worker, or for all
    <base>-responses ──▶ <base>-client-<name>  messages for this client

Deliveries are raw, and a queue admits its one topic only. AWS's default quotas bound the number of
clients: 200 filter policies per topic, 10,000 per account, five keys per policy.
https://docs.aws.amazon.com/general/latest/gr/sns.html

In a FIFO deployment each of these names ends with ``.fifo``, and a topic has at most 100
subscriptions. https://aws.amazon.com/sns/features/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.broker.resources import (
    Place,
    QueuePlan,
    TopicPlan,
    fed_queue,
    is_fifo,
    plain_queue,
    suffix,
)
from asyncmcp_nb.config import require_name
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.limits import MAX_LEASE_SECONDS, SNS_RAISED_MESSAGE_BYTES

MAX_RECEIVE_COUNT: Final = 50
"""Receives of a request before SQS itself moves it to the dead-letter queue, without a reason. That
is the backstop, for workers that die before they can tell: one that can puts a request there with a
reason after ``SnsSqsTransportConfig.max_attempt_count`` deliveries, which are fewer."""
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
        order = ", FIFO" if is_fifo(self.server_queue.name) else ""
        place = self.place
        lines = [f"deployment {self.name} in {place.region}, account {place.account_id}{order}"]
        for topic in (self.request_topic, self.response_topic):
            limit = topic.attributes.get("MaximumMessageSize")
            lines.append(f"  topic {topic.name}" + (f"  up to {int(limit):,} B" if limit else ""))
        for queue in (self.dead_letter_queue, self.server_queue):
            lines.append(f"  queue {queue.name}  {_describe_queue(queue)}")
        return "\n".join(lines) + "\n"


def request_topic_name(base: str, *, fifo: bool = False) -> str:
    """The topic that clients publish to."""
    return f"{base}-requests{suffix(fifo=fifo)}"


def server_queue_name(base: str, *, fifo: bool = False) -> str:
    """The queue that all workers compete for."""
    return f"{base}-server{suffix(fifo=fifo)}"


def plan_deployment(
    base: str,
    place: Place,
    *,
    maximum_message_size_bytes: int | None = None,
    lease_seconds: int = DEFAULT_LEASE_SECONDS,
    fifo: bool = False,
) -> DeploymentPlan:
    """Plan the topics, the server's queue and its dead-letter queue.

    Args:
        base: The deployment's name; all other names begin with it.
        place: Where it is to be.
        maximum_message_size_bytes: What the topics are to take, 1 KiB to 1 MiB; None leaves them as
            they are (256 KiB when new). AWS allows more than 256 KiB to topics with at most 100
            subscriptions.
        lease_seconds: The queue's visibility timeout, for receivers that name none.
        fifo: Whether the order of each connection's messages is kept.

    Raises:
        ConfigError: The name or a number is unusable.
    """
    require_name(base, "deployment")
    if not 0 < lease_seconds <= MAX_LEASE_SECONDS:
        raise ConfigError(f"lease_seconds: 1 to {MAX_LEASE_SECONDS:,}")
    limits = _topic_attributes(maximum_message_size_bytes)
    requests, responses = (
        TopicPlan(name=name, arn=place.topic_arn(name), attributes=limits)
        for name in (request_topic_name(base, fifo=fifo), f"{base}-responses{suffix(fifo=fifo)}")
    )
    # It has no policy: only the account's own may send to it.
    dead_letters = plain_queue(
        f"{base}-server-dlq{suffix(fifo=fifo)}",
        place,
        MessageRetentionPeriod=str(_DEAD_LETTER_RETENTION_SECONDS),
    )
    redrive = {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": MAX_RECEIVE_COUNT}
    server = fed_queue(
        server_queue_name(base, fifo=fifo),
        requests.arn,
        # Of messages without any attribute it admits none; those of MCP have some.
        # https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
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
    return fed_queue(
        f"{client_prefix(base)}{client}{suffix(fifo=is_fifo(response_topic_arn))}",
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
    return fed_queue(
        f"{worker_prefix(base)}{worker_id}{suffix(fifo=is_fifo(request_topic_arn))}",
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
