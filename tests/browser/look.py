"""Look at cells in a browser: ``python -m tests.browser.look --code FILE.py [--name NAME]``.

Runs the cells of a Python file, split at lines that begin with ``# %%``, in a fresh notebook with
a home and a broker of its own, and writes four pictures of the whole notebook: light and dark, 800
and 1600 pixels wide. ``%magics`` work, since the cells run in a kernel::

    # %%
    %load_ext asyncmcp_nb
    %mcp connect
    # %%
    session.panel()
    # %% look
    lab.output(1).get_by_role("button", name="Send").click()
    shots("after-send")

A cell ``# %% look`` runs here and not in the kernel: with ``lab`` (see ``lab.py``), ``page``
(Playwright's), ``expect`` and ``shots(name)``, which makes four pictures at that moment. Cells that
raise are shown as a person would see them; the command goes on, and ends with 1 at the end.

Options:
    --code FILE    the cells
    --name NAME    begins the pictures' names; the file's name by default
    --out FOLDER   where they go; ``tests/browser/out`` by default
    --no-wait N    do not wait for the end of cell N (counted from 0), for one that blocks
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE
from tests.browser.chromium import chromium
from tests.browser.lab import OUT, Lab
from tests.browser.lab_server import lab_server
from tests.browser.notebook_file import write_notebook


def main() -> int:
    """Do what the module says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--code", type=Path, required=True)
    parser.add_argument("--name")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--no-wait", type=int, action="append", default=[])
    options = parser.parse_args()
    name = options.name or options.code.stem
    cells, scripts = split(options.code.read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="look-") as place, lab_server(Path(place)) as server:
        os.environ[HOME_VARIABLE] = str(server.folder / "home")
        try:
            with chromium() as browser:
                lab = Lab(browser.new_page(reduced_motion="reduce"), server)
                lab.open(write_notebook(server.folder / "look.ipynb", cells))
                play(lab, cells, scripts, name=name, folder=options.out, unwaited=options.no_wait)
                lab.shut_down()
        finally:
            stop_embedded()
    for complaint in lab.complaints:
        print("!", complaint)
    return 1 if lab.complaints else 0


def split(code: str) -> tuple[list[str], dict[int, str]]:
    """The cells, and what to do here after which of them (by index; -1 is before all)."""
    cells: list[str] = []
    scripts: dict[int, str] = {}
    for head, body in re.findall(r"^(# %%[^\n]*\n)?(.*?)(?=^# %%|\Z)", code, re.M | re.S):
        if "look" in head:
            scripts[len(cells) - 1] = scripts.get(len(cells) - 1, "") + body
        elif body.strip():
            cells.append(body)
    return cells, scripts


def play(
    lab: Lab,
    cells: list[str],
    scripts: dict[int, str],
    *,
    name: str,
    folder: Path,
    unwaited: list[int],
) -> None:
    """Run cells and scripts in turn, and take the pictures at the end."""

    def shots(what: str) -> None:
        for path in lab.screenshots(f"{name}-{what}", folder=folder):
            print(path)

    names = {"lab": lab, "page": lab.page, "expect": expect, "shots": shots}
    for index in range(-1, len(cells)):
        if index >= 0:
            run = lab.start(index)
            if index not in unwaited:
                lab.wait(run)
            for words in lab.errors(index):
                lab.complaints.append(f"cell {index}: {words}")
        if index in scripts:
            code = compile(scripts[index], f"<look after cell {index}>", "exec")
            exec(code, names)  # noqa: S102 - the caller's own code, on the caller's machine
    for path in lab.screenshots(name, folder=folder):
        print(path)


if __name__ == "__main__":
    raise SystemExit(main())
