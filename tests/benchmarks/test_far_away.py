"""The way on which requests take longer."""

from __future__ import annotations

from asyncmcp_nb import broker
from tests.benchmarks import backends


def test_the_embedded_broker_answers_on_the_longer_way() -> None:
    with backends.running("moto") as near, backends.far_away(near) as far:
        deployment = far.deployment()

        assert broker.ensure_client(deployment, "alice")

    assert far.endpoint_url != near.endpoint_url
