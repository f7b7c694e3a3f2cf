"""A deployment on the in-process bus for each test, and no thread left behind."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from mcp_types import JSONRPCRequest

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.sns_sqs.work import ReturnAddress, Work
from asyncmcp_nb.wire import decode
from tests.helpers import MemoryDeployment, memory_deployment, no_threads_left


@pytest.fixture(autouse=True)
def _threads_end() -> Generator[None]:
    with no_threads_left():
        yield


@pytest.fixture
def deployed(request: pytest.FixtureRequest) -> Generator[MemoryDeployment]:
    """A deployment whose bus has the faults that the test's parameter names."""
    with memory_deployment(request.param) as deployment:
        yield deployment


@pytest.fixture
def memory() -> Generator[MemoryDeployment]:
    with memory_deployment() as deployment:
        yield deployment


def work_of(delivery: Delivery, link: Any) -> Work:
    """A request as a link makes it into work."""
    incoming = decode(delivery.body, delivery.attributes)
    address = ReturnAddress.of(incoming)
    assert isinstance(incoming.message, JSONRPCRequest)
    assert address is not None
    key = (address.owner, str(incoming.message.id))
    return Work(incoming.message, incoming, address, key, link, delivery, [delivery.receipt])
