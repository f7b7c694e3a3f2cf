"""What servers tell a session outside of its calls: kept, bounded, and shown by nobody unasked."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.session.notices import (
    DATA_LENGTH,
    NOTICES_COUNT,
    Notices,
    notice_of,
    own_notice,
)
from tests.helpers import HANDSHAKE, ToolContext, eventually, tool_server
from tests.session.conftest import Stage


def log_message(data: Any, level: Any = "info") -> LoggingMessageNotification:
    params = LoggingMessageNotificationParams(level=level, logger="db", data=data)
    return LoggingMessageNotification(params=params)


def test_the_newest_notices_are_kept_and_all_are_counted() -> None:
    notices = Notices()

    for number in range(NOTICES_COUNT + 5):
        notices.add(own_notice(str(number), float(number)))

    kept = notices.kept()
    assert (len(kept), kept[0].data, kept[-1].data) == (NOTICES_COUNT, "5", str(NOTICES_COUNT + 4))
    assert notices.total_count == NOTICES_COUNT + 5
    assert [one.data for one in notices.kept(limit=2)] == ["1003", "1004"]
    assert notices.kept(limit=0) == []


def test_notices_can_be_narrowed_by_level() -> None:
    notices = Notices()
    for level in ("debug", "error", "info"):
        notices.add(notice_of(log_message(level, level), 1.0))

    assert [one.data for one in notices.kept(level="info")] == ["error", "info"]
    with pytest.raises(ConfigError, match="no log level 'loud'"):
        notices.kept(level="loud")


def test_a_log_message_keeps_its_facts_and_a_long_one_its_start() -> None:
    short = notice_of(log_message({"n": 2**70, "é": None}), 5.0)
    long = notice_of(log_message("x" * (DATA_LENGTH + 100)), 6.0)

    assert (short.kind, short.level, short.logger, short.received_at) == (
        "message",
        "info",
        "db",
        5.0,
    )
    assert short.data == {"n": 2**70, "é": None}
    assert len(long.data) < DATA_LENGTH + 50
    assert "more characters)" in long.data


async def test_notifications_of_no_call_are_kept_printed_nowhere_and_wake_observers(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    async def tell(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await ctx.session.send_resource_list_changed()
        return {}

    await stage.serve(tool_server(tell=tell))
    seen: list[str] = []

    async def handler(message: Any) -> None:
        seen.append(message.method)

    session = await stage.session(era=HANDSHAKE, message_handler=handler)
    woken: list[int] = []
    session.log.subscribe(lambda records: woken.append(len(records)))

    await session.call("tell")
    await eventually(lambda: bool(session.log.notices()))

    (notice,) = session.log.notices()
    assert (notice.kind, notice.level, notice.data) == ("resources/list_changed", "info", {})
    assert 0 in woken
    assert seen == ["notifications/resources/list_changed"]
    assert capfd.readouterr() == ("", "")


async def test_messages_of_calls_can_be_counted_and_cut(stage: Stage) -> None:
    async def chat(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        for number in range(5):
            level: Any = "error" if number == 3 else "debug"
            message = log_message(number, level)
            await ctx.session.send_notification(message, related_request_id=ctx.request_id)
        return {}

    await stage.serve(tool_server(chat=chat))
    session = await stage.session()
    call = session.submit("chat")
    await call

    assert session.log.message_count(call.id) == 5
    assert session.log.message_count(level="error") == 1
    assert [entry.data for entry in session.log.messages(call.id, limit=2)] == [3, 4]
