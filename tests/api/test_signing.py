"""Signing keys of a deployment, from ``connect`` and ``serve`` down to the queue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.errors import ConfigError, ServeError
from asyncmcp_nb.ledger import Status
from tests.helpers import HANDSHAKE, MODERN, eventually, tool_server

OLD, NEW = "o" * 32, "n" * 32


@pytest.fixture
def signed(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Deployment]:
    """The deployment at each stage of a rotation."""
    monkeypatch.setenv("OLD_KEY", OLD)
    new = tmp_path / "new.key"
    new.write_text(NEW)
    stages = {
        "old": ("env:OLD_KEY",),
        "old, new": ("env:OLD_KEY", f"file:{new}"),
        "new, old": (f"file:{new}", "env:OLD_KEY"),
        "new": (f"file:{new}",),
    }
    return {name: replace(deployment, signing_keys=keys) for name, keys in stages.items()}


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_a_deployment_with_keys_is_served_and_called_as_any_other(
    signed: dict[str, Deployment], era: Any
) -> None:
    with serve(tool_server(), signed["old"]) as server:
        async with connect(signed["old"], era=era) as session:
            group = await session.map("echo", [{"n": n} for n in range(20)])
            answers = [call.record.structured for call in group]

    assert answers == [{"n": n} for n in range(20)]
    assert server.status.statistics.parked_count == 0


async def test_a_call_that_waits_while_keys_are_rotated_is_answered(
    signed: dict[str, Deployment],
) -> None:
    """It was signed before the rotation, and is served by a worker of the stage after."""
    async with connect(signed["old"], name="alice") as session:
        call = session.submit("echo", n=1)
        await eventually(lambda: call.status is Status.SENT)
    async with connect(signed["new, old"], name="alice") as session:
        with serve(tool_server(), signed["new, old"]), anyio.fail_after(30):
            result = await session.get(call.id)

    assert result.structured_content == {"n": 1}


@pytest.mark.parametrize("reference", ["env:NOBODY_SET_THIS", "file:/nowhere/key"])
async def test_a_key_that_is_not_there_is_named_by_both_sides(
    deployment: Deployment, reference: str
) -> None:
    wrong = replace(deployment, signing_keys=(reference,))

    with pytest.raises(ConfigError, match=f"signing key {reference}"):
        await connect(wrong, name="alice")
    with pytest.raises(ServeError, match=f"signing key {reference}"):
        serve(tool_server(), wrong)

    # Neither the name nor anything else stays taken.
    async with connect(deployment, name="alice") as session:
        with serve(tool_server(), deployment):
            assert (await session.call("echo", n=1)).structured_content == {"n": 1}
