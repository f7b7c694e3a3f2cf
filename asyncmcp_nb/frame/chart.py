"""What all charts have in common: colours, axes of time, and how they show in a notebook.

Charts are those of altair, to be changed, combined and saved like any other. In a notebook they
carry a picture besides the interactive chart, since nobody else draws one where a notebook is only
read. The renderer that a user has enabled is left as it is, and goes first.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, Final

import pandas as pd

from asyncmcp_nb.errors import MissingDependency
from asyncmcp_nb.frame.png import smaller
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.printable import cut, one_line

WIDTH_PIXELS: Final = 450
"""Fixed, since a static picture in a saved notebook has no container to fill. With names on its
left and the legend above it, a chart fits into a page of 800 pixels with JupyterLab around it."""

PHASE_COLORS: Final = {"queued": "#858d99", "sent": "#3d8fd1", "running": "#c98500"}
"""Where a call stands until it ends. Seen well on white and on black, as all colours here."""

ENDING_COLORS: Final = {
    Status.DONE: "#2f9e60",
    Status.TOOL_ERROR: "#c98500",
    Status.FAILED: "#e2504f",
    Status.CANCELLED: "#9a8478",
    Status.TIMED_OUT: "#a06fd8",
}
"""How a call ended."""

ENDING_SHAPES: Final = {
    Status.DONE: "circle",
    Status.TOOL_ERROR: "triangle-up",
    Status.FAILED: "cross",
    Status.CANCELLED: "square",
    Status.TIMED_OUT: "diamond",
}
"""The same again, for who tells no colours apart."""

INK: Final = "#797979"
"""Of words: as much contrast on white as on JupyterLab's black. What is behind a chart is the
page's, and neither a saved picture nor a chart in a page that changes its theme is drawn anew."""
_FAINT: Final = "#79797940"
"""Of frames and grids, which say nothing by themselves."""

_STYLES: Final = ("guide-label", "guide-title", "group-title", "group-subtitle")
_LOOK: Final[Mapping[str, Any]] = {
    "background": "transparent",
    "style": {name: {"fill": INK} for name in _STYLES},
    "text": {"color": INK},
    "title": {"color": INK, "subtitleColor": INK},
    "axis": {"domainColor": INK, "tickColor": INK, "gridColor": _FAINT},
    "view": {"stroke": _FAINT},
}
"""Vega-Lite's configuration for all of them. Unlike a chart's own it does not stand in the way of
combining charts."""
_THEME: Final = "asyncmcp_nb"

_NAME_CHARACTERS: Final = 80
PICTURE_SCALE: Final = 1.5
"""Pixels of the picture for one of the chart: sharp on most screens, and not large in a file."""
_DAY_SECONDS: Final = 86_400
_PICTURE: Final = "image/png"
_VEGA_LITE: Final = "application/vnd.vegalite.v5+json"
"""What JupyterLab 4 knows. Altair 6 writes version 6, which nothing here makes use of."""
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.20.1.json"


def altair() -> Any:
    """The library.

    Raises:
        MissingDependency: It is not installed.
    """
    try:
        import altair as alt
    except ImportError as exc:
        raise MissingDependency('plots need altair: pip install "asyncmcp-nb[lab]"') from exc
    return alt


def chart(data: Any, *, title: str, description: str) -> Any:
    """An ``altair.Chart`` that shows as this room's charts do.

    Args:
        data: A frame.
        title: What stands above it.
        description: What is read where the picture is not seen.
    """
    return _kind("Chart")(data, title=_title(title), description=description)


def part(data: Any) -> Any:
    """A part of a chart."""
    return altair().Chart(data)


def layered(*charts: Any, title: str, description: str) -> Any:
    """An ``altair.LayerChart`` that shows as this room's charts do."""
    return _kind("LayerChart")(layer=list(charts), title=_title(title), description=description)


def below_each_other(*charts: Any, title: str, description: str) -> Any:
    """An ``altair.VConcatChart`` that shows as this room's charts do."""
    return _kind("VConcatChart")(
        vconcat=list(charts), title=_title(title), description=description, spacing=8
    )


