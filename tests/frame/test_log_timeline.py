from __future__ import annotations

import base64
import io
import json
import re
import sys
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from asyncmcp_nb.errors import ConfigError, MissingDependency
from asyncmcp_nb.frame import latency, throughput, timeline
from asyncmcp_nb.frame.chart import ENDING_COLORS, INK, PHASE_COLORS, PICTURE_SCALE
from asyncmcp_nb.frame.phases import LANE_COUNT, counted, spans
from asyncmcp_nb.frame.timeline import BIN_COUNT, DETAIL_COUNT
from asyncmcp_nb.ledger import CallRecord, NewCall

if TYPE_CHECKING:
    from tests.frame.conftest import Book

START = 1_700_000_000.0
PLACE_PIXELS = 632
"""What JupyterLab leaves for an output at that width."""
HOSTILE = "<img src=x onerror=alert(1)> datum['x'] \x1b[31m \u202e"


def specification(records: list[CallRecord], now: float | None = None, **options: Any) -> Any:
    """What altair makes of a timeline."""
    made: Any = timeline(records, now=now, **options)
    return made.to_dict()


def shown_by(made: Any) -> dict[str, Any]:
    """What a chart is in a notebook, by its kinds."""
    shown, _ = made._repr_mimebundle_()
    return shown


def rows(drawn: Any, *needed: str) -> list[dict[str, Any]]:
    """The data of a specification, of the part that has these columns."""
    return [row for data in drawn["datasets"].values() for row in data if set(needed) <= row.keys()]


# -- phases ---------------------------------------------------------------------------------------


def test_a_call_is_queued_then_sent_and_then_answered(book: Book) -> None:
    book.answer(text="ok")

    found = [(span.phase, span.end - span.start) for span in spans(book.records[0], START + 99)]

    assert found == [("queued", 0.25), ("sent", 2.25)]


def test_a_call_runs_from_its_first_sign_of_life(book: Book) -> None:
    call = book.get(book.progress(1, 2, "half"))

    found = [(span.phase, span.end - span.start) for span in spans(call, START + 10.0)]

    assert found == [("queued", 0.25), ("sent", 2.25), ("running", 7.5)]


def test_an_outstanding_call_reaches_to_the_present(book: Book) -> None:
    book.submit()
    book.submit(sent=False)

    found = [[tuple(span) for span in spans(call, START + 11.0)] for call in book.records]

    assert found == [
        [("queued", START, START + 0.25), ("sent", START + 0.25, START + 11.0)],
        [("queued", START + 1.0, START + 11.0)],
    ]


def test_a_call_that_was_never_sent_was_only_queued(book: Book) -> None:
    book.cancel()

    assert [span.phase for span in spans(book.records[0], START)] == ["queued"]


def test_calls_are_counted_by_the_time_they_spent_in_a_phase(book: Book) -> None:
    book.answer(text="ok")

    found = counted(book.records, np.array([START, START + 1.0, START + 2.0, START + 3.0]), START)

    assert {phase: np.round(counts, 6).tolist() for phase, counts in found.items()} == {
        "queued": [0.25, 0.0, 0.0],
        "sent": [0.75, 1.0, 0.5],
        "running": [0.0, 0.0, 0.0],
    }


# -- the timeline ---------------------------------------------------------------------------------


def test_each_of_a_few_calls_has_a_lane_with_its_phases_and_its_end(book: Book) -> None:
    book.answer(text="ok")
    book.fail("boom")
    book.submit()

    drawn = specification(book.records, now=START + 9.0)

    phases = [(row["call"], row["phase"], row["seconds"]) for row in rows(drawn, "phase")]
    ends = [(row["call"], row["status"], row["seconds"]) for row in rows(drawn, "status")]
    assert phases == [
        ("call0", "queued", 0.25),
        ("call0", "sent", 2.25),
        ("call1", "queued", 0.25),
        ("call1", "sent", 2.25),
        ("call2", "queued", 0.25),
        ("call2", "sent", 6.75),
    ]
    assert ends == [("call0", "done", 2.5), ("call1", "failed", 2.5)]
    assert drawn["title"]["text"] == "3 calls"
    assert [row["name"] for row in rows(drawn, "name")] == [f"score call{n}" for n in range(3)]


