"""The few calls of boto3's clients that make and remove topics and queues, and set up buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Answer = Mapping[str, Any]
"""A parsed response, as AWS's reference describes it."""


class AdminSqs(Protocol):
    """The calls of ``boto3.client("sqs")`` that make and remove queues."""

    def create_queue(self, *, QueueName: str, Attributes: Mapping[str, str]) -> Answer:
        """Returns the URL of an equal queue, too."""
        ...

    def get_queue_url(self, *, QueueName: str) -> Answer:
        """Fails where there is none."""
        ...

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Answer:
        """Attributes as strings."""
        ...

    def set_queue_attributes(self, *, QueueUrl: str, Attributes: Mapping[str, str]) -> Answer:
        """Takes up to 60 seconds on AWS."""
        ...

    def list_queues(self, *, QueueNamePrefix: str, MaxResults: int, NextToken: str = ...) -> Answer:
        """Up to a thousand URLs a page."""
        ...

    def delete_queue(self, *, QueueUrl: str) -> Answer:
        """With all its messages; on AWS the name is free again after 60 seconds."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...


class LetterSqs(Protocol):
    """The calls of ``boto3.client("sqs")`` that look into a dead-letter queue and empty it."""

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
        """Up to ten, which nobody else receives until the visibility timeout ends."""
        ...

    def change_message_visibility_batch(
        self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Per entry: ``Successful`` and ``Failed``."""
        ...

    def delete_message_batch(
        self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Per entry: ``Successful`` and ``Failed``."""
        ...

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        MessageAttributes: Mapping[str, Mapping[str, Any]],
        MessageGroupId: str = ...,
        MessageDeduplicationId: str = ...,
    ) -> Answer:
        """The last two are for FIFO queues, and refused by others."""
        ...

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Answer:
        """Attributes as strings."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...


class AdminSns(Protocol):
    """The calls of ``boto3.client("sns")`` that make and remove topics and subscriptions."""

    def create_topic(self, *, Name: str, Attributes: Mapping[str, str]) -> Answer:
        """Returns the ARN of an existing one, too; fails where it has other attributes."""
        ...

    def get_topic_attributes(self, *, TopicArn: str) -> Answer:
        """Attributes as strings."""
        ...

    def set_topic_attributes(
        self, *, TopicArn: str, AttributeName: str, AttributeValue: str
    ) -> Answer:
        """One at a time."""
        ...

    def delete_topic(self, *, TopicArn: str) -> Answer:
        """With its subscriptions; a missing one is no error."""
        ...

    def subscribe(
        self,
        *,
        TopicArn: str,
        Protocol: str,
        Endpoint: str,
        Attributes: Mapping[str, str],
        ReturnSubscriptionArn: bool,
    ) -> Answer:
        """Returns the ARN of an equal one, too; fails where it has other attributes."""
        ...

    def set_subscription_attributes(
        self, *, SubscriptionArn: str, AttributeName: str, AttributeValue: str
    ) -> Answer:
        """One at a time; a filter policy takes up to 15 minutes on AWS."""
        ...

    def get_subscription_attributes(self, *, SubscriptionArn: str) -> Answer:
        """Attributes as strings."""
        ...

    def list_subscriptions_by_topic(self, *, TopicArn: str, NextToken: str = ...) -> Answer:
        """A hundred a page."""
        ...

    def unsubscribe(self, *, SubscriptionArn: str) -> Answer:
        """A missing one is no error."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...


class AdminS3(Protocol):
    """The calls of ``boto3.client("s3")`` that set up a bucket."""

    def head_bucket(self, *, Bucket: str) -> Answer:
        """Fails, with a status for a code, where there is none or it may not be used."""
        ...

    def get_bucket_lifecycle_configuration(self, *, Bucket: str) -> Answer:
        """``Rules``; fails where it has none."""
        ...

    def put_bucket_lifecycle_configuration(
        self,
        *,
        Bucket: str,
        LifecycleConfiguration: Mapping[str, Any],
        TransitionDefaultMinimumObjectSize: str = ...,
    ) -> Answer:
        """All rules at once, in place of those there were."""
        ...

    def close(self) -> None:
        """Give up the connections."""
        ...
