"""Limits of AWS and of the protocol, each with its unit and its source.

Nothing here is ours to choose; what is ours to choose lives in ``config.py``.
"""

from __future__ import annotations

from typing import Final

SNS_DEFAULT_MESSAGE_BYTES: Final = 256 * 1024
"""A topic's ``MaximumMessageSize`` unless it was raised; the same bound holds for a batch.
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""

SNS_RAISED_MESSAGE_BYTES: Final = 1024 * 1024
"""The most ``MaximumMessageSize`` may be set to, for SQS, Firehose and Lambda subscribers only.
https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html"""

SQS_MESSAGE_BYTES: Final = 1024 * 1024
"""One SQS message, and one SQS batch, attributes included.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

BATCH_COUNT: Final = 10
"""Entries of one publish, delete, visibility or receive request.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""

RAW_DELIVERY_ATTRIBUTE_COUNT: Final = 10
"""Message attributes under raw delivery; a message with more is dropped by SNS without a word.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html"""

LONG_POLL_SECONDS: Final = 20
"""The longest ``WaitTimeSeconds``.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""

MAX_LEASE_SECONDS: Final = 12 * 60 * 60
"""The longest visibility timeout, counted from the receive.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html"""

QUEUE_NAME_LENGTH: Final = 80
"""Characters of a queue name, ``.fifo`` included.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""

BILLED_CHUNK_BYTES: Final = 64 * 1024
"""Each started chunk of payload counts as one request.
https://aws.amazon.com/sqs/pricing/"""
