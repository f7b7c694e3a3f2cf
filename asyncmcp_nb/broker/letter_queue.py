"""A dead-letter queue as one looks into it: take, act, hand back.

SQS shows a message only to whoever receives it. So whoever looks holds what they see under a lease:
nobody else sees it meanwhile, and afterwards it is back, or gone. Each look counts as a receive,
which has no consequence here: nothing is moved out of a dead-letter queue for it.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

from asyncmcp_nb.broker.admin import asking
from asyncmcp_nb.broker.admin_clients import LetterSqs
from asyncmcp_nb.broker.raw_letters import RawLetter
from asyncmcp_nb.broker.resources import is_fifo
from asyncmcp_nb.bus.aws_errors import outcomes
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.limits import BATCH_COUNT
from asyncmcp_nb.logs import plain

logger = logging.getLogger(__name__)

LEASE_SECONDS: Final = 30
"""How long a look that was killed keeps letters from others."""

_WAIT_SECONDS: Final = 1
"""Any wait at all makes SQS ask all of its servers, of which it otherwise asks some.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""
_FRUITLESS_COUNT: Final = 3
"""Receives in a row that bring nothing new, though the queue says that there is more."""
_VISIBLE: Final = "ApproximateNumberOfMessages"
_HIDDEN: Final = ("ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible")


class LetterQueue:
    """The requests to a deployment's dead-letter queue; each raises ``BusError`` where it fails."""

    def __init__(self, sqs: LetterSqs, deployment: Deployment) -> None:
        self._sqs = sqs
        self._url = deployment.dead_letter_queue_url
        self._server_url = deployment.server_queue_url

    @classmethod
    def of(cls, deployment: Deployment) -> LetterQueue:
        """With a client of its own, and the credentials of botocore's usual search.

        Raises:
            ConfigError: The region or the endpoint is unusable.
        """
        place = {"region": deployment.region, "endpoint_url": deployment.endpoint_url}
        return cls(make_client("sqs", **place), deployment)

    def close(self) -> None:
        """Give up the connections."""
        self._sqs.close()

    def take(self, count: int) -> list[RawLetter]:
        """Up to ten letters, under a lease."""
        with asking("ReceiveMessage", self._url):
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(count, BATCH_COUNT),
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=LEASE_SECONDS,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        return [RawLetter(message) for message in answer.get("Messages", ())]

    def hand_back(self, receipts: Sequence[str]) -> None:
        """End leases; one that has ended already is no error."""
        for batch in _batches(receipts):
            entries = [{**entry, "VisibilityTimeout": 0} for entry in _entries(batch)]
            with asking("ChangeMessageVisibilityBatch", self._url):
                self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def delete(self, receipts: Sequence[str]) -> list[BusError | None]:
        """Delete letters; what became of each."""
        where = f"DeleteMessageBatch on {self._url}"
        results: list[BusError | None] = []
        for batch in _batches(receipts):
            try:
                with asking("DeleteMessageBatch", self._url):
                    answer = self._sqs.delete_message_batch(
                        QueueUrl=self._url, Entries=_entries(batch)
                    )
                results += outcomes(answer, len(batch), where)
            except BusError as exc:
                results += [exc] * len(batch)
        return results

    def send_back(self, letter: RawLetter) -> None:
        """Send the message of a letter to the server's queue."""
        ordering: dict[str, str] = {}
        if is_fifo(self._server_url):
            # Under its former deduplication id it would be dropped for five minutes.
            ordering = {
                "MessageGroupId": letter.group_id,
                "MessageDeduplicationId": uuid.uuid4().hex,
            }
        with asking("SendMessage", self._server_url):
            self._sqs.send_message(
                QueueUrl=self._server_url,
                MessageBody=letter.message["Body"],
                MessageAttributes=letter.request_attributes,
                **ordering,
            )

    def counts(self) -> tuple[int, int]:
        """How many letters can be received, and how many are under a lease; approximately."""
        with asking("GetQueueAttributes", self._url):
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=[_VISIBLE, *_HIDDEN]
            )
        found = answer.get("Attributes", {})
        return int(found.get(_VISIBLE, 0)), sum(int(found.get(name, 0)) for name in _HIDDEN)

    def max_receive_count(self) -> int | None:
        """Receives after which SQS itself moves a request here; None where it does not."""
        with asking("GetQueueAttributes", self._server_url):
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self._server_url, AttributeNames=["RedrivePolicy"]
            )
        return _max_receive_count(answer.get("Attributes", {}).get("RedrivePolicy"))


class Sweep:
    """The letters of a queue, each once; those still there at the end are handed back.

    ::

        with Sweep(queue, most=100) as sweep:
            for letters in sweep:
                ...

    It ends when the queue has no more to give, or after ``most`` letters. While letters of a FIFO
    group are held, SQS gives no others of that group: at most ten of each are seen, unless they are
    deleted.
    """

    def __init__(self, queue: LetterQueue, *, most: int) -> None:
        self._queue = queue
        self._most = most
        self._seen: set[str] = set()
        self._held: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._queue.hand_back(list(self._held.values()))
        except BusError as exc:
            logger.warning(
                "letters can be seen again after %d s only: %s", LEASE_SECONDS, plain(exc)
            )

    def __iter__(self) -> Iterator[list[RawLetter]]:
        """Up to ten at a time.

        Raises:
            BusError: AWS refused or could not be reached.
        """
        fruitless_count = 0
        while len(self._seen) < self._most and fruitless_count < _FRUITLESS_COUNT:
            fresh = self._take()
            if fresh:
                fruitless_count = 0
                yield fresh
            elif self._queue.counts()[0]:
                fruitless_count += 1
            else:
                return

    def delete(self, letters: Sequence[RawLetter]) -> list[BusError | None]:
        """Delete letters of this sweep; what became of each."""
        results = self._queue.delete([self._held[letter.message_id] for letter in letters])
        for letter, error in zip(letters, results, strict=True):
            if error is None:
                del self._held[letter.message_id]
        return results

    def _take(self) -> list[RawLetter]:
        taken = self._queue.take(self._most - len(self._seen))
        fresh = [letter for letter in taken if letter.message_id not in self._seen]
        # A letter whose lease ended comes again, and only its newest receipt counts.
        self._held.update((letter.message_id, letter.receipt) for letter in taken)
        self._seen.update(letter.message_id for letter in fresh)
        return fresh


def _batches(receipts: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(receipts), BATCH_COUNT):
        yield receipts[start : start + BATCH_COUNT]


def _entries(receipts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]


def _max_receive_count(redrive_policy: str | None) -> int | None:
    return int(json.loads(redrive_policy)["maxReceiveCount"]) if redrive_policy else None
