"""What moto's SNS and SQS need before notebooks can share them; runs in the child process only.

Moto imitates AWS for the tests of one process. Seen on 5.2.5, and mended here:

- Requests run in threads without a lock: when they interleave, a message is handed out twice, and
  one sent while another is deleted can vanish. All requests now share ``LOCK``, which a receive
  gives up while it waits.
- Every send and every message received computes all attributes of the queue, which walks its
  messages: 1,000 of them take 34 s to drain, with the walk made cheap 1.1 s.
- A waiting receive looks once a second for messages whose lease ended, and is not told of those
  handed back, nor of FIFO groups that were held back when it began and no longer are. A receive
  whose client is gone still takes messages, which then stay invisible.
- Publishing reaches the first 100 subscriptions only, fails where a subscribed queue is gone (AWS
  drops the message) and keeps every message for ever, as deleting keeps every receipt.
- Each request looks at 150 directories to find the service it is for.

The replaced parts are not in moto's types, hence ``Any``.
"""

from __future__ import annotations

import copy
import functools
import logging
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.core import responses, utils
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sns.models import SNSBackend, Topic
from moto.sqs import models as sqs
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid

logger = logging.getLogger(__name__)

LOCK: Final = threading.RLock()
"""Held while a request runs; a receive gives it up while it waits."""

_LONGEST_PAUSE_SECONDS: Final = 1.0
_RECEIPT_BYTES: Final = 32

_request = threading.local()


class ClientGone(ConnectionError):
    """The client closed its connection while its receive waited."""


class Dispatcher(DomainDispatcherApplication):
    """Moto's application, which remembers the service that a host name means."""

    def __init__(self, create_app: Callable[..., Any]) -> None:
        super().__init__(create_app)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """See the base class."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


def run_locked(connection: socket.socket, handle: Callable[[], Any]) -> Any:
    """Handle one request alone; ``ClientGone`` where its client went while it waited."""
    _request.connection = connection
    with LOCK:
        return handle()


def apply() -> None:
    """Replace the parts in question; once, before the first request."""
    replacements: list[tuple[object, str, object]] = [
        (responses, "method_names_from_class", functools.cache(utils.method_names_from_class)),
        (sqs, "camelcase_to_underscores", functools.cache(utils.camelcase_to_underscores)),
        (sqs, "Condition", functools.partial(threading.Condition, LOCK)),
        (sqs, "deepcopy", copy.copy),
        # Without hyphens, as on AWS: the extended client library takes what follows the last one.
        (sqs, "generate_receipt_handle", functools.partial(secrets.token_hex, _RECEIPT_BYTES)),
        (sqs.Message, "had_receipt_handle", _is_latest_receipt),
        (sqs.Queue, "messages", property(_visible)),
        (sqs.Queue, "pending_message_groups", property(_held_groups)),
        (sqs.Queue, "approximate_number_of_messages_delayed", property(_delayed_count)),
        (sqs.Queue, "approximate_number_of_messages_not_visible", property(_leased_count)),
        (sqs.Queue, "delete_message", _delete),
        (sqs.Queue, "wait_for_messages", _wait_for_messages),
        (sqs.SQSBackend, "change_message_visibility", _change_visibility),
        (sqs.SQSBackend, "is_message_valid_based_on_retention_period", _is_retained),
        (SNSBackend, "_get_topic_subscriptions", _subscriptions),
        (Topic, "publish", _publish),
    ]
    replace_parts(replacements)


def replace_parts(replacements: Iterable[tuple[object, str, Any]]) -> None:
    """Put something else in the place of parts of moto, named by their owner and name."""
    for owner, name, replacement in replacements:
        if not hasattr(owner, name):
            logger.warning(
                "this moto has no %s in %r; it may be slow or lose messages", name, owner
            )
        setattr(owner, name, replacement)


# -- messages of a queue --------------------------------------------------------------------------


def _milliseconds() -> float:
    return time.time() * 1000


def _visible(queue: Any) -> list[Any]:
    now = _milliseconds()
    return [m for m in queue._messages if m.visible_at < now and m.delayed_until <= now]


class _HeldGroups(set[str]):
    """FIFO groups with a message that is out, as a receive sees them: each time it has waited."""

    def __init__(self, queue: Any) -> None:
        super().__init__()
        self._queue = queue
        self.look()

    def __copy__(self) -> _HeldGroups:
        """Be what moto takes for its copy, so that it is renewed while the receive waits."""
        return self

    def look(self) -> None:
        """See which groups are held back now."""
        self.clear()
        self.update(m.group_id for m in self._queue.pending_messages if m.group_id is not None)


def _held_groups(queue: Any) -> _HeldGroups:
    _request.groups = _HeldGroups(queue)
    return _request.groups


def _delayed_count(queue: Any) -> int:
    now = _milliseconds()
    return sum(message.delayed_until > now for message in queue._messages)


def _leased_count(queue: Any) -> int:
    now = _milliseconds()
    return sum(message.visible_at >= now for message in queue._messages)


def _is_latest_receipt(message: Any, receipt: str) -> bool:
    """As AWS documents it: an earlier receipt of a message does nothing."""
    return message.receipt_handle == receipt


def _is_retained(_backend: Any, queue_name: str, message: Any) -> bool:
    queue = _backend.get_queue(queue_name)
    return message.sent_timestamp + queue.message_retention_period * 1000 > _milliseconds()


def _delete(queue: Any, receipt_handle: str) -> None:
    for position, message in enumerate(queue._messages):
        if message.receipt_handle == receipt_handle:
            del queue._messages[position]
            queue.pending_messages.discard(message)
            # The next message of a FIFO group may go out.
            queue._messages_lock.notify_all()
            return
    raise ReceiptHandleIsInvalid


_original_change_visibility = sqs.SQSBackend.change_message_visibility


def _change_visibility(backend: Any, queue_name: str, **request: Any) -> None:
    _original_change_visibility(backend, queue_name, **request)
    backend.get_queue(queue_name)._messages_lock.notify_all()


def _wait_for_messages(queue: Any, timeout: float) -> None:
    """Wait for a message to be sent or handed back, or for the next lease to end."""
    now = _milliseconds()
    hidden = (max(m.visible_at, m.delayed_until) for m in queue._messages)
    next_at = min((at for at in hidden if at >= now), default=now + timeout * 1000)
    # One millisecond more, since a message shows itself after that moment.
    pause = min((next_at - now + 1) / 1000, timeout)
    queue._messages_lock.wait(pause)
    _require_client()
    _request.groups.look()


def _require_client() -> None:
    """End the request where its client is gone, so that it takes no message with it."""
    connection: socket.socket = _request.connection
    try:
        ended = not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return
    except OSError:
        ended = True
    if ended:
        raise ClientGone


# -- topics ---------------------------------------------------------------------------------------


def _subscriptions(backend: Any, topic: Any) -> list[Any]:
    return [entry for entry in backend.subscriptions.values() if entry.topic is topic]


def _publish(topic: Any, message: str, **details: Any) -> str:
    message_id = str(uuid.uuid4())
    for subscription in _subscriptions(topic.sns_backend, topic):
        try:
            subscription.publish(message, message_id, **details)
        except QueueDoesNotExist:
            logger.debug("dropped a message for the deleted queue %s", subscription.endpoint)
    return message_id
