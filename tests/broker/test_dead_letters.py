"""Looking into a dead-letter queue, sending back what is there, and emptying it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import asyncmcp_nb
from asyncmcp_nb.broker import DeadLetters, teardown
from asyncmcp_nb.broker.dead_letters import MOST_LETTERS
from asyncmcp_nb.broker.letter_queue import LetterQueue, Sweep
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusNotFound, ConfigError, LetterNotFound
from asyncmcp_nb.wire.meta import DEADLINE_KEY
from tests.helpers import PATIENCE_SECONDS, tool_server


class Post:
    """Puts letters into the dead-letter queue, and takes what reaches the servers' queue."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.sqs: Any = make_client(
            "sqs", region=deployment.region, endpoint_url=deployment.endpoint_url
        )

    def park(self, body: str, reason: str | None = "told", **attributes: str) -> str:
        """A letter as a worker leaves it; its id."""
        texts = attributes if reason is None else {**attributes, "DeadLetterReason": reason}
        typed = {n: {"DataType": "String", "StringValue": value} for n, value in texts.items()}
        return self.send(self.deployment.dead_letter_queue_url, body, typed)

    def send(self, url: str, body: str, attributes: dict[str, Any], **ordering: str) -> str:
        sent = self.sqs.send_message(
            QueueUrl=url, MessageBody=body, MessageAttributes=attributes, **ordering
        )
        return sent["MessageId"]

    def arrived(self) -> list[dict[str, Any]]:
        """What the servers' queue holds, taken out of it."""
        url = self.deployment.server_queue_url
        found: list[dict[str, Any]] = []
        while taken := self._receive(url).get("Messages", []):
            found += taken
            for message in taken:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def fail(self, count: int) -> None:
        """Receive what the servers' queue holds, as servers that die with it."""
        for _ in range(count):
            self._receive(self.deployment.server_queue_url, VisibilityTimeout=0)

    def _receive(self, url: str, **options: Any) -> dict[str, Any]:
        return self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
            **options,
        )


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


@pytest.fixture
def post(deployment: Deployment) -> Iterator[Post]:
    made = Post(deployment)
    yield made
    made.sqs.close()


@pytest.fixture
def fifo_post(fifo_deployment: Deployment) -> Iterator[Post]:
    made = Post(fifo_deployment)
    yield made
    made.sqs.close()


@pytest.fixture
def box(deployment: Deployment) -> DeadLetters:
    return DeadLetters(deployment)


def ids(box: DeadLetters) -> set[str]:
    return {letter.message_id for letter in box.list()}


def call(number: int, deadline: datetime | None = None) -> str:
    params: dict[str, Any] = {"name": "add", "arguments": {"n": number}}
    if deadline is not None:
        params["_meta"] = {DEADLINE_KEY: deadline.isoformat()}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


# -- looking --------------------------------------------------------------------------------------


