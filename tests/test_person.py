"""Whether somebody can be asked: as front ends tell their kernels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client import manager

from asyncmcp_nb import person

SECONDS = 60


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """A client of a kernel of its own."""
    untyped: Any = manager
    kernel_manager, client = untyped.start_new_kernel(startup_timeout=SECONDS)
    yield client
    client.stop_channels()
    kernel_manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("allows", [True, False])
def test_a_person_is_there_where_the_front_end_takes_input(kernel: Any, allows: bool) -> None:
    said: list[str] = []

    def hear(message: Any) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    code = "from asyncmcp_nb import person; print(person.is_there())"
    kernel.execute_interactive(code, allow_stdin=allows, timeout=SECONDS, output_hook=hear)

    assert "".join(said).strip() == str(allows)


def test_outside_of_a_kernel_nobody_is_there() -> None:
    assert not person.is_there()
