"""What a server publishes, and to which topics: its own, and those it was told to allow."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from asyncmcp_nb.bus.batcher import Batcher, Done
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusDenied, BusError
from asyncmcp_nb.sns_sqs.claims import Claims
from asyncmcp_nb.sns_sqs.messages import Messages
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.sns_sqs.posts import make_poster
from asyncmcp_nb.wire import Outgoing


@dataclass(frozen=True, slots=True)
class Posting:
    """A message on its way to a topic."""

    outgoing: Outgoing
    answers: str | None = None
    """The key of the request whose answer it is; the answer is kept before it is published."""


class Publisher:
    """A batcher for each topic in use. Nothing a client says adds a topic."""

    def __init__(
        self, messages: Messages, config: SnsSqsTransportConfig, claims: Claims, *, pace: Pace
    ) -> None:
        self._messages = messages
        self._config = config
        self._claims = claims
        self._pace = pace
        self._allowed = {config.sns_topic_arn, *config.allowed_reply_topics}
        if config.request_topic_arn is not None:
            self._allowed.add(config.request_topic_arn)
        self._lock = threading.Lock()
        self._batchers: dict[str, Batcher[Posting]] = {}
        self._closed = False

    def submit(self, topic: str, posting: Posting, done: Done) -> None:
        """Publish soon; never blocks.

        Raises:
            BusDenied: The topic is none that this server may publish to.
        """
        if topic not in self._allowed:
            raise BusDenied(f"{topic} is not among allowed_reply_topics; nothing was sent")
        self._batcher(topic).submit(posting, done, weight_bytes=posting.outgoing.size_bytes)

    def close(self, timeout_seconds: float) -> None:
        """Send what is pending, within about the timeout for all topics together."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            self._closed = True
            batchers = list(self._batchers.values())
        for batcher in batchers:
            batcher.close(max(0.0, deadline - time.monotonic()))

    def _batcher(self, topic: str) -> Batcher[Posting]:
        with self._lock:
            batcher = self._batchers.get(topic)
            if batcher is None:
                batcher = self._batchers[topic] = self._make(topic)
            return batcher

    def _make(self, topic: str) -> Batcher[Posting]:
        batcher: Batcher[Posting] = make_poster(
            partial(self._send, topic),
            topic,
            self._config,
            name="asyncmcp-answer",
            limit_bytes=self._messages.limit_of(topic),
            pace=self._pace,
        )
        if self._closed:
            batcher.close(0.0)
        return batcher

    def _send(self, topic: str, batch: Sequence[Posting]) -> Sequence[BusError | None]:
        def keep(ready: Sequence[int]) -> None:
            about = [batch[index] for index in ready]
            self._claims.keep({p.answers: p.outgoing for p in about if p.answers is not None})

        return self._messages.publish(topic, [p.outgoing for p in batch], before=keep)