def test_of_many_calls_only_those_that_went_wrong_are_marked(book: Book) -> None:
    for _ in range(150):
        book.answer(text="ok")
    book.fail("boom")

    drawn = specification(book.records, now=START + 9.0)

    assert [row["call"] for row in rows(drawn, "status")] == ["call150"]
    assert rows(drawn, "name") == []


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(5.0, "%H:%M:%S.%L"), (43_200.0, "%H:%M:%S"), (172_800.0, "%b %d %H:%M")],
)
def test_the_axis_of_time_fits_how_long_it_is(book: Book, seconds: float, shown: str) -> None:
    book.submit()

    drawn = specification(book.records, now=START + seconds)

    assert drawn["layer"][0]["encoding"]["x"]["axis"]["format"] == shown


def test_many_calls_are_counted_in_a_lane_for_each_tool(book: Book) -> None:
    count, tools = 10_000, LANE_COUNT + 3
    book.ledger.add(
        [
            NewCall(f"c{n}", f"tool{n % tools}", {}, START + n / 1000, None, "s")
            for n in range(count)
        ]
    )

    drawn = specification(book.records, now=START + 10.0)

    found = rows(drawn, "lane")
    sizes = Counter(row["lane"] for row in found)
    assert drawn["title"]["text"] == "10,000 calls, counted"
    assert len(found) <= BIN_COUNT * 3 * (LANE_COUNT + 1)
    assert set(sizes) >= {"3 others (2,499)", "tool0 (834)"}
    last = sum(row["calls"] for row in found[BIN_COUNT - 1 :: BIN_COUNT])
    assert round(last) == pytest.approx(count, rel=0.01)  # pyright: ignore[reportUnknownMemberType] - pytest types approx no further


def test_calls_of_a_phase_stand_on_those_of_the_phase_after_it(book: Book) -> None:
    for _ in range(DETAIL_COUNT + 1):
        book.progress(1, 2, "half")
    now = START + 1000.0

    found = rows(specification(book.records, now=now), "lane")
    by_start: dict[float, list[tuple[str, float, float]]] = {}
    for row in found:
        by_start.setdefault(row["start"], []).append((row["phase"], row["low"], row["calls"]))

    for stack in by_start.values():
        order = [phase for phase, _, _ in stack]
        assert order == [phase for phase in ("running", "sent", "queued") if phase in order]
        assert stack[0][1] < 0.01
        for (_, low, calls), (_, above, _) in pairwise(stack):
            assert abs(low + calls - above) < 0.03


def test_lanes_can_be_asked_for(book: Book) -> None:
    book.submit(group="batch")
    book.submit()

    by_group = rows(specification(book.records, now=START + 9.0, by="group"), "lane")
    by_tool = rows(specification(book.records, now=START + 9.0, by="tool"), "lane")

    assert {row["lane"] for row in by_group} == {"batch (1)", "no group (1)"}
    assert {row["lane"] for row in by_tool} == {"score (2)"}


def test_a_lane_of_something_else_is_refused(book: Book) -> None:
    by: Any = "colour"

    with pytest.raises(ConfigError, match="by='colour': 'call', 'tool' or 'group' is wanted"):
        timeline(book.records, by=by)


def test_what_servers_call_things_is_data_and_never_code(book: Book) -> None:
    book.answer(text="ok", tool=HOSTILE)

    for draw in (timeline, latency, throughput):
        made: Any = draw(book.records)
        drawn = made.to_dict()
        drawn.pop("datasets")
        drawn.pop("title")
        for part in drawn.get("vconcat", []):
            part.pop("title", None)
        assert "onerror" not in str(drawn)


# -- latency --------------------------------------------------------------------------------------


def drawn_latency(records: list[CallRecord]) -> Any:
    made: Any = latency(records)
    return made.to_dict()


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\u202e", "\ufffe", "\uffff", "\U0001f427"])
def test_no_name_of_a_tool_keeps_a_picture_from_being_drawn(book: Book, character: str) -> None:
    name = f"a{character}b" + "y" * 100_000
    book.answer(tool=name)
    records = book.records

    charts: tuple[Any, ...] = (timeline(records), timeline(records, by="tool"), latency(records))

    assert [len(shown_by(made)["image/png"]) > 1_000 for made in charts] == [True] * 3


