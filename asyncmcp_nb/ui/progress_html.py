"""How far some calls are, as HTML that stands alone: a bar, and in the end a line."""

from __future__ import annotations

from asyncmcp_nb.printable import cut
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.progress import Reading, last_line, moving_line, moving_words
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


def moving_html(reading: Reading) -> Html:
    """A bar with the rate, the remaining time and how calls ended."""
    name = cut(reading.name, 120)
    return _line(
        "info",
        tag("b", name),
        bar(reading.share, f"of {reading.total_count:,} calls ended"),
        tag("span", moving_words(reading), class_="amcp-quiet"),
        *_chips(reading),
    )


def last_html(reading: Reading) -> Html:
    """A line, with what ended otherwise than well."""
    words = cut(last_line(reading), 400)
    if not reading.is_done:
        return _line("warn", labelled("…", words, "warn"), *_chips(reading))
    if reading.failed_count:
        return _line("bad", labelled("!", words, "bad"), *_chips(reading))
    return _line("good", labelled("✓", words, "good"))


def _chips(reading: Reading) -> list[Html]:
    return [chip(status, count) for status, count in reading.ended.items()]


def _line(tone: Tone, *parts: Html) -> Html:
    return framed(tag("div", *parts, class_=f"amcp-line amcp-{tone}"))
