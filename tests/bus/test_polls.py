"""Closing a bus ends its receives at once, and nothing else, where the broker can stand it."""

from __future__ import annotations

import json
import logging
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from asyncmcp_nb.broker import ensure_client, open_bus
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.boto3_clients import make_client
from asyncmcp_nb.bus.polls import Polls, watch
from asyncmcp_nb.bus.protocol import Delivery
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusClosed, BusUnavailable
from asyncmcp_nb.wire import Outgoing
from tests.certificates import make_certificate

PATIENCE_SECONDS = 30.0
"""Half a long poll: what ends within it was ended."""
ALICE = {"ClientId": "alice"}
QUEUE = "http://localhost/000000000000/queue"
TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"
LETTER = {"MessageId": "m", "ReceiptHandle": "r", "Body": "late"}
PUBLISHED = (
    "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>0</Id>"
    "<MessageId>m</MessageId></member></Successful></PublishBatchResult></PublishBatchResponse>"
)


class HeldBroker:
    """Takes requests and holds back every answer until it is let go; a proxy is the same."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.go = threading.Event()
        self._asked: deque[tuple[str, Any]] = deque()
        self._changed = threading.Condition()
        broker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                answer = broker.answer(self.headers.get("X-Amz-Target", ""), body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that is gone is what the tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if context is not None:
            scheme = "https"
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"{scheme}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, target: str, body: str) -> str:
        operation = target.rpartition(".")[2] or "PublishBatch"
        with self._changed:
            self._asked.append((operation, json.loads(body) if target else None))
            self._changed.notify_all()
        if operation == "ChangeMessageVisibilityBatch":
            return json.dumps({"Successful": [{"Id": "0"}], "Failed": []})
        self.go.wait(PATIENCE_SECONDS)
        return json.dumps({"Messages": [LETTER]}) if target else PUBLISHED

    def await_asked(self, count: int = 1) -> list[tuple[str, Any]]:
        """Wait for this many requests; all that came."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._asked) >= count, PATIENCE_SECONDS)
            return list(self._asked)

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def start() -> Iterator[Callable[..., HeldBroker]]:
    brokers: list[HeldBroker] = []

    def start(context: ssl.SSLContext | None = None) -> HeldBroker:
        brokers.append(HeldBroker(context))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.close()


