"""Make the README's picture: ``make picture``, or ``python -m tests.browser.picture``.

The panel in JupyterLab, with calls that are done and calls that go on.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import expect

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE
from tests.browser.chromium import chromium
from tests.browser.lab import Lab
from tests.browser.lab_server import lab_server
from tests.browser.notebook_file import write_notebook

PROJECT: Final = Path(__file__).resolve().parents[2]
PICTURE: Final = PROJECT / "docs" / "images" / "panel.png"
WIDTH: Final = 1480
HEIGHT: Final = 960

CELLS: Final = (
    """\
%load_ext asyncmcp_nb
%mcp connect --name field
""",
    '''\
import asyncio
from typing import Annotated, Literal

import pandas as pd
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from asyncmcp_nb import serve

app = MCPServer("penguins", version="1.0", log_level="WARNING")
penguins = pd.read_csv("data/penguins.csv")
Species = Literal["Adelie", "Chinstrap", "Gentoo"]


@app.tool(annotations=ToolAnnotations(read_only_hint=True))
def find(
    species: Annotated[Species | None, Field(description="Any species by default")] = None,
    heavier_than_g: Annotated[int, Field(ge=1000, le=9999)] = 5000,
    limit: Annotated[int, Field(ge=1, le=50)] = 5,
) -> list[dict[str, str | float]]:
    """Find penguins by species and weight."""
    found = penguins[penguins["body_mass_g"] > heavier_than_g]
    if species is not None:
        found = found[found["species"] == species]
    shown = ["species", "island", "bill_length_mm", "body_mass_g"]
    return found.head(limit)[shown].to_dict("records")


@app.tool(annotations=ToolAnnotations(read_only_hint=True))
def classify(bill_length_mm: float, flipper_length_mm: float) -> dict[str, str]:
    """Guess a species."""
    long = flipper_length_mm > 206
    return {"guess": "Gentoo" if long else "Adelie" if bill_length_mm < 43 else "Chinstrap"}


@app.tool()
async def interval(ctx: Context, species: Species, resamples: int = 500) -> float:
    """Estimate a mean by resampling."""
    for done in range(0, resamples, 5):
        await ctx.report_progress(done, resamples, f"{done} of {resamples} resamples")
        await asyncio.sleep(0.4)
    return 0.0


@app.tool(annotations=ToolAnnotations(destructive_hint=True))
def forget(species: Species) -> str:
    """Forget all penguins of a species."""
    return f"no {species} was ever here"


server = serve(app)
await session.list_tools()
rows = penguins[["bill_length_mm", "flipper_length_mm"]].dropna()
await session.map("classify", rows)
slow = [session.submit("interval", species=name) for name in ("Adelie", "Chinstrap", "Gentoo")];
''',
    "session",
)


def main() -> None:
    """Do what the module says."""
    with tempfile.TemporaryDirectory(prefix="picture-") as place, lab_server(Path(place)) as server:
        os.environ[HOME_VARIABLE] = str(server.folder / "home")
        shutil.copytree(PROJECT / "notebooks" / "data", server.folder / "data")
        try:
            with chromium() as browser:
                lab = Lab(browser.new_page(reduced_motion="reduce"), server)
                lab.open(write_notebook(server.folder / "picture.ipynb", CELLS))
                take(lab)
                lab.shut_down()
        finally:
            stop_embedded()


def take(lab: Lab) -> None:
    """Use the panel, and take its picture."""
    lab.run_all()
    panel = lab.output(len(CELLS) - 1)
    panel.get_by_role("listbox", name="Tools").select_option(label="find")
    panel.get_by_role("combobox", name="Species").select_option(label="Gentoo")
    panel.get_by_role("button", name="Send", exact=True).click()
    expect(panel).to_contain_text("5 rows, 4 columns")
    rows = panel.get_by_role("group", name=re.compile("running"))
    expect(rows.first).to_contain_text("of 500 resamples")
    lab.page.evaluate("() => document.activeElement.blur()")
    lab.use_width(WIDTH, 2 * HEIGHT)
    box = panel.locator(".amcp-panel").bounding_box()
    assert box is not None
    lab.page.screenshot(
        path=PICTURE, clip={"x": box["x"], "y": box["y"], "width": box["width"], "height": HEIGHT}
    )


if __name__ == "__main__":
    main()
