"""One JupyterLab and one Chromium for all tests; a page, a folder and a broker for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE
from tests.browser.chromium import chromium
from tests.browser.lab import OUT, Lab
from tests.browser.lab_server import LabServer, lab_server
from tests.browser.notebook_file import write_notebook
from tests.notebooks.running import end_workers

HERE = Path(__file__).parent

OpenCells = Callable[..., Lab]
"""Open a fresh notebook of these cells."""


_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with lab_server(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def context() -> Iterator[BrowserContext]:
    """One for all pages: what JupyterLab is made of is loaded once and then cached."""
    with chromium() as running:
        yield running.new_context(reduced_motion="reduce")


@pytest.fixture
def folder(server: LabServer, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of the server's for this test; the broker that its notebooks start ends with it."""
    made = server.folder / re.sub(r"\W+", "-", request.node.name)[:60].strip("-")
    made.mkdir()
    yield made
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(made / "home"))
        stop_embedded()
    end_workers(made)


@pytest.fixture
def lab(
    server: LabServer, context: BrowserContext, folder: Path, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """A page; the test fails when something happened in it that must not."""
    with ExitStack() as stack:
        page = context.new_page()
        stack.callback(page.close)
        opened = Lab(page, server)
        stack.callback(opened.shut_down)
        yield opened
        if request.node.stash.get(_failed, False):
            page.screenshot(path=OUT / f"failed-{folder.name}.png")
        complaints = [*opened.complaints]
    assert complaints == []


@pytest.fixture
def open_cells(lab: Lab, folder: Path) -> OpenCells:
    def open_(*cells: str) -> Lab:
        lab.open(write_notebook(folder / "notebook.ipynb", cells))
        return lab

    return open_