def test_answers_are_counted_by_how_long_they_took_for_each_tool(book: Book) -> None:
    for _ in range(3):
        book.answer(text="ok")
    book.answer(text="ok", tool="other")
    book.fail("boom")
    book.submit()

    drawn = drawn_latency(book.records)

    titles = [row["title"]["text"] for row in drawn["vconcat"]]
    assert titles == [
        "score: 4, median 2.5 s, p95 2.5 s",
        "other: 1, median 2.5 s, p95 2.5 s",
    ]
    assert sum(row["answers"] for row in rows(drawn, "answers")) == 5
    assert drawn["description"] == "Latency of 5 answers: median 2.5 s, p95 2.5 s"


def test_latencies_far_apart_have_a_logarithmic_axis(book: Book) -> None:
    book.answer(text="ok")
    near = drawn_latency(book.records)
    far = drawn_latency([*book.records, later(book.records[0], 0.001), later(book.records[0], 90)])

    def scale(drawn: Any) -> str:
        return drawn["vconcat"][0]["layer"][0]["encoding"]["x"]["scale"]["type"]

    assert (scale(near), scale(far)) == ("linear", "log")
    assert sum(row["answers"] for row in rows(far, "answers")) == 3


def later(call: CallRecord, seconds: float) -> CallRecord:
    """The call as if its answer had taken this long."""
    from dataclasses import replace

    at = call.submitted_at + seconds
    return replace(call, responded_at=at, finished_at=at)


def test_an_answer_in_no_time_is_counted_too(book: Book) -> None:
    book.answer(text="ok")

    drawn = drawn_latency([later(book.records[0], 0.0), *book.records])

    assert sum(row["answers"] for row in rows(drawn, "answers")) == 2


# -- throughput -----------------------------------------------------------------------------------


def test_answers_a_second_have_failures_apart(book: Book) -> None:
    for _ in range(4):
        book.answer(text="ok")
    book.fail("boom")
    book.answer(isError=True)
    book.cancel()
    book.submit()

    made: Any = throughput(book.records)
    drawn = made.to_dict()

    found = Counter({row["status"]: 0 for row in rows(drawn, "ended")})
    for row in rows(drawn, "ended"):
        found[row["status"]] += row["ended"]
    assert found == {"done": 4, "failed": 1, "tool_error": 1}
    assert len(drawn["vconcat"]) == 2
    assert drawn["description"].startswith("Throughput: 4 done, 1 tool_error, 1 failed from 2023-")


def test_without_failures_there_is_no_room_for_them(book: Book) -> None:
    book.answer(text="ok")

    made: Any = throughput(book.records)

    assert len(made.to_dict()["vconcat"]) == 1


def test_bars_are_as_long_as_there_are_not_too_many(book: Book) -> None:
    first = book.get(book.answer(text="ok"))

    made: Any = throughput([first, later(first, 100_000)])
    drawn = made.to_dict()

    assert drawn["title"]["text"] == "answers a second, over 30 min each"
    assert [row["rate"] for row in rows(drawn, "rate")] == [0.0005556, 0.0005556]


# -- in a notebook --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (timeline, "no calls yet"),
        (latency, "no call has been answered yet"),
        (throughput, "no call has been answered yet"),
    ],
)
def test_where_nothing_is_to_be_seen_a_chart_says_so(draw: Any, words: str) -> None:
    shown = shown_by(draw([]))

    assert shown["text/plain"] == words
    assert words in str(shown)
    assert shown["image/png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [timeline, latency, throughput])
def test_a_chart_is_shown_with_a_picture_and_words(book: Book, draw: Any) -> None:
    book.answer(text="ok")

    shown = shown_by(draw(book.records))

    kinds = sorted(shown)
    assert kinds[0].startswith("application/vnd.vegalite.v")
    assert kinds[1:] == ["image/png", "text/plain"]
    assert shown["image/png"].startswith(b"\x89PNG")
    assert "1 " in shown["text/plain"]


@pytest.mark.parametrize("draw", [timeline, latency, throughput])
def test_a_picture_has_words_for_who_does_not_see_it(book: Book, draw: Any) -> None:
    from nbconvert import HTMLExporter

    book.answer(text="ok")
    shown, metadata = draw(book.records)._repr_mimebundle_()
    picture = base64.b64encode(shown["image/png"]).decode()
    output = {"output_type": "display_data", "data": {"image/png": picture}, "metadata": metadata}
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": 1,
        "source": "draw()",
        "metadata": {},
        "outputs": [output],
    }
    text = json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]})

    # The template of the classic notebook reads what is said of a picture; that of lab does not.
    exporter: Any = HTMLExporter(template_name="classic")
    page, _ = exporter.from_file(io.StringIO(text))

    found = re.findall(r'<img[^>]* alt="([^"]*)"', page)
    assert found == [shown["text/plain"]]


