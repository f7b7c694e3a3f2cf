"""Clicks wait for what was typed before them, as far as there is a page that says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asyncmcp_nb.ui.inputs import Kit
from asyncmcp_nb.ui.settling import Settling, settle_clicks
from tests.ui.form.filling import come_from_page


class Desk:
    """An input, and a button that sends what is in it."""

    def __init__(self, settling: Settling) -> None:
        self.kit = Kit()
        self.settling = settling
        self.sent: list[str] = []
        self.text = self.kit.text("text")
        self.send = self.kit.button("Send", "", lambda _: self.sent.append(self.text.value))
        settle_clicks(self.send, settling)

    def reply(self) -> None:
        """As the page does it."""
        self.settling.reply.value = self.settling.question.value


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk(Settling())
    yield made
    made.settling.close()


def test_a_click_waits_for_what_the_page_still_keeps(desk: Desk) -> None:
    desk.reply()
    desk.text.value = "hal"
    come_from_page(desk.send)
    before = list(desk.sent)

    desk.text.value = "half a word no more"
    desk.reply()

    assert before == []
    assert desk.sent == ["half a word no more"]


def test_a_page_that_never_replied_is_not_waited_for(desk: Desk) -> None:
    come_from_page(desk.send)

    assert desk.sent == [""]


def test_a_click_from_python_does_not_wait(desk: Desk) -> None:
    desk.reply()

    desk.send.click()

    assert desk.sent == [""]


def test_two_clicks_that_wait_are_two_clicks(desk: Desk) -> None:
    desk.reply()
    come_from_page(desk.send)
    come_from_page(desk.send)

    desk.reply()

    assert desk.sent == ["", ""]


def test_a_page_that_replies_no_more_costs_one_click() -> None:
    desk = Desk(Settling(patience_seconds=-1.0))
    desk.reply()

    come_from_page(desk.send)
    before = list(desk.sent)
    come_from_page(desk.send)
    desk.settling.close()

    assert before == []
    assert desk.sent == [""]
