"""Where it is measured: moto, fauxqs, and either of them as far away as AWS."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from asyncmcp_nb import broker
from asyncmcp_nb.config import HOME_VARIABLE, MIN_KEY_BYTES, Deployment
from tests.backends import REGION, Fauxqs
from tests.benchmarks.processes import Peer

NAMES: Final = ("fauxqs", "moto")
DELAY_SECONDS: Final = 0.01
"""What AWS adds to a request, about."""


@dataclass(frozen=True, slots=True)
class Backend:
    """An SNS and SQS, empty at first."""

    name: str
    endpoint_url: str
    folder: Path
    """For files of this run; removed with it."""

    def deployment(self, **settings: Any) -> Deployment:
        """One that nobody else uses."""
        name = f"b{secrets.token_hex(4)}"
        made = broker.provision(name, region=REGION, endpoint_url=self.endpoint_url, **settings)
        key = self.folder / f"{name}.key"
        key.write_bytes(secrets.token_bytes(MIN_KEY_BYTES))
        return made if settings else replace(made, session_key_file=str(key))


@contextmanager
def running(name: str) -> Generator[Backend]:
    """A backend of this run's own, and a home of its own for what users have in theirs."""
    with tempfile.TemporaryDirectory() as folder:
        home = os.environ.get(HOME_VARIABLE)
        os.environ[HOME_VARIABLE] = folder
        try:
            if name == "fauxqs":
                with Fauxqs() as fauxqs:
                    yield Backend(name, fauxqs.endpoint_url, Path(folder))
            else:
                yield Backend(name, str(broker.embedded().endpoint_url), Path(folder))
        finally:
            broker.stop_embedded()
            if home is None:
                del os.environ[HOME_VARIABLE]
            else:
                os.environ[HOME_VARIABLE] = home


@contextmanager
def far_away(backend: Backend) -> Generator[Backend]:
    """The same, with ``DELAY_SECONDS`` added to each request, in a process of its own."""
    port = urlsplit(backend.endpoint_url).port
    with Peer("delay", {"port": port, "seconds": DELAY_SECONDS}) as delay:
        name = f"{backend.name} + {DELAY_SECONDS * 1e3:.0f} ms"
        yield Backend(name, f"http://127.0.0.1:{delay.ready}", backend.folder)
