"""Clicks wait for what was typed before them, as far as there is a page that says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.settling import DOUBLE_CLICK_SECONDS, Settling, settle_clicks
from tests.ui.form.filling import come_from_page


class Desk:
    """An input, and a button that sends what is in it."""

    def __init__(self, settling: Settling) -> None:
        self.kit = Kit()
        self.settling = settling
        self.sent: list[str] = []
        self.now = 0.0
        self.text = self.kit.text("text")
        self.send = self.kit.button("Send", "", lambda _: self.sent.append(self.text.value))
        settle_clicks(self.send, settling, clock=lambda: self.now)

    def click(self, *, after_seconds: float = 1.0) -> None:
        """As the page does it, so long after the click before."""
        self.now += after_seconds
        come_from_page(self.send)

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
    desk.click()
    before = list(desk.sent)

    desk.text.value = "half a word no more"
    desk.reply()

    assert before == []
    assert desk.sent == ["half a word no more"]


def test_a_page_that_never_replied_is_not_waited_for(desk: Desk) -> None:
    desk.click()

    assert desk.sent == [""]


def test_a_click_from_python_does_not_wait(desk: Desk) -> None:
    desk.reply()

    desk.send.click()

    assert desk.sent == [""]


def test_two_clicks_that_wait_are_two_clicks(desk: Desk) -> None:
    desk.reply()
    desk.click()
    desk.click()

    desk.reply()

    assert desk.sent == ["", ""]


def test_a_page_that_replies_no_more_costs_one_click() -> None:
    desk = Desk(Settling(patience_seconds=-1.0))
    desk.reply()

    desk.click()
    before = list(desk.sent)
    desk.click()
    desk.settling.close()

    assert before == []
    assert desk.sent == [""]


@pytest.mark.parametrize("after_seconds", [0.0, DOUBLE_CLICK_SECONDS * 0.9])
def test_a_double_click_sends_once(desk: Desk, after_seconds: float) -> None:
    desk.click()
    desk.click(after_seconds=after_seconds)

    assert desk.sent == [""]


def test_a_quick_click_after_a_change_is_no_second_one(desk: Desk) -> None:
    desk.text.value = "a"
    desk.click()
    desk.text.value = "b"
    desk.settling.changed()
    desk.click(after_seconds=0.01)
    desk.click(after_seconds=0.01)

    assert desk.sent == ["a", "b"]


@pytest.mark.parametrize("is_early", [True, False])
def test_what_a_click_waited_for_does_not_make_two_of_a_double_click(
    desk: Desk, is_early: bool
) -> None:
    desk.reply()
    desk.text.value = "hal"
    desk.click()
    desk.text.value = "half"
    desk.settling.changed()

    if is_early:
        desk.click(after_seconds=0.1)
    desk.reply()
    desk.click(after_seconds=0.1)
    desk.reply()

    assert desk.sent == ["half"]


def test_clicks_that_a_busy_kernel_takes_all_at_once_send_once(desk: Desk) -> None:
    desk.reply()
    for _ in range(5):
        desk.click(after_seconds=0.01)
    desk.reply()

    assert desk.sent == [""]
