"""Keys are in no representation, status, export or error, whatever holds them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from asyncmcp_nb.config import Deployment, SnsSqsTransportConfig, read_key, read_session_key
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.server.handle import ServerHandle, Shared
from asyncmcp_nb.server.pool_messages import Assignment
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.session.session import Session
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.messages import Messages
from asyncmcp_nb.sns_sqs.server_link import ServerLink
from asyncmcp_nb.ui.panel import Panel
from asyncmcp_nb.ui.still import server as server_html
from asyncmcp_nb.ui.still import session as session_html
from asyncmcp_nb.ui.still import status_line, text
from asyncmcp_nb.wire import Header
from asyncmcp_nb.wire.signing import KeyRing
from tests.helpers import MemoryDeployment, memory_deployment, tool_server
from tests.session.conftest import Stage

pretty: Any = import_module("IPython.lib.pretty").pretty

KEY = b"s3cr3t-signing-key-" + b"k" * 32
SESSION_KEY = b"s3cr3t-session-key-" + b"s" * 32
KEYS = ("env:SECRET_KEY",)
SPELLINGS = {
    spelling
    for key in (KEY, SESSION_KEY)
    for spelling in (key.decode(), key.hex(), base64.b64encode(key).decode())
}


@pytest.fixture
def memory() -> Iterator[MemoryDeployment]:
    with memory_deployment() as made:
        yield made


@pytest.fixture(autouse=True)
def key_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", KEY.decode())


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "session.key"
    path.write_bytes(SESSION_KEY)
    return path


@pytest.fixture
def deployment(key_file: Path) -> Deployment:
    return Deployment(
        name="base",
        region="eu-west-1",
        request_topic_arn="arn:requests",
        response_topic_arn="arn:responses",
        server_queue_url="https://sqs/base-server",
        dead_letter_queue_url="https://sqs/base-server-dlq",
        session_key_file=str(key_file),
        signing_keys=KEYS,
    )


@pytest.fixture
async def session(memory: MemoryDeployment, tmp_path: Path) -> AsyncIterator[Session]:
    async with AsyncExitStack() as stack:
        stage = Stage(memory, tmp_path, stack)
        await stage.serve(tool_server(), signing_keys=KEYS)
        made = await stage.session(signing_keys=KEYS)
        await made.call("echo", n=1)
        yield made


def shown(value: object) -> str:
    """All that a person sees of an object without asking for a part of it."""
    return "\n".join([repr(value), str(value), pretty(value), f"{value}"])


def parts_of(value: object) -> list[str]:
    """What a debugger, or a traceback with locals, shows of its attributes."""
    return [repr(inner) for inner in getattr(value, "__dict__", {}).values()]


def secrets_in(*values: object) -> list[str]:
    texts = [value if isinstance(value, str) else shown(value) for value in values]
    return [
        f"{spelling} in {words}" for words in texts for spelling in SPELLINGS if spelling in words
    ]


def test_a_deployment_and_its_profile_name_keys_and_hold_none(deployment: Deployment) -> None:
    assert secrets_in(deployment, deployment.to_toml()) == []
    assert deployment.signing_keys == KEYS


def test_what_is_made_of_keys_shows_none(
    memory: MemoryDeployment, deployment: Deployment, key_file: Path
) -> None:
    config: SnsSqsTransportConfig = memory.server(signing_keys=KEYS)
    ring = KeyRing([read_key(KEYS[0])])
    sealer = Sealer(read_session_key(str(key_file)))
    assignment = Assignment(
        app="m:app",
        deployment=deployment,
        worker_id="0a1b2c3d",
        control_queue_url="https://sqs/base-worker-0a1b2c3d",
        message_limit_bytes=262_144,
        max_in_flight=1,
        lease_seconds=30.0,
        drain_seconds=5.0,
        session_key=SESSION_KEY,
    )
    made: list[Any] = [
        *(config, ring, ring.sealing("to-client"), sealer, assignment),
        Shared(sealer=sealer),
        Messages(memory.bus, config, outbound="to-client"),
        ServerLink(memory.bus, config, lambda _: True),
        ClientLink(memory.bus, memory.client(signing_keys=KEYS), lambda _: None),
        Header(session_id=KEY.decode()),
    ]

    assert [type(value).__name__ for value in made if secrets_in(value)] == []
    # Somebody has to have them.
    holders = [type(value).__name__ for value in made if secrets_in(*parts_of(value))]
    assert holders == ["KeyRing"]


@pytest.mark.parametrize("reference", ["env:SHORT_KEY", "env:NO_SUCH_KEY", KEY.decode()])
def test_a_key_that_cannot_be_used_is_not_repeated(
    reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_KEY", "s3cr3t")

    with pytest.raises(ConfigError) as caught:
        read_key(reference)

    assert "s3cr3t" not in shown(caught.value)


async def test_a_session_its_status_its_panel_and_its_exports_show_no_key(
    session: Session, tmp_path: Path
) -> None:
    status = await session.check()
    panel: Any = Panel(session)
    exports = [session.log.export(tmp_path / f"log.{kind}") for kind in ("csv", "jsonl", "html")]

    assert secrets_in(session, status, session.log, session.log.frame()) == []
    assert (
        secrets_in(
            str(session_html.session_html(session)),
            str(status_line.status_html(status)),
            text.status_text(status),
            str(panel._repr_mimebundle_()),
            *(path.read_text("utf-8") for path in exports),
        )
        == []
    )
    panel.close()


async def test_a_ledger_holds_no_key(session: Session, tmp_path: Path) -> None:
    await session.close()

    files = [path for path in tmp_path.iterdir() if path.suffix != ".key" and path.is_file()]
    assert files
    assert [path.name for path in files if KEY in path.read_bytes()] == []


async def test_a_server_and_its_status_show_no_key(
    memory: MemoryDeployment, key_file: Path
) -> None:
    handle = ServerHandle(
        tool_server(),
        memory.bus,
        memory.server(signing_keys=KEYS),
        deployment="base",
        shared=Shared(sealer=Sealer(read_session_key(str(key_file)))),
    )
    async with await anyio.to_thread.run_sync(handle.start):
        status = await anyio.to_thread.run_sync(handle.check)

        assert secrets_in(handle, status) == []
        assert (
            secrets_in(
                str(server_html.server_html(handle)),
                str(server_html.server_status_html(status)),
                text.server_status_text(status),
            )
            == []
        )
