"""``Lab``: JupyterLab as somebody sees it, one notebook in one page.

Cells are run by JupyterLab's own commands; widgets are found by role and label, clicked and typed
into. What must not happen in any test is collected in ``complaints``: errors of the page, dialogs,
requests that leave the machine.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import ConsoleMessage, Dialog, Locator, Page, Request, expect

from tests.browser.lab_server import LabServer

Theme = Literal["light", "dark"]

OUT: Final = Path(__file__).with_name("out")
WIDTHS: Final = (800, 1600)
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
PATIENCE_SECONDS: Final = 60
CELL_SECONDS: Final = 90
OPENING_SECONDS: Final = 120
"""For JupyterLab and a kernel to start, on a machine that is shared."""

_HEIGHT: Final = 1000
_LOWEST, _TALLEST = 300, 6000
_CHROME_HEIGHT: Final = 120
"""Of menu and toolbar, with some air."""
_THEME_NAMES: Final = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
_ERROR: Final = (
    ".jp-RenderedText[data-mime-type*='error'], .jp-RenderedText[data-mime-type*='stderr']"
)

_CONTROLS: Final = frozenset(
    ("button", "checkbox", "combobox", "listbox", "radio", "spinbutton", "slider", "textbox")
)

# What JupyterLab itself says on an ordinary day, or of a server that goes.
_ORDINARY: Final = re.compile(
    r"favicon|/api/(me|kernels|sessions|contents|nbconvert|workspaces|terminals|settings)"
    r"|/lab/api/|Failed to load resource|WebSocket|Connection lost|ResizeObserver"
)

_RUN: Final = """
([index, key]) => {
  const app = window.jupyterapp, panel = app.shell.currentWidget;
  panel.content.activeCellIndex = index;
  panel.content.deselectAll();
  window.__ended = window.__ended || {};
  app.commands.execute('notebook:run-cell').then(() => { window.__ended[key] = true; });
}
"""
_SOURCES: Final = """
() => window.jupyterapp.shell.currentWidget.content.widgets.map(
  cell => cell.model.sharedModel.getSource())