def test_a_look_tells_who_asked_for_what_and_takes_nothing(box: DeadLetters, post: Post) -> None:
    message_id = post.park(call(7), "failed 6 times", ClientId="alice")

    (first,) = box.list()
    (again,) = box.list()

    assert (first.message_id, first.reason) == (message_id, "failed 6 times")
    assert (first.tool, first.client_id, first.request_id) == ("add", "alice", "7")
    assert abs(first.sent_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert again.message_id == message_id
    assert again.receive_count > first.receive_count
    assert box.count() == 1


def test_an_empty_queue_has_no_letters(box: DeadLetters) -> None:
    assert (list(box.list()), box.count()) == ([], 0)
    assert list(box.redrive("all")) == []
    assert list(box.purge("all")) == []


def test_a_look_has_a_limit_and_says_how_many_there_are(box: DeadLetters, post: Post) -> None:
    for number in range(14):
        post.park(call(number))

    some = box.list(12)

    assert (len(some), some.total_count) == (12, 14)
    assert len({letter.message_id for letter in some}) == 12
    assert len(box.list()) == 14


@pytest.mark.parametrize("limit", [0, -1, MOST_LETTERS + 1])
def test_a_limit_out_of_bounds_is_refused(box: DeadLetters, limit: int) -> None:
    with pytest.raises(ConfigError, match="limit: 1 to 10,000"):
        box.list(limit)


def test_one_letter_is_found_among_others(box: DeadLetters, post: Post) -> None:
    wanted = [post.park(call(number)) for number in range(12)][-1]

    assert box.show(wanted).request_id == "11"
    assert len(box.list()) == 12


def test_a_letter_that_is_not_there_is_an_error(box: DeadLetters) -> None:
    with pytest.raises(LetterNotFound, match=r"'nobody' of .* not there, or somebody else looks"):
        box.show("nobody")


def test_a_look_that_fails_hands_back_what_it_took(
    deployment: Deployment, box: DeadLetters, post: Post
) -> None:
    message_id = post.park("x")
    seen_meanwhile: list[set[str]] = []

    def look_and_fail() -> None:
        with closing(LetterQueue.of(deployment)) as queue, Sweep(queue, most=10) as sweep:
            for _ in sweep:
                seen_meanwhile.append(ids(box))
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look_and_fail()

    assert seen_meanwhile == [set()]
    assert ids(box) == {message_id}


def test_what_sqs_moved_by_itself_says_so(
    deployment: Deployment, box: DeadLetters, post: Post
) -> None:
    queue = post.sqs.get_queue_attributes(
        QueueUrl=deployment.server_queue_url, AttributeNames=["All"]
    )["Attributes"]
    policy = {**json.loads(queue["RedrivePolicy"]), "maxReceiveCount": 2}
    attributes = {"Policy": queue["Policy"], "RedrivePolicy": json.dumps(policy)}
    post.sqs.set_queue_attributes(QueueUrl=deployment.server_queue_url, Attributes=attributes)
    post.send(deployment.server_queue_url, call(1), {})
    post.fail(3)

    (letter,) = box.list()

    assert letter.reason == "received 2 times without an answer"


def test_a_queue_that_is_not_there_is_an_error(deployment: Deployment, box: DeadLetters) -> None:
    teardown(deployment)

    with pytest.raises(BusNotFound):
        box.list()
    with pytest.raises(BusNotFound):
        box.redrive("all")


def test_a_box_is_found_as_a_session_is_and_names_its_queue(deployment: Deployment) -> None:
    name = deployment.name

    box = asyncmcp_nb.dead_letters(deployment)

    assert repr(box) == f"<DeadLetters of {name} in {name}-server-dlq: list(), redrive(), purge()>"


@pytest.mark.parametrize("fifo", [False, True])
def test_what_a_server_puts_aside_is_here_with_its_reason(
    deployment: Deployment, fifo_deployment: Deployment, *, fifo: bool
) -> None:
    served = fifo_deployment if fifo else deployment
    ordering = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if fifo else {}
    with closing(Post(served).sqs) as sqs, asyncmcp_nb.serve(tool_server(), served):
        sqs.send_message(QueueUrl=served.server_queue_url, MessageBody="{half", **ordering)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (letters := DeadLetters(served).list()) and time.monotonic() < deadline:
            pass  # each look waits for a second

    assert [(letter.body, letter.reason) for letter in letters] == [("{half", "body is not JSON")]


# -- sending back ---------------------------------------------------------------------------------


def test_a_letter_goes_back_as_it_was_without_its_reason(
    deployment: Deployment, box: DeadLetters, post: Post
) -> None:
    attributes = {
        "ClientId": {"DataType": "String", "StringValue": "alice"},
        "Delivery": {"DataType": "String", "StringValue": f"c={'0' * 32};s=12345678.{'A' * 43}"},
        "ExtendedPayloadSize": {"DataType": "Number", "StringValue": "300000"},
        "Packed": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    reason = {"DataType": "String", "StringValue": "told"}
    message_id = post.send(
        deployment.dead_letter_queue_url, "é{", {**attributes, "DeadLetterReason": reason}
    )

    outcome = box.redrive(message_id)

    (message,) = post.arrived()
    assert message["Body"] == "é{"
    assert message["MessageAttributes"] == attributes
    assert (outcome.done_count, outcome.failed, box.count()) == (1, (), 0)
    assert repr(outcome) == "sent back 1 dead letter"


def test_only_the_letters_named_go_back(box: DeadLetters, post: Post) -> None:
    one, two, three = (post.park(call(number)) for number in (1, 2, 3))
    letters = {letter.message_id: letter for letter in box.list()}

    outcome = box.redrive([one, letters[three]])

    assert {found["Body"] for found in post.arrived()} == {call(1), call(3)}
    assert {entry.message_id for entry in outcome} == {one, three}
    assert ids(box) == {two}


def test_all_letters_go_back(box: DeadLetters, post: Post) -> None:
    bodies = {call(number) for number in range(23)}
    for body in bodies:
        post.park(body)

    outcome = box.redrive("all")

    assert {found["Body"] for found in post.arrived()} == bodies
    assert (outcome.done_count, box.count()) == (23, 0)


def test_what_servers_would_drop_again_stays_and_is_told(box: DeadLetters, post: Post) -> None:
    post.park(call(1))
    late = post.park(call(2, datetime.now(UTC) - timedelta(seconds=1)))
    control = post.park(call(3), WorkerId="*")

    outcome = box.redrive("all")

    assert [found["Body"] for found in post.arrived()] == [call(1)]
    errors = {entry.message_id: entry.error for entry in outcome.failed}
    assert "deadline passed" in str(errors.pop(late))
    assert "control message" in str(errors.pop(control))
    assert errors == {}
    assert ids(box) == {late, control}
    assert repr(outcome).splitlines()[0] == "sent back 1 of 3 dead letters"
    assert len(repr(outcome).splitlines()) == 3


def test_what_comes_back_at_once_does_not_go_round_for_ever(box: DeadLetters, post: Post) -> None:
    # A letter of the same content is what a server leaves that puts the message aside again.
    twice = [post.park("{half", "body is not JSON") for _ in range(2)]

    outcome = box.redrive("all")

    (left,) = outcome.failed
    assert left.message_id in twice
    assert str(left.error).endswith("sent back a moment ago; this is here since: body is not JSON")
    assert [found["Body"] for found in post.arrived()] == ["{half"]
    assert ids(box) == {left.message_id}
    assert box.redrive(left.message_id).done_count == 1


def test_a_letter_that_cannot_be_sent_stays(
    deployment: Deployment, box: DeadLetters, post: Post
) -> None:
    sent = {post.park(call(number)) for number in range(3)}
    post.sqs.delete_queue(QueueUrl=deployment.server_queue_url)

    outcome = box.redrive("all")

    assert {entry.message_id for entry in outcome.failed} == sent
    assert all("SendMessage" in str(entry.error) for entry in outcome)
    assert outcome.done_count == 0
    assert box.count() == 3


def test_ids_that_are_not_there_are_told_and_the_others_go_back(
    box: DeadLetters, post: Post
) -> None:
    there = post.park(call(1))

    outcome = box.redrive(["nobody", there])

    assert outcome.done_count == 1
    (failed,) = outcome.failed
    assert (failed.message_id, str(failed.error)[:9]) == ("nobody", "not there")
    assert len(post.arrived()) == 1


# -- deleting -------------------------------------------------------------------------------------


def test_only_the_letters_named_are_deleted(box: DeadLetters, post: Post) -> None:
    one, two = post.park("1"), post.park("2")

    outcome = box.purge([one, "nobody"])

    assert (outcome.done_count, [entry.message_id for entry in outcome.failed]) == (1, ["nobody"])
    assert repr(outcome).splitlines()[0] == "deleted 1 of 2 dead letters"
    assert ids(box) == {two}
    assert post.arrived() == []


def test_all_letters_are_deleted_and_counted(box: DeadLetters, post: Post) -> None:
    for _ in range(13):
        post.park("same")

    outcome = box.purge("all")

    assert (outcome.done_count, repr(outcome)) == (13, "deleted 13 dead letters")
    assert box.count() == 0


def test_to_name_nobody_is_to_do_nothing(box: DeadLetters, post: Post) -> None:
    post.park("x")

    assert list(box.purge([])) == []
    assert box.count() == 1


# -- FIFO -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("group_count", [1, 3])
def test_letters_of_a_fifo_deployment_rejoin_their_groups_in_order(
    fifo_deployment: Deployment, fifo_post: Post, group_count: int
) -> None:
    url = fifo_deployment.dead_letter_queue_url
    for number in range(12):
        fifo_post.send(
            url,
            str(number),
            {},
            MessageGroupId=f"g{number % group_count}",
            MessageDeduplicationId=f"d{number}",
        )
    box = DeadLetters(fifo_deployment)

    outcome = box.redrive("all")

    assert (outcome.done_count, outcome.failed, box.count()) == (12, (), 0)
    arrived = fifo_post.arrived()
    for group in range(group_count):
        mine = [m for m in arrived if m["Attributes"]["MessageGroupId"] == f"g{group}"]
        assert [int(m["Body"]) for m in mine] == list(range(group, 12, group_count))
    fresh = {message["Attributes"]["MessageDeduplicationId"] for message in arrived}
    assert len(fresh) == 12
    assert fresh.isdisjoint({f"d{number}" for number in range(12)})
