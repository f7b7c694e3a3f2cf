"""Fixtures for tests of every room: a home of their own, and brokers to run on.

``deployment`` is on moto, ``fauxqs_deployment`` on fauxqs, and a test that takes
``broker_deployment`` runs once on each. A module whose tests take ``deployment``, directly or by
another fixture, runs on both when it says so::

    @pytest.fixture
    def deployment(broker_deployment: Deployment) -> Deployment:
        return broker_deployment
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from asyncmcp_nb.broker import embedded, open_bus, provision, stop_embedded, teardown
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import HOME_VARIABLE, MIN_KEY_BYTES, Deployment
from asyncmcp_nb.profiles import PROFILE_VARIABLE
from tests.backends import REGION, Fauxqs, require_fauxqs

# How long one example takes is the machine's affair.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function):
            if "embedded_home" in item.fixturenames:
                item.add_marker("moto")
            if "fauxqs" in item.fixturenames:
                item.add_marker("fauxqs")


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
def moto_deployment(embedded_home: Path) -> Iterator[Deployment]:
    """A deployment on the embedded broker that nobody else uses."""
    made = embedded(name=f"t{secrets.token_hex(4)}")
    yield made
    teardown(made)


@pytest.fixture(scope="session")
def fauxqs() -> Iterator[Fauxqs]:
    """A second implementation of SNS and SQS; one per test process."""
    require_fauxqs()
    with Fauxqs() as running:
        yield running


@pytest.fixture
def fauxqs_deployment(fauxqs: Fauxqs, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment on fauxqs that nobody else uses."""
    key = tmp_path / "session.key"
    key.write_bytes(secrets.token_bytes(MIN_KEY_BYTES))
    made = provision(f"t{secrets.token_hex(4)}", region=REGION, endpoint_url=fauxqs.endpoint_url)
    yield replace(made, session_key_file=str(key))
    teardown(made)


@pytest.fixture(
    params=[
        pytest.param("moto", marks=pytest.mark.moto),
        pytest.param("fauxqs", marks=pytest.mark.fauxqs),
    ]
)
def broker_deployment(request: pytest.FixtureRequest) -> Deployment:
    """A deployment that nobody else uses: on moto, and once more on fauxqs."""
    return request.getfixturevalue(f"{request.param}_deployment")


@pytest.fixture
def deployment(moto_deployment: Deployment) -> Deployment:
    """A deployment that nobody else uses."""
    return moto_deployment


@pytest.fixture
def aws_bus(deployment: Deployment) -> Iterator[AwsBus]:
    bus = open_bus(deployment)
    yield bus
    bus.close()