"""
_TOO_WIDE: Final = """
() => [...document.querySelectorAll('.jp-Notebook .jp-Cell-outputArea')].flatMap((area, index) => {
  const right = area.getBoundingClientRect().right;
  const scrolls = one => {
    // JupyterLab's own boxes scroll all that is too wide: ours are to do so before.
    for (let box = one; box.closest('[class*="amcp"]') && box !== area; box = box.parentElement) {
      if (box !== one && getComputedStyle(box).overflowX !== 'visible') return true;
    }
    return false;
  };
  return [...area.querySelectorAll('[class*="amcp"], .widget-box, [class*="amcp"] table')]
    .map(one => [one, Math.round(one.getBoundingClientRect().right - right)])
    .filter(([one, by]) => by > 1 && !scrolls(one))
    .map(([one, by]) => `output ${index}: ${one.localName}.${one.className} by ${by} pixels`)
    .slice(0, 3);
})
"""
_HAS_ENDED: Final = "key => window.__ended[key]"
_IS_READY: Final = """
() => {
  const app = window.jupyterapp, panel = app && app.shell && app.shell.currentWidget;
  if (!panel || !panel.sessionContext || !panel.context.isReady) return false;
  const session = panel.sessionContext.session;
  return panel.sessionContext.isReady && Boolean(session) && session.kernel.status === 'idle';
}
"""
_SHUT_DOWN: Final = """
async () => {
  const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
  if (panel && panel.sessionContext) await panel.sessionContext.shutdown();
}
"""


class Lab:
    """A notebook that is open."""

    def __init__(self, page: Page, server: LabServer) -> None:
        self.page = page
        self.server = server
        self.complaints: list[str] = []
        """What must not happen in any test, in order."""
        self._runs = 0
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        expect.set_options(timeout=PATIENCE_SECONDS * 1000)
        page.set_viewport_size({"width": WIDTHS[1], "height": _HEIGHT})
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("dialog", self._note_dialog)
        page.on("console", self._note_console)
        page.on("request", self._note_request)

    # -- the notebook -----------------------------------------------------------------------------

    def open(self, notebook: Path) -> None:
        """Open a notebook of the server's folder, and wait for its kernel."""
        self.page.goto(self.server.address(notebook), timeout=OPENING_SECONDS * 1000)
        self.page.wait_for_function(_IS_READY, timeout=OPENING_SECONDS * 1000)

    def find(self, words: str) -> int:
        """The first cell whose source has these words."""
        sources: list[str] = self.page.evaluate(_SOURCES)
        return next(index for index, source in enumerate(sources) if words in source)

    def cell(self, index: int) -> Locator:
        """A cell, code or not, counted from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """What is shown below a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def start(self, index: int) -> str:
        """Run a cell and do not wait; what ``wait`` takes."""
        self._runs += 1
        key = str(self._runs)
        self.page.evaluate(_RUN, [index, key])
        return key

    def wait(self, run: str) -> None:
        """Wait until a run that was started has ended."""
        self.page.wait_for_function(_HAS_ENDED, arg=run, timeout=CELL_SECONDS * 1000)

    def run(self, index: int) -> Locator:
        """Run a cell to its end; its output. It must not complain."""
        self.wait(self.start(index))
        assert self.errors(index) == [], f"cell {index}: {self.errors(index)}"
        return self.output(index)

    def errors(self, index: int) -> list[str]:
        """What a cell says in red."""
        return self.output(index).locator(_ERROR).all_inner_texts()

    def run_all(self, first: int = 0, last: int | None = None) -> None:
        """Run all code cells in order, or those from ``first`` to before ``last``."""
        cells = self.page.locator(".jp-Notebook .jp-Cell")
        for index in range(first, cells.count() if last is None else last):
            if "jp-CodeCell" in (cells.nth(index).get_attribute("class") or ""):
                self.run(index)

    def restart_kernel(self) -> None:
        """As the toolbar's button does it, with its question."""
        button = self.page.locator(
            "[data-jp-item-name='restart'] button, [data-jp-item-name='restart'] jp-button"
        )
        button.first.click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        expect(self.page.locator(".jp-Dialog")).to_have_count(0)
        self.page.wait_for_function(_IS_READY, timeout=OPENING_SECONDS * 1000)

    def save(self) -> None:
        """Save the notebook, outputs and all."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def shut_down(self) -> None:
        """End the kernel, and with it what it serves."""
        self.page.evaluate(_SHUT_DOWN)

    # -- looking ----------------------------------------------------------------------------------

    def use_theme(self, theme: Theme) -> None:
        """Make JupyterLab light or dark."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            _THEME_NAMES[theme],
        )
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
        is_light = "true" if theme == "light" else "false"
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", is_light)

    def use_width(self, width: int, height: int = _HEIGHT) -> None:
        """Make the page so wide."""
        self.page.set_viewport_size({"width": width, "height": height})

    def screenshots(
        self,
        name: str,
        *,
        folder: Path = OUT,
        widths: Sequence[int] = WIDTHS,
        themes: Sequence[Theme] = THEMES,
    ) -> list[Path]:
        """Pictures of the whole notebook, light and dark, narrow and wide; where they are."""
        folder.mkdir(parents=True, exist_ok=True)
        made: list[Path] = []
        for theme in themes:
            self.use_theme(theme)
            for width in widths:
                with self._whole_notebook(width):
                    path = folder / f"{name}-{theme}-{width}.png"
                    self.page.screenshot(path=path)
                    made.append(path)
        self.use_theme("light")
        return made

    def overflow_pixels(self, index: int) -> int:
        """By how much the output of a cell is wider than its place; 0 where it fits."""
        area = self.output(index)
        return max(0, int(area.evaluate("area => area.scrollWidth - area.clientWidth")))

    def nameless(self, index: int) -> list[str]:
        """Controls below a cell that a screen reader could not name, as Chromium tells one."""
        devtools: Any = self.page.context.new_cdp_session(self.page)
        where = f"document.querySelectorAll('.jp-Notebook .jp-Cell')[{index}]"
        expression = f"{where}.querySelector('.jp-Cell-outputArea')"
        place = devtools.send("Runtime.evaluate", {"expression": expression})["result"]
        tree = devtools.send("Accessibility.queryAXTree", {"objectId": place["objectId"]})
        devtools.detach()
        return [
            node["role"]["value"]
            for node in tree["nodes"]
            if not node["ignored"]
            and node["role"]["value"] in _CONTROLS
            and not node.get("name", {}).get("value", "").strip()
        ]

    def too_wide(self) -> list[str]:
        """Outputs that stick out of their place, at each of the usual widths, and by how much."""
        found: list[str] = []
        for width in WIDTHS:
            self.use_width(width)
            wide: list[str] = self.page.evaluate(_TOO_WIDE)
            found += [f"at {width}: {words}" for words in wide]
        return found

    @contextmanager
    def _whole_notebook(self, width: int) -> Generator[None]:
        """A page so tall that nothing of the notebook is out of view."""
        self.use_width(width, _LOWEST)
        tall = self.page.locator(".jp-WindowedPanel-outer").evaluate("box => box.scrollHeight")
        self.use_width(width, min(int(tall) + _CHROME_HEIGHT, _TALLEST))
        yield
        self.use_width(WIDTHS[1])

    # -- what must not happen ---------------------------------------------------------------------

    def _note_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def _note_console(self, message: ConsoleMessage) -> None:
        words = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not _ORDINARY.search(words):
            self.complaints.append(f"console: {words}")

    def _note_request(self, request: Request) -> None:
        local = (self.server.url, self.server.url.replace("http", "ws", 1), "data:", "blob:")
        if not request.url.startswith(local):
            self.complaints.append(f"request: {request.url[:200]}")
