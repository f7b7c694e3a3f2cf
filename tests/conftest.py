"""Fixtures for tests of every room: a home of their own, and the embedded broker."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from asyncmcp_nb.broker import embedded, open_bus, stop_embedded, teardown
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import HOME_VARIABLE, PROFILE_VARIABLE, Deployment

# How long one example takes is the machine's affair.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "embedded_home" in item.fixturenames:
            item.add_marker("moto")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this process's tests keep what users keep in their home."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv(HOME_VARIABLE, str(folder))
        patch.delenv(PROFILE_VARIABLE, raising=False)
        yield folder


@pytest.fixture(scope="session")
def embedded_home(home: Path) -> Iterator[Path]:
    """The home, with a broker running in it; one per test process."""
    embedded()
    yield home
    stop_embedded()


@pytest.fixture
def deployment(embedded_home: Path) -> Iterator[Deployment]:
    """A deployment that nobody else uses."""
    made = embedded(name=f"t{secrets.token_hex(4)}")
    yield made
    teardown(made)


@pytest.fixture
def aws_bus(deployment: Deployment) -> Iterator[AwsBus]:
    bus = open_bus(deployment)
    yield bus
    bus.close()