@pytest.fixture
def held(start: Callable[..., HeldBroker]) -> HeldBroker:
    return start()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def tls_server(folder: Path) -> ssl.SSLContext:
    """How a server on localhost speaks TLS; its certificate is ``localhost.pem`` in the folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(folder, "localhost"))
    return context


def bus_at(endpoint_url: str, *, cuts_polls: bool = True, **options: Any) -> AwsBus:
    """A bus on clients as a script makes them."""
    session: Any = boto3.Session("any", "any", region_name="us-east-1")
    sqs, sns = (session.client(n, endpoint_url=endpoint_url, **options) for n in ("sqs", "sns"))
    return AwsBus(sqs, sns, cuts_polls=cuts_polls)


def receive(bus: AwsBus, queue: str = QUEUE) -> list[Delivery]:
    return list(bus.receive(queue, max_count=10, wait_seconds=20, lease_seconds=3600))


def error_of(poll: Future[Any]) -> type[BaseException | None]:
    return type(poll.exception(PATIENCE_SECONDS))


def test_a_message_that_comes_after_closing_is_there_for_the_next_receive(
    broker_deployment: Deployment, pool: ThreadPoolExecutor
) -> None:
    queue = ensure_client(broker_deployment, "alice")
    bus, next_bus = open_bus(broker_deployment), open_bus(broker_deployment)
    poll = pool.submit(receive, bus, queue)
    while "1 in flight" not in repr(bus):
        assert not poll.done()

    bus.close()

    next_bus.publish(broker_deployment.response_topic_arn, [Outgoing("x", ALICE)])
    # What was taken meanwhile is leased for an hour, or handed back.
    (delivery,) = receive(next_bus, queue)
    assert delivery.body == "x"
    assert error_of(poll) is BusClosed
    next_bus.close()


def test_a_receive_that_was_on_its_way_when_all_was_closed_still_brings_what_it_was_given() -> None:
    polls = Polls()
    polls.close()
    ours, brokers = socket.socketpair()
    with ours, brokers:
        brokers.sendall(b"a message")

        with polls.waiting_at(ours):
            brought = ours.recv(100)

    assert brought == b"a message"


def test_a_receive_that_was_on_its_way_when_all_was_closed_and_is_given_nothing_ends() -> None:
    polls = Polls(late_seconds=0.05)
    polls.close()
    ours, brokers = socket.socketpair()

    with ours, brokers, polls.waiting_at(ours):
        assert ours.recv(100) == b""


def test_what_tls_sends_of_its_own_is_not_taken_for_an_answer(
    start: Callable[..., HeldBroker], tmp_path: Path
) -> None:
    """A server sends tickets after the handshake; a receive that is late finds them unread."""
    held = start(tls_server(tmp_path))
    polls = Polls(late_seconds=0.05)
    polls.close()
    client = ssl.create_default_context(cafile=str(tmp_path / "localhost.pem"))
    address = ("127.0.0.1", held.port)
    with client.wrap_socket(socket.create_connection(address), server_hostname="localhost") as ours:
        assert select.select([ours], [], [], PATIENCE_SECONDS)[0]
        ours.settimeout(PATIENCE_SECONDS)

        with polls.waiting_at(ours):
            assert ours.recv(100) == b""


def test_closing_a_bus_at_the_embedded_broker_ends_its_receives(
    deployment: Deployment, pool: ThreadPoolExecutor
) -> None:
    queue = ensure_client(deployment, "alice")
    bus = open_bus(deployment)
    # So that it waits on a connection that was used before.
    bus.receive(queue, max_count=1, wait_seconds=0, lease_seconds=30)
    poll = pool.submit(receive, bus, queue)
    while "1 in flight" not in repr(bus):
        assert not poll.done()

    bus.close()

    assert error_of(poll) is BusClosed


def test_a_broker_that_does_not_answer_holds_up_nobody(
    held: HeldBroker, pool: ThreadPoolExecutor
) -> None:
    bus = AwsBus.open(region="us-east-1", endpoint_url=held.url, cuts_polls=True)
    polls = [pool.submit(receive, bus) for _ in range(2)]
    held.await_asked(2)

    bus.close()

    assert [error_of(poll) for poll in polls] == [BusClosed, BusClosed]


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_receive_that_was_cut_off_is_not_tried_again_and_nobody_complains(
    held: HeldBroker, pool: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    bus = bus_at(held.url, config=Config(retries={"mode": mode}))
    poll = pool.submit(receive, bus)
    held.await_asked()

    with caplog.at_level(logging.INFO):
        bus.close()
        assert error_of(poll) is BusClosed

    assert [operation for operation, _ in held.await_asked()] == ["ReceiveMessage"]
    assert caplog.messages == []


def test_a_publish_under_way_is_let_finish(held: HeldBroker, pool: ThreadPoolExecutor) -> None:
    bus = bus_at(held.url)
    publish = pool.submit(bus.publish, TOPIC, [Outgoing("x", {})])
    held.await_asked()

    bus.close()

    held.go.set()
    assert publish.result(PATIENCE_SECONDS) == [None]


def test_a_receive_over_tls_is_cut_off(
    start: Callable[..., HeldBroker], pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    held = start(tls_server(tmp_path))
    bus = bus_at(held.url, verify=str(tmp_path / "localhost.pem"))
    poll = pool.submit(receive, bus)
    held.await_asked()

    bus.close()

    assert error_of(poll) is BusClosed


def test_a_receive_through_a_proxy_is_cut_off(held: HeldBroker, pool: ThreadPoolExecutor) -> None:
    bus = bus_at("http://localhost:9", config=Config(proxies={"http": held.url}))
    poll = pool.submit(receive, bus)
    held.await_asked()

    bus.close()

    assert error_of(poll) is BusClosed


def test_elsewhere_a_receive_outlives_the_bus_and_hands_back_what_it_brings(
    held: HeldBroker, pool: ThreadPoolExecutor
) -> None:
    bus = bus_at(held.url, cuts_polls=False)
    poll = pool.submit(receive, bus)
    held.await_asked()

    bus.close()

    held.go.set()
    assert error_of(poll) is BusClosed
    (_, (operation, asked)) = held.await_asked(2)
    assert operation == "ChangeMessageVisibilityBatch"
    assert [(e["ReceiptHandle"], e["VisibilityTimeout"]) for e in asked["Entries"]] == [("r", 0)]


def test_another_bus_of_the_same_clients_goes_on(
    held: HeldBroker, pool: ThreadPoolExecutor
) -> None:
    sqs: Any = make_client("sqs", region="us-east-1", endpoint_url=held.url)
    sns: Any = make_client("sns", region="us-east-1", endpoint_url=held.url)
    closing, other = AwsBus(sqs, sns, cuts_polls=True), AwsBus(sqs, sns, cuts_polls=True)
    cut, kept = pool.submit(receive, closing), pool.submit(receive, other)
    held.await_asked(2)

    closing.close()

    assert error_of(cut) is BusClosed
    held.go.set()
    assert [delivery.body for delivery in kept.result(PATIENCE_SECONDS)] == ["late"]


def test_botocore_keeps_its_pools_where_they_are_looked_for() -> None:
    assert watch(make_client("sqs", region="us-east-1", endpoint_url="http://localhost:9"))


def test_a_botocore_that_keeps_them_elsewhere_is_left_as_it_is() -> None:
    assert [watch(SimpleNamespace()), watch(SimpleNamespace(_endpoint=None))] == [False, False]


def test_a_failure_of_a_receive_is_what_it_was() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        bus = bus_at(
            f"http://localhost:{nobody.getsockname()[1]}",
            config=Config(retries={"total_max_attempts": 1}),
        )

        with pytest.raises(BusUnavailable):
            receive(bus)