@pytest.mark.parametrize("draw", [timeline, latency, throughput])
def test_a_chart_is_read_on_white_and_on_black(book: Book, draw: Any) -> None:
    book.answer(text="ok")
    book.fail("boom")

    shown = shown_by(draw(book.records))

    (kind,) = (kind for kind in shown if "vegalite" in kind)
    config = shown[kind]["config"]
    assert config["background"] == "transparent"
    assert {look["fill"] for look in config["style"].values()} == {INK}
    assert (config["text"]["color"], config["title"]["color"]) == (INK, INK)
    assert [contrast(INK, page) > 4.3 for page in ("#ffffff", "#111111")] == [True, True]
    colors = {*PHASE_COLORS.values(), *ENDING_COLORS.values()}
    low = [c for c in colors for page in ("#ffffff", "#111111") if contrast(c, page) < 2.9]
    assert low == []
    # The colour of a picture's corner, in colours with alpha: https://www.w3.org/TR/png-3/#11IHDR
    assert shown["image/png"][25] == 6


def contrast(one: str, other: str) -> float:
    """How well one colour is seen on another: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""

    def light(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_a_theme_that_was_enabled_stays(book: Book) -> None:
    import altair as alt

    book.answer(text="ok")
    made: Any = timeline(book.records)
    untyped: Any = alt.theme

    with untyped.enable("dark"):
        shown = shown_by(made)

    (kind,) = (kind for kind in shown if "vegalite" in kind)
    assert shown[kind]["usermeta"] == {"embedOptions": {"theme": "dark"}}
    assert "background" not in shown[kind]["config"]
    assert (untyped.active, "asyncmcp_nb" in untyped.names()) == ("default", False)


def test_charts_of_a_log_can_stand_beside_each_other(book: Book) -> None:
    book.answer(text="ok")
    one: Any = timeline(book.records)
    shown_by(one)

    assert len((one | one).to_dict()["hconcat"]) == 2


def test_a_legend_of_endings_is_there_only_where_one_is_marked(book: Book) -> None:
    book.submit()
    legends = str(specification(book.records, START + 9)).count("'ended'")
    book.answer(text="ok")

    assert (legends, str(specification(book.records)).count("'ended'")) == (0, 2)


def test_what_altair_makes_of_a_chart_is_shown_alike(book: Book) -> None:
    book.answer(text="ok")
    made: Any = timeline(book.records)

    wider = made.properties(width=900)

    assert wider.to_dict()["width"] == 900
    assert "image/png" in shown_by(wider)


def test_a_renderer_that_was_enabled_goes_first_and_stays(book: Book) -> None:
    import altair as alt

    book.answer(text="ok")
    made: Any = timeline(book.records)
    untyped: Any = alt.renderers

    with untyped.enable("json"):
        shown = made._repr_mimebundle_()

    assert any("application/json" in str(kind) for kind in shown), shown
    assert untyped.active == "default"


@pytest.mark.parametrize("draw", [timeline, latency, throughput])
@pytest.mark.parametrize("count", [10, DETAIL_COUNT + 1])
def test_a_chart_fits_into_a_notebook_that_is_800_pixels_wide(
    book: Book, draw: Any, count: int
) -> None:
    for number in range(count):
        book.answer(tool=f"{number % 2} {'a_long_name ' * 5}", text="ok")
    book.fail("boom")

    picture = shown_by(draw(book.records))["image/png"]

    # The width in its header: https://www.w3.org/TR/png-3/#11IHDR
    assert int.from_bytes(picture[16:20]) / PICTURE_SCALE <= PLACE_PIXELS


def test_without_what_draws_pictures_the_rest_is_shown_and_says_what_is_missing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.answer(text="ok")
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    shown = shown_by(timeline(book.records))

    assert "image/png" not in shown
    assert 'pip install "asyncmcp-nb[lab]"' in shown["text/plain"]


@pytest.mark.parametrize("draw", [timeline, latency, throughput])
def test_a_plot_without_altair_names_the_install_command(
    book: Book, monkeypatch: pytest.MonkeyPatch, draw: Any
) -> None:
    book.answer(text="ok")
    monkeypatch.setitem(sys.modules, "altair", None)

    with pytest.raises(MissingDependency, match=r'pip install "asyncmcp-nb\[lab\]"'):
        draw(book.records)
