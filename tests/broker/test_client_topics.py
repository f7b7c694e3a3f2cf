"""Topics of clients' own, for servers of the ``asyncmcp`` package: made, told apart, removed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from asyncmcp_nb.broker import (
    ensure_client,
    provision,
    remove_client,
    reply_topic_arn,
    teardown,
    topic_limit_bytes,
)
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusNotFound, ConfigError
from asyncmcp_nb.wire import Outgoing
from tests.broker.eyes import Eyes

ANYTHING = {"SessionId": "s1"}
"""What such a server says of a message names no client."""


@pytest.fixture
def theirs(broker_deployment: Deployment) -> Deployment:
    return replace(broker_deployment, dialect="asyncmcp")


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


def own_topic(deployment: Deployment, client: str) -> str:
    arn = reply_topic_arn(deployment, client)
    assert arn is not None
    return arn


def test_each_client_hears_its_own_topic_and_no_other(theirs: Deployment, aws_bus: AwsBus) -> None:
    queues = {name: ensure_client(theirs, name) for name in ("alice", "bob")}
    for name in queues:
        aws_bus.publish(own_topic(theirs, name), [Outgoing(f"for {name}", ANYTHING)])
    aws_bus.publish(theirs.response_topic_arn, [Outgoing("shared", {"ClientId": "alice"})])

    heard = {
        name: [
            delivery.body
            for delivery in aws_bus.receive(url, max_count=10, wait_seconds=20, lease_seconds=30)
        ]
        for name, url in queues.items()
    }

    assert heard == {"alice": ["for alice"], "bob": ["for bob"]}
    assert queues["alice"] == theirs.client_queue_url("alice")


def test_a_clients_queue_admits_its_own_topic_and_making_it_again_changes_nothing(
    theirs: Deployment, eyes: Eyes
) -> None:
    url = ensure_client(theirs, "alice")
    before = eyes.queue(url)

    assert ensure_client(theirs, "alice") == url

    assert eyes.queue(url) == before
    assert own_topic(theirs, "alice") in before["Policy"]
    assert theirs.response_topic_arn not in before["Policy"]
    (feed,) = eyes.feeds(own_topic(theirs, "alice")).values()
    assert feed["RawMessageDelivery"] == "true"
    assert json.loads(feed.get("FilterPolicy") or "{}") == {}


def test_a_client_of_our_servers_comes_over_and_goes_back(
    deployment: Deployment, theirs: Deployment, eyes: Eyes
) -> None:
    url = ensure_client(deployment, "alice")

    assert ensure_client(theirs, "alice") == url
    assert own_topic(theirs, "alice") in eyes.queue(url)["Policy"]
    assert ensure_client(deployment, "alice") == url
    assert deployment.response_topic_arn in eyes.queue(url)["Policy"]
    assert reply_topic_arn(deployment, "alice") is None


def test_a_removed_client_leaves_neither_topic_nor_queue(theirs: Deployment, eyes: Eyes) -> None:
    ensure_client(theirs, "alice")
    ensure_client(theirs, "bob")

    remove_client(theirs, "alice")
    remove_client(theirs, "alice")

    assert eyes.topic_names() == ["-client-bob", "-requests", "-responses"]
    assert eyes.queue_names() == ["-client-bob", "-server", "-server-dlq"]


@pytest.mark.parametrize("dialect", ["asyncmcp", "asyncmcp-nb"])
def test_teardown_removes_clients_topics_and_nothing_of_others(
    deployment: Deployment, theirs: Deployment, eyes: Eyes, dialect: str
) -> None:
    ensure_client(theirs, "alice")
    # Its clients are named as if they were clients of the first.
    other = provision(
        f"{deployment.name}-client-x",
        region=deployment.region,
        endpoint_url=deployment.endpoint_url,
        dialect="asyncmcp",
    )
    ensure_client(other, "bob")

    teardown(theirs if dialect == "asyncmcp" else deployment)

    assert eyes.topic_names() == [
        "-client-x-client-bob",
        "-client-x-requests",
        "-client-x-responses",
    ]
    assert eyes.queue_names() == [
        "-client-x-client-bob",
        "-client-x-server",
        "-client-x-server-dlq",
    ]
    teardown(other)
    assert eyes.topic_names() == eyes.queue_names() == []


def test_the_limit_is_that_of_the_request_topic(theirs: Deployment) -> None:
    elsewhere = replace(theirs, response_topic_arn=f"{theirs.response_topic_arn}-none")

    assert topic_limit_bytes(elsewhere) == 262_144
    with pytest.raises(BusNotFound):
        topic_limit_bytes(replace(elsewhere, dialect="asyncmcp-nb"))


def test_what_the_package_does_not_have_is_refused_before_anything_is_made(
    deployment: Deployment, eyes: Eyes
) -> None:
    name = f"{deployment.name}-2"

    with pytest.raises(ConfigError, match="use standard queues"):
        provision(
            name,
            region=deployment.region,
            endpoint_url=deployment.endpoint_url,
            fifo=True,
            dialect="asyncmcp",
        )
    with pytest.raises(ConfigError, match="do not sign"):
        replace(deployment, dialect="asyncmcp", signing_keys=("env:KEY",))

    assert [found for found in eyes.topic_names() if found.startswith("-2")] == []


def test_a_deployment_of_that_dialect_is_remembered_as_one(theirs: Deployment) -> None:
    assert Deployment.from_toml(theirs.to_toml()) == theirs
