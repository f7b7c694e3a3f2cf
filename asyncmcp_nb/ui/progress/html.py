"""How far some calls are, as HTML that stands alone: a bar, and in the end a line."""

from __future__ import annotations

import time
from collections.abc import Mapping

from asyncmcp_nb.printable import counted, cut
from asyncmcp_nb.session import CallGroup, Status
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.progress.progress import Reading, last_line, moving_line, moving_words, read
from asyncmcp_nb.ui.statuses import Tone, bar, chip, labelled
from asyncmcp_nb.ui.theme import framed

Bundle = dict[str, str]
"""Text by mime type."""


def moving_bundle(reading: Reading) -> Bundle:
    """As it moves."""
    return {"text/html": str(moving_html(reading)), "text/plain": moving_line(reading)}


def last_bundle(reading: Reading) -> Bundle:
    """As it stays in a saved notebook."""
    return {"text/html": str(last_html(reading)), "text/plain": last_line(reading)}


def moving_html(reading: Reading, counts: Mapping[Status, int] | None = None) -> Html:
    """A bar with the rate, the remaining time and how calls ended.

    Args:
        reading: How far they are.
        counts: Calls by status, where those that have not ended are known too.
    """
    name = cut(reading.name, 120)
    return _line(
        "info",
        tag("b", name),
        bar(reading.share, f"of {counted(reading.total_count, 'call')} ended"),
        tag("span", moving_words(reading), class_="amcp-quiet"),
        *_chips(counts or reading.ended),
    )


def last_html(reading: Reading) -> Html:
    """A line, with what ended otherwise than well."""
    words = cut(last_line(reading), 400)
    if not reading.is_done:
        return _line("info", labelled("…", words, "info"), *_chips(reading.ended))
    if reading.failed_count:
        tone: Tone = "warn" if Status.DONE in reading.ended else "bad"
        return _line(tone, labelled("!", words, tone), *_chips(reading.ended))
    return _line("good", labelled("✓", words, "good"))


def group_html(group: CallGroup) -> Html:
    """A group as it is now."""
    reading = read(group.tally, time.time())
    return last_html(reading) if reading.is_done else moving_html(reading, group.counts())


def group_text(group: CallGroup) -> str:
    """A group as it is now, in one line."""
    reading = read(group.tally, time.time())
    return last_line(reading) if reading.is_done else moving_line(reading)


def _chips(counts: Mapping[Status, int]) -> list[Html]:
    return [chip(status, count) for status, count in counts.items()]


def _line(tone: Tone, *parts: Html) -> Html:
    return framed(tag("div", *parts, class_=f"amcp-line amcp-{tone}"))