def nothing(words: str) -> Any:
    """A chart that says why there is nothing to see."""
    alt = altair()
    return (
        chart(pd.DataFrame({"words": [words]}), title="", description=words)
        .mark_text(size=14, style="guide-label")
        .encode(text=alt.Text("words:N"))
        .properties(width=WIDTH_PIXELS, height=60)
    )


def time_axis(first: float, last: float, *, title: str | None = "time (UTC)") -> Any:
    """An axis for Unix seconds in this range, in UTC as everywhere else."""
    span = last - first
    shown = "%b %d %H:%M" if span > _DAY_SECONDS else "%H:%M:%S" if span > 8 else "%H:%M:%S.%L"
    # Of the labels that would touch each other every other one is left out.
    return altair().Axis(
        format=shown,
        tickCount=6,
        title=title,
        grid=False,
        labelOverlap="parity",
        labelSeparation=8,
    )


def milliseconds(seconds: float) -> int:
    """Unix seconds as charts take them; shorter than text."""
    return round(seconds * 1000)


def clock(seconds: float) -> str:
    """Unix seconds as people read them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def named(name: str) -> str:
    """The name of a tool or group as a chart shows it.

    It is a stranger's: what draws the pictures ends the whole process at a control character.
    """
    return cut(one_line(name), _NAME_CHARACTERS)


def scale(looks: Mapping[Any, str], seen: Collection[Any] | None = None) -> Any:
    """Names, and the colour or shape of each; of all, or only of those that are seen."""
    names = [name for name in looks if seen is None or name in seen]
    return altair().Scale(domain=[str(name) for name in names], range=[looks[n] for n in names])


def phase_color() -> Any:
    """The colour of where a call stands."""
    return altair().Color("phase:N", title="phase", scale=scale(PHASE_COLORS), legend=legend())


def legend() -> Any:
    """A legend above the chart, where it takes no width."""
    return altair().Legend(orient="top")


def _title(words: str) -> Any:
    return altair().TitleParams(text=words, anchor="start", frame="group", fontSize=13)


@cache
def _kind(name: str) -> Any:
    """One of altair's classes of charts, shown as ours are; what altair makes of one is one too."""
    return type(name, (_Shown, getattr(altair(), name)), {})


class _Shown:
    """How a chart shows in a notebook."""

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> Any:
        made: Any = self
        if altair().renderers.active != "default":  # the user chose another
            return super()._repr_mimebundle_(*args, **kwargs)  # type: ignore[misc] - of altair's class
        with _themed():
            return bundle(made)


def bundle(made: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A chart as its specification, as a picture and as words; and what belongs to the picture.

    The picture is the HTML of a chart: with HTML beside it, readers of notebooks would show that.
    Its ``alt`` is where nbconvert's templates look for the words of who does not see it.
    """
    specification = {**made.to_dict(), "$schema": _SCHEMA}
    words = specification.get("description", "a chart")
    shown = {_VEGA_LITE: specification, "text/plain": words, **_picture(made, words)}
    return shown, {_PICTURE: {"alt": words}} if _PICTURE in shown else {}


@contextmanager
def _themed() -> Generator[None]:
    """Within it charts look as ``_LOOK`` says, unless the user has enabled a theme of altair's."""
    themes = altair().theme
    if themes.active != "default":
        yield
        return
    plain = themes.get()()

    def look() -> dict[str, Any]:
        config = plain.get("config", {})
        view = {**config.get("view", {}), **_LOOK["view"]}
        return {**plain, "config": {**config, **_LOOK, "view": view}}

    themes.register(_THEME, enable=False)(look)
    try:
        with themes.enable(_THEME):
            yield
    finally:
        themes.unregister(_THEME)


def _picture(made: Any, words: str) -> dict[str, Any]:
    drawn = io.BytesIO()
    try:
        import_module("vl_convert")  # altair's engine, whose absence it tells of as a wrong value
    except ImportError:
        hint = 'for pictures in saved notebooks: pip install "asyncmcp-nb[lab]"'
        return {"text/plain": f"{words} ({hint})"}
    made.save(drawn, format="png", scale_factor=PICTURE_SCALE)
    return {_PICTURE: smaller(drawn.getvalue())}
