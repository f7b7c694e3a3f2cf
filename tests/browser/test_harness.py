"""The tests' own eyes: what must not happen is seen when it does."""

from __future__ import annotations

from tests.browser.conftest import OpenCells
from tests.browser.hostile_server import FAR

SHOW = "from IPython.display import HTML\nHTML({!r})"
BAD = (
    "<img src=x onerror='window.__executed = 1; alert(1)'>",
    f"<img src='{FAR}'>",
    "<script>setTimeout(() => { throw new Error('thrown') })</script>",
    "<div class='amcp-wide' style='width: 3000px'>wide</div>",
)


def test_what_a_page_does_wrong_is_seen(open_cells: OpenCells) -> None:
    lab = open_cells(*(SHOW.format(markup) for markup in BAD))

    lab.run_all()

    lab.page.wait_for_function("window.__executed")
    seen = [complaint.split(":")[0] for complaint in lab.complaints]
    assert {*seen} >= {"alert", "request", "page error"}
    assert [words[:29] for words in lab.too_wide()] == [
        "at 800: output 3: div.amcp-wi",
        "at 1600: output 3: div.amcp-w",
    ]
    lab.complaints.clear()
