"""Looks at a deployment as it is: what is missing, what is not as provisioned, and what to do.

It changes nothing, but for a client's queue of its own, to which it sends a message and which it
removes. It never looks at what a key or a credential is, only at whether there is one.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, Literal

from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.client_topics import plan_client_of
from asyncmcp_nb.broker.connect import open_bus
from asyncmcp_nb.broker.payload_bucket import lets_payloads_expire
from asyncmcp_nb.broker.plan import plan_deployment
from asyncmcp_nb.broker.provisioning import ensure_client, remove_client
from asyncmcp_nb.broker.resources import Place, QueuePlan, admitted_topics
from asyncmcp_nb.bus.aws_errors import error_code
from asyncmcp_nb.bus.boto3_clients import is_loopback
from asyncmcp_nb.bus.protocol import Bus
from asyncmcp_nb.config import Deployment, read_key, read_session_key
from asyncmcp_nb.errors import AsyncMcpError, BusNotFound
from asyncmcp_nb.limits import SNS_DEFAULT_MESSAGE_BYTES
from asyncmcp_nb.printable import one_line
from asyncmcp_nb.wire import Ordering, Outgoing
from asyncmcp_nb.wire.attributes import CLIENT_ID

ROUND_TRIP_SECONDS: Final = 30.0
"""How long a message of our own may take."""
_POLL_SECONDS: Final = 5.0
_SKEW_SECONDS: Final = 60.0
"""AWS refuses requests whose time is off by more than five minutes."""
_NOT_ALLOWED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized", "403"}
)
"""Codes for credentials that are good, but not for this."""

Verdict = Literal["fine", "problem", "unknown"]
_MARKS: Final[dict[Verdict, str]] = {"fine": "✓", "problem": "✗", "unknown": "?"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    """``unknown``: the credentials may not look at it, which need not be wrong."""
    words: str
    step: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        said = one_line(f"{_MARKS[self.verdict]} {self.what}: {self.words}")
        return f"{said}\n  → {one_line(self.step)}" if self.step else said


def examine(deployment: Deployment) -> Iterator[Finding]:
    """Look at one thing after the other, each when the next finding is asked for; blocks."""
    credentials = _credentials(deployment)
    yield credentials
    if credentials.verdict == "problem":
        return  # of the rest there would be no more to say
    with Admin.of(deployment) as admin:
        endpoint = _guarded("endpoint", lambda: _endpoint(admin, deployment))
        yield endpoint
        if endpoint.verdict == "problem":
            return
        for what, look in _looks(admin, deployment):
            yield _guarded(what, look)
    yield _guarded("round trip", lambda: _round_trip(deployment))


def _looks(admin: Admin, deployment: Deployment) -> Iterator[tuple[str, Callable[[], Finding]]]:
    for reference in deployment.signing_keys:
        what = f"signing key {reference}"
        yield what, partial(_key, what, partial(read_key, reference))
    if deployment.session_key_file:
        file = deployment.session_key_file
        yield "session key", partial(_key, "session key", partial(read_session_key, file))
    for what, arn in (
        ("request topic", deployment.request_topic_arn),
        ("response topic", deployment.response_topic_arn),
    ):
        yield what, lambda what=what, arn=arn: _topic(admin, what, arn)
    plan = plan_deployment(
        deployment.name, Place.of_arn(deployment.request_topic_arn), fifo=deployment.fifo
    )
    yield "server queue", lambda: _server_queue(admin, deployment, plan.server_queue)
    yield "its subscription", lambda: _subscription(admin, deployment, plan.server_queue)
    yield "dead-letter queue", lambda: _dead_letters(admin, deployment)
    bucket = deployment.claim_check_bucket
    if bucket is not None:
        yield f"bucket {bucket}", lambda: _bucket(deployment, bucket)


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except AsyncMcpError as exc:
        return Finding(what, "unknown" if _may_not_look(exc) else "problem", str(exc))


def _may_not_look(error: AsyncMcpError) -> bool:
    cause = error.__cause__
    return isinstance(cause, Exception) and error_code(cause) in _NOT_ALLOWED


# -- one by one -----------------------------------------------------------------------------------


def _credentials(deployment: Deployment) -> Finding:
    what = "credentials"
    if is_loopback(deployment.endpoint_url):
        return Finding(what, "fine", "none are needed on this machine")
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session: Any = boto3.Session()
        found = session.get_credentials()
    except BotoCoreError as exc:
        return Finding(what, "problem", str(exc), "mend the AWS configuration files")
    if found is None:
        return Finding(what, "problem", "none were found", "`aws configure`, or set AWS_PROFILE")
    return Finding(what, "fine", f"found ({found.method})")


def _endpoint(admin: Admin, deployment: Deployment) -> Finding:
    what = f"endpoint {deployment.endpoint_url or deployment.region}"
    started = time.monotonic()
    try:
        answer = admin.queue_answer(deployment.server_queue_url)
    except BusNotFound:
        return Finding(what, "fine", "answers")  # the queue has a finding of its own
    took = f"answers in {(time.monotonic() - started) * 1000:.0f} ms"
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    off_seconds = 0.0 if date is None else time.time() - parsedate_to_datetime(date).timestamp()
    if abs(off_seconds) > _SKEW_SECONDS:
        way = "ahead of" if off_seconds > 0 else "behind"
        words = f"{took}, but the clock here is {abs(off_seconds):,.0f} s {way} its own"
        return Finding(what, "problem", words, "set the clock: AWS refuses requests off by 300 s")
    return Finding(what, "fine", f"{took}; the clocks agree" if date else took)


def _key(what: str, read: Callable[[], bytes | None]) -> Finding:
    read()
    return Finding(what, "fine", "there, and long enough")


def _topic(admin: Admin, what: str, arn: str) -> Finding:
    attributes = admin.topic_attributes(arn)
    limit_bytes = int(attributes.get("MaximumMessageSize", SNS_DEFAULT_MESSAGE_BYTES))
    return Finding(f"{what} {_name(arn)}", "fine", f"takes messages of up to {limit_bytes:,} bytes")


def _server_queue(admin: Admin, deployment: Deployment, plan: QueuePlan) -> Finding:
    what = f"server queue {plan.name}"
    attributes = admin.queue_answer(deployment.server_queue_url)["Attributes"]
    if deployment.request_topic_arn not in admitted_topics(attributes.get("Policy", "")):
        words = f"its policy does not let {_name(deployment.request_topic_arn)} send to it"
        return Finding(what, "problem", words, _again(deployment))
    target = json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn", "")
    if _name(target) != deployment.dead_letter_queue_url.rpartition("/")[2]:
        words = "what is received too often does not go to the dead-letter queue"
        return Finding(what, "problem", words, _again(deployment))
    waiting, leased = _depth(attributes)
    return Finding(what, "fine", f"{waiting:,} requests wait, {leased:,} in hand")


def _subscription(admin: Admin, deployment: Deployment, plan: QueuePlan) -> Finding:
    what = f"subscription of {plan.name}"
    found = admin.subscription_attributes(deployment.request_topic_arn, plan.arn)
    if found is None:
        words = f"{_name(deployment.request_topic_arn)} does not feed the queue"
        return Finding(what, "problem", words, _again(deployment))
    if found.get("RawMessageDelivery") != "true":
        return Finding(what, "problem", "its delivery is not raw", _again(deployment))
    if json.loads(found.get("FilterPolicy") or "{}") != plan.filter_policy:
        words = "its filter is another: workers would get messages that are not for them, or none"
        return Finding(what, "problem", words, _again(deployment))
    return Finding(what, "fine", "raw, with the filter that it needs")


def _dead_letters(admin: Admin, deployment: Deployment) -> Finding:
    url = deployment.dead_letter_queue_url
    count = sum(_depth(admin.queue_answer(url)["Attributes"]))
    words = f"{count:,} messages in it" if count else "empty"
    look = "asyncmcp-nb dlq list shows them, and why each is there"
    return Finding(f"dead-letter queue {_name(url)}", "fine", words, look if count else "")


def _bucket(deployment: Deployment, bucket: str) -> Finding:
    what = f"bucket {bucket}"
    place = {"region": deployment.region, "endpoint_url": deployment.endpoint_url}
    if lets_payloads_expire(bucket, **place):
        return Finding(what, "fine", "there; what we put into it expires")
    if is_loopback(deployment.endpoint_url):
        return Finding(what, "fine", "there")  # all of it goes with the broker
    words = "there, but what we put into it never expires"
    return Finding(what, "problem", words, _again(deployment))


def _round_trip(deployment: Deployment) -> Finding:
    """Publish to a client of our own, as a server would, and wait for it."""
    client = f"doctor-{secrets.token_hex(4)}"
    bus = open_bus(deployment)
    try:
        queue = ensure_client(deployment, client)
        topic = plan_client_of(deployment, client).topic_arn or deployment.response_topic_arn
        took_seconds = _sent_and_received(bus, topic, queue, client=client, is_fifo=deployment.fifo)
    finally:
        bus.close()
        remove_client(deployment, client)
    if took_seconds is None:
        words = f"a message to {_name(topic)} did not come back within {ROUND_TRIP_SECONDS:.0f} s"
        step = "a new subscription may take minutes on AWS: try again; then look at its encryption"
        return Finding("round trip", "problem", words, step)
    words = f"through {_name(topic)} to a queue of our own in {took_seconds:.2f} s"
    return Finding("round trip", "fine", words)


def _sent_and_received(
    bus: Bus, topic: str, queue: str, *, client: str, is_fifo: bool
) -> float | None:
    """Seconds from publishing to receiving; None where it did not come."""
    started = time.monotonic()
    while time.monotonic() - started < ROUND_TRIP_SECONDS:
        word = secrets.token_hex(8)
        ordering = Ordering(client, word) if is_fifo else None
        published = time.monotonic()
        message = Outgoing(json.dumps({"doctor": word}), {CLIENT_ID: client}, ordering=ordering)
        for error in bus.publish(topic, [message]):
            if error is not None:
                raise error
        if bus.receive(queue, max_count=1, wait_seconds=_POLL_SECONDS, lease_seconds=30):
            return time.monotonic() - published
    return None


def _depth(attributes: Mapping[str, str]) -> tuple[int, int]:
    waiting = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed")
    leased = int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0))
    return sum(int(attributes.get(name, 0)) for name in waiting), leased


def _again(deployment: Deployment) -> str:
    return f"`asyncmcp-nb provision {deployment.name}`, with the options of then, puts it right"


def _name(address: str) -> str:
    """The name in an ARN or a URL."""
    return address.rpartition("/")[2].rpartition(":")[2]
