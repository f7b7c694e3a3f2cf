"""The bus on SNS and SQS; with ``broker/``, the only place that uses boto3.

boto3 is imported when the first client is made, not before. Whatever botocore raises leaves here as
one of our own errors, by the one map in ``translate``.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from asyncmcp_nb.bus.aws_clients import Answer, Entry, SnsClient, SqsClient
from asyncmcp_nb.bus.aws_errors import EXPIRED_RECEIPT, outcomes, translate
from asyncmcp_nb.bus.boto3_clients import find_credentials, make_client, open_session
from asyncmcp_nb.bus.direct import DirectSns, DirectSqs
from asyncmcp_nb.bus.polls import Polls, watch
from asyncmcp_nb.bus.protocol import BusStatistics, Delivery, QueueDepth
from asyncmcp_nb.bus.requests import Requests
from asyncmcp_nb.errors import BusClosed, BusError
from asyncmcp_nb.limits import BATCH_COUNT, LONG_POLL_SECONDS
from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.claim_check import PAYLOAD_SIZE_ATTRIBUTE

_DEPTHS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


class AwsBus:
    """Topics are named by ARN, queues by URL. Safe to use from any number of threads."""

    def __init__(self, sqs: SqsClient, sns: SnsClient, *, cuts_polls: bool = False) -> None:
        """Take clients as they are; ``close`` leaves them open.

        Args:
            sqs: For queues.
            sns: For topics.
            cuts_polls: Let ``close`` end the receives that wait. For a broker that takes no message
                out of its queue for a receive whose client is gone. AWS does, and then nobody has
                it until its lease ends; there, a receive goes on and hands back what it brings.
        """
        self._sqs = sqs
        self._sns = sns
        self._where = "given clients"
        self._requests = Requests("the bus")
        self._polls = Polls()
        if cuts_polls:
            watch(sqs)

    @classmethod
    def open(
        cls,
        *,
        region: str,
        endpoint_url: str | None,
        profile_name: str | None = None,
        cuts_polls: bool = False,
    ) -> AwsBus:
        """A bus with clients of its own.

        Args:
            region: AWS region.
            endpoint_url: None for AWS itself. On a loopback address no credentials are needed.
            profile_name: Of the AWS configuration files; None for botocore's usual search.
            cuts_polls: As when it is made of clients.

        Raises:
            ConfigError: The profile, the region or the endpoint is unusable.
        """
        session = open_session(endpoint_url, profile_name)
        place: dict[str, Any] = {"region": region, "endpoint_url": endpoint_url, "session": session}
        sqs, sns = make_client("sqs", **place), make_client("sns", **place)
        if cuts_polls:
            watch(sqs)
        credentials = find_credentials(session)
        bus = cls(DirectSqs(sqs, credentials), DirectSns(sns, credentials))
        bus._requests.on_end = bus._close_clients
        bus._where = endpoint_url or region
        return bus

    def __repr__(self) -> str:
        return f"<AwsBus {self._requests.state}: {self._where}, {self._requests}>"

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        """See ``Bus.publish``."""
        entries = [
            {
                "Id": str(index),
                "Message": message.body,
                "MessageAttributes": _typed(message),
                **_ordering(message),
            }
            for index, message in enumerate(batch)
        ]
        with self._request("PublishBatch", topic, len(entries)) as where:
            answer = self._sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        return outcomes(answer, len(entries), where)

    def receive(
        self, queue: str, *, max_count: int, wait_seconds: float, lease_seconds: float
    ) -> Sequence[Delivery]:
        """See ``Bus.receive``; both times are rounded up to whole seconds.

        A poll is cut off when the bus is closed, or outlives it and hands back what it brings; it
        raises ``BusClosed``.
        """
        with self._request("ReceiveMessage", queue, max_count):
            with self._polls.one():
                answer = self._sqs.receive_message(
                    QueueUrl=queue,
                    MaxNumberOfMessages=max_count,
                    WaitTimeSeconds=min(math.ceil(wait_seconds), LONG_POLL_SECONDS),
                    VisibilityTimeout=math.ceil(lease_seconds),
                    AttributeNames=["ApproximateReceiveCount"],
                    MessageAttributeNames=["All"],
                )
            deliveries = [_delivery(message) for message in answer.get("Messages", ())]
            if self._requests.is_closed:
                self._hand_back(queue, deliveries)
        return deliveries

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        """See ``Bus.ack``."""
        entries = _receipt_entries(receipts)
        with self._request("DeleteMessageBatch", queue, len(entries)) as where:
            answer = self._sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
        return outcomes(answer, len(entries), where, harmless=EXPIRED_RECEIPT)

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        """See ``Bus.extend``; the time is rounded up to whole seconds."""
        with self._request("ChangeMessageVisibilityBatch", queue, len(receipts)) as where:
            answer = self._set_visibility(queue, receipts, math.ceil(lease_seconds))
        return outcomes(answer, len(receipts), where)

    def send(self, queue: str, message: Outgoing) -> None:
        """See ``Bus.send``."""
        with self._request("SendMessage", queue, 1):
            self._sqs.send_message(
                QueueUrl=queue,
                MessageBody=message.body,
                MessageAttributes=_typed(message),
                **_ordering(message),
            )

    def measure(self, queue: str) -> QueueDepth:
        """See ``Bus.measure``."""
        with self._request("GetQueueAttributes", queue, 1):
            answer = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[*_DEPTHS])
        waiting, delayed, leased = (int(answer["Attributes"].get(name, 0)) for name in _DEPTHS)
        return QueueDepth(waiting + delayed, leased)

    def statistics(self) -> BusStatistics:
        """See ``Bus.statistics``; retries of botocore's own are not counted."""
        return self._requests.statistics()

    def close(self) -> None:
        """See ``Bus.close``; clients of its own are closed when the last request returns."""
        self._requests.close()
        self._polls.close()

    @contextmanager
    def _request(self, operation: str, target: str, entry_count: int) -> Generator[str]:
        """Around one request: count it, translate what it raises; names it for errors."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not 1 <= entry_count <= BATCH_COUNT:
            raise BusError(f"{operation} takes 1 to {BATCH_COUNT} entries, not {entry_count}")
        with self._requests.one(operation):
            try:
                yield f"{operation} on {target}"
            except (BotoCoreError, ClientError) as exc:
                raise translate(exc, operation, target) from exc

    def _hand_back(self, queue: str, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._set_visibility(queue, [delivery.receipt for delivery in deliveries], 0)
        raise BusClosed("the bus was closed while a receive waited")

    def _set_visibility(self, queue: str, receipts: Sequence[str], seconds: int) -> Answer:
        entries = [{**entry, "VisibilityTimeout": seconds} for entry in _receipt_entries(receipts)]
        return self._sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)

    def _close_clients(self) -> None:
        self._sqs.close()
        self._sns.close()


def _typed(message: Outgoing) -> dict[str, Entry]:
    return {
        name: {
            "DataType": "Number" if name == PAYLOAD_SIZE_ATTRIBUTE else "String",
            "StringValue": value,
        }
        for name, value in message.attributes.items()
    }


def _ordering(message: Outgoing) -> dict[str, str]:
    """What a FIFO topic or queue wants; nothing for others, which refuse it."""
    if message.ordering is None:
        return {}
    return {
        "MessageGroupId": message.ordering.group_id,
        "MessageDeduplicationId": message.ordering.deduplication_id,
    }


def _receipt_entries(receipts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]


def _delivery(message: Mapping[str, Any]) -> Delivery:
    # Binary attributes are none of ours and have no StringValue.
    attributes = {
        name: value["StringValue"]
        for name, value in message.get("MessageAttributes", {}).items()
        if "StringValue" in value
    }
    count = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
    return Delivery(
        message["ReceiptHandle"], message["Body"], attributes, count, message.get("MessageId", "")
    )
