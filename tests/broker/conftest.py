"""Deployments that the tests of this room make for themselves, and eyes to look at them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from asyncmcp_nb.broker import provision, teardown
from asyncmcp_nb.config import Deployment
from tests.broker.eyes import Eyes


@pytest.fixture
def fifo_deployment(deployment: Deployment) -> Iterator[Deployment]:
    """A FIFO deployment that nobody else uses, on the broker of ``deployment``."""
    made = provision(
        f"f{secrets.token_hex(4)}",
        region=deployment.region,
        endpoint_url=deployment.endpoint_url,
        fifo=True,
    )
    yield made
    teardown(made)


@pytest.fixture
def eyes(deployment: Deployment) -> Iterator[Eyes]:
    """Of ``deployment``, whatever that is in the module that asks."""
    with closing(Eyes(deployment)) as seeing:
        yield seeing


@pytest.fixture
def fifo_eyes(fifo_deployment: Deployment) -> Iterator[Eyes]:
    """Of ``fifo_deployment``."""
    with closing(Eyes(fifo_deployment)) as seeing:
        yield seeing
