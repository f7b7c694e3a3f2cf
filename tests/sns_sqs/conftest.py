"""A deployment on the in-process bus for each test, and no thread left behind."""

from __future__ import annotations

from collections.abc import Generator

import pytest

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
