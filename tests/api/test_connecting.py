"""``connect`` and ``serve`` over the embedded broker, as a person types them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from mcp.server.lowlevel.server import Server

from asyncmcp_nb import Deployment, as_completed, connect, serve
from asyncmcp_nb.errors import (
    BusUnavailable,
    ConfigError,
    ProfileNotFound,
    ServeError,
)
from asyncmcp_nb.profiles import PROFILE_VARIABLE, profile_file
from tests.helpers import HANDSHAKE, MODERN, ToolContext, tool_server


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


@pytest.fixture
def server(deployment: Deployment) -> Iterator[Any]:
    with serve(tool_server(), deployment) as handle:
        yield handle


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_a_session_connects_lists_calls_and_maps(
    deployment: Deployment, server: Any, era: Any
) -> None:
    async with connect(deployment, era=era) as session:
        assert [tool.name for tool in await session.list_tools()] == ["echo"]
        assert (await session.call("echo", {"é": None})).structured_content == {"é": None}

        group = await session.map("echo", [{"n": n} for n in range(30)])
        completed = [call async for call in as_completed(group)]

    assert len(completed) == 30
    assert server.status.statistics.answered_count >= 32


async def test_200_kilobytes_of_any_text_go_both_ways(deployment: Deployment, server: Any) -> None:
    text = "é✓x" * 33_000
    async with connect(deployment) as session:
        result = await session.call("echo", {"text": text})

    assert result.structured_content == {"text": text}


def test_a_script_without_a_loop_uses_a_with_statement(deployment: Deployment, server: Any) -> None:
    with connect(deployment, name="script") as session:
        assert session.submit("echo", {"n": 1}).result(timeout=20).structured_content == {"n": 1}
        assert len(session.map("echo", [{"n": 2}, {"n": 3}]).wait(timeout=20)) == 2


async def test_where_a_loop_runs_a_plain_with_names_the_way(deployment: Deployment) -> None:
    with (
        pytest.raises(ConfigError, match="await connect"),
        connect(deployment),
    ):
        pass


def test_on_a_loop_that_is_not_asyncios_nothing_is_begun(deployment: Deployment) -> None:
    with pytest.raises(ConfigError, match="a session needs a loop of asyncio's"):
        connect(deployment, name="elsewhere").__await__().send(None)

    with connect(deployment, name="elsewhere"):
        pass


def test_a_forgotten_await_is_named(deployment: Deployment) -> None:
    session: Any = connect(deployment)

    with pytest.raises(AttributeError) as caught:
        session.panel()

    awaiting = "await it first: session = await connect(...)"
    assert str(caught.value) == f"no session yet, and so no 'panel'; {awaiting}"
    assert awaiting in repr(session)
    assert not hasattr(session, "_repr_html_")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("nme", "connect() has no option 'nme', did you mean 'name'?"),
        ("log_levl", "connect() has no option 'log_levl', did you mean 'log_level'?"),
        ("server", "connect() has no option 'server'"),
        ("zzz", "connect() has no option 'zzz'; there are: where, name, era, ledger, timeout, "),
    ],
)
def test_an_option_that_there_is_not_is_refused_with_the_nearest(option: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(**{option: "x"})  # type: ignore[arg-type] # what a person may type

    assert str(caught.value).startswith(told)


async def test_connecting_again_closes_the_former_session_and_finds_its_calls(
    deployment: Deployment,
) -> None:
    first = await connect(deployment, name="alice")
    call = first.submit("echo", {"n": 1})

    second = await connect(deployment, name="alice")
    with serve(tool_server(), deployment):
        result = await second.get(call.id)

    assert first.is_closed
    assert result.structured_content == {"n": 1}
    assert second.get(call.id).record.deliveries == 1
    await second.close()


async def test_two_clients_of_one_deployment_get_their_own_answers(
    deployment: Deployment, server: Any
) -> None:
    async with connect(deployment, name="a") as a, connect(deployment, name="b") as b:
        groups = [s.map("echo", [{"who": s.name, "n": n} for n in range(20)]) for s in (a, b)]
        answers = [[(await call).structured_content for call in group] for group in groups]

    assert answers == [[{"who": who, "n": n} for n in range(20)] for who in "ab"]


async def test_both_eras_talk_to_one_server_at_once(deployment: Deployment, server: Any) -> None:
    async with (
        connect(deployment, name="new", era=MODERN) as new,
        connect(deployment, name="old", era=HANDSHAKE) as old,
    ):
        calls = [s.submit("echo", {"era": s.status.era}) for s in (new, old) for _ in range(5)]
        answers = [(await call).structured_content for call in calls]

    assert answers == [{"era": MODERN}] * 5 + [{"era": HANDSHAKE}] * 5


async def test_serving_again_makes_open_sessions_list_anew(deployment: Deployment) -> None:
    async def other(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return {"other": True}

    async with connect(deployment) as session:
        with serve(tool_server(), deployment):
            await session.list_tools()
        with serve(tool_server(other=other), deployment):
            assert (await session.call("other")).structured_content == {"other": True}


async def test_an_unknown_profile_is_named_with_those_there_are(home: Any) -> None:
    profile_file().write_text('[staging]\nregion = "eu-west-1"\n', "utf-8")

    with pytest.raises(ProfileNotFound, match=r"no profile 'prod'.*there: staging"):
        await connect("prod")
    with pytest.raises(ConfigError, match="incomplete deployment"):
        await connect("staging")
    profile_file().unlink()


async def test_local_is_the_embedded_broker_and_a_profile_of_that_name_comes_first(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROFILE_VARIABLE, "elsewhere")
    async with connect("local", name="by-name") as session:
        assert session.deployment == "local"
    profile_file().write_text('[local]\nregion = "eu-west-1"\n', "utf-8")
    with pytest.raises(ConfigError, match="incomplete deployment"):
        await connect("local")
    profile_file().unlink()


async def test_a_profile_file_and_the_environment_say_where(
    deployment: Deployment, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile_file().write_text(f"[mine]\n{deployment.to_toml()}", "utf-8")
    monkeypatch.setenv(PROFILE_VARIABLE, "mine")

    async with connect() as session:
        assert (await session.call("echo")).structured_content == {}
        assert session.status.deployment == deployment.name
    profile_file().unlink()


async def test_no_broker_is_one_clear_line(deployment: Deployment) -> None:
    from dataclasses import replace

    gone = replace(deployment, endpoint_url="http://127.0.0.1:9")

    with pytest.raises(BusUnavailable) as caught:
        await connect(gone)

    assert "\n" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)


def test_what_is_no_server_is_refused(deployment: Deployment) -> None:
    with pytest.raises(ServeError, match="cannot serve int"):
        serve(5, deployment)  # type: ignore[arg-type] # what a person may type
    with pytest.raises(ServeError, match="cannot import 'nowhere'"):
        serve("nowhere:app", deployment)
    with pytest.raises(ConfigError, match="workers=0"):
        serve(tool_server(), deployment, workers=2)


def test_a_lifespan_that_fails_is_heard_by_serve(deployment: Deployment) -> None:
    @contextlib.asynccontextmanager
    async def broken(server: Server[Any]) -> AsyncGenerator[dict[str, Any]]:
        if server.name:
            raise RuntimeError("no database")
        yield {}

    with pytest.raises(ServeError, match="did not start: RuntimeError: no database"):
        serve(Server("broken", lifespan=broken), deployment)


def test_a_servers_repr_tells_how_it_is_doing(deployment: Deployment) -> None:
    handle = serve(tool_server(), deployment)
    assert "tools@" in repr(handle)
    assert "serving" in repr(handle)
    handle.stop()
    assert handle.status.state == "stopped"
    handle.stop()
