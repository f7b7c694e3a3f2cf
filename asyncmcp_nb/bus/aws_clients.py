"""The few calls of boto3's SQS, SNS and S3 clients that this room makes.

boto3 makes its clients at run time and ships no types; whatever has these methods will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Answer = Mapping[str, Any]
"""A parsed response, as AWS's reference describes it."""

Entry = Mapping[str, Any]
"""One part of a batch request."""


class SqsClient(Protocol):
    """``boto3.client("sqs")``: what is sent and received."""

    def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int,
        WaitTimeSeconds: int,
        VisibilityTimeout: int,
        AttributeNames: Sequence[str],
        MessageAttributeNames: Sequence[str],
    ) -> Answer:
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html."""
        ...

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[Entry]) -> Answer:
        """Per entry: ``Successful`` and ``Failed``."""
        ...

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Entry]) -> Answer:
        """Per entry: ``Successful`` and ``Failed``."""
        ...

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        MessageAttributes: Mapping[str, Entry],
        MessageGroupId: str = ...,
        MessageDeduplicationId: str = ...,
    ) -> Answer:
        """Past any topic. The last two are for FIFO queues, and refused by others."""
        ...

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> Answer:
        """Attributes as strings."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...


class SnsClient(Protocol):
    """``boto3.client("sns")``: what is published."""

    def publish_batch(
        self, *, TopicArn: str, PublishBatchRequestEntries: Sequence[Entry]
    ) -> Answer:
        """Per entry: ``Successful`` and ``Failed``."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...


class S3Body(Protocol):
    """What an object holds, as it comes in."""

    def read(self, amt: int, /) -> bytes:
        """Up to this many bytes; none at the end, once length and checksum are verified."""
        ...

    def close(self) -> None:
        """Give up the connection where something is left to read, else hand it back."""
        ...


class S3Client(Protocol):
    """``boto3.client("s3")``: objects in and out."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Answer:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html."""
        ...

    def get_object(self, *, Bucket: str, Key: str) -> Answer:
        """``Body`` and ``ContentLength``, among others."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...
