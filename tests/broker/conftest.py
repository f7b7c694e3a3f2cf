"""Deployments that the tests of this room make for themselves."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from asyncmcp_nb.broker import provision, teardown
from asyncmcp_nb.config import Deployment


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
