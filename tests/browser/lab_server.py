"""JupyterLab on loopback, with nothing of the user's and nothing from the network."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asyncmcp_nb.config import HOME_VARIABLE

START_SECONDS: Final = 60
STOP_SECONDS: Final = 10

_SETTINGS: Final[Mapping[str, Any]] = {
    # Cells out of view stay in the page, so that a test finds them without scrolling.
    "notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "extensionmanager-extension/plugin": {"enabled": False},
    # Two saves that cross make a dialog.
    "docmanager-extension/plugin": {"autosave": False},
}

_OWN_HOME: Final = f"""\
# Notebooks in different folders share neither broker nor ledgers.
import os

os.environ["{HOME_VARIABLE}"] = os.path.join(os.getcwd(), "home")
"""


@dataclass(frozen=True)
class LabServer:
    """A JupyterLab that runs."""

    url: str
    """Without a slash at its end."""
    token: str
    folder: Path
    """Its root: where notebooks are."""

    def address(self, notebook: Path) -> str:
        """Where a notebook is open, alone in its page."""
        path = notebook.relative_to(self.folder).as_posix()
        return f"{self.url}/doc/tree/{path}?token={self.token}"


@contextmanager
def lab_server(place: Path) -> Generator[LabServer]:
    """Start JupyterLab with all it keeps in an empty folder, and end it.

    Raises:
        RuntimeError: It did not start; the message ends with its log.
    """
    root, runtime, log = place / "root", place / "runtime", place / "lab.log"
    for folder in (root, runtime):
        folder.mkdir(parents=True)
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", *_options(root, token)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=root, env=_environment(place, runtime), stdout=output, stderr=output
        )
        try:
            yield LabServer(_wait_for_url(process, runtime, log), token, root)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def _options(root: Path, token: str) -> list[str]:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        "--no-browser",
        *(["--allow-root"] if is_root else []),
        "--ip=127.0.0.1",
        # A port that is free, of the system's choice.
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--ServerApp.shutdown_no_activity_timeout=900",
    ]


def _environment(place: Path, runtime: Path) -> dict[str, str]:
    """This process's environment, with a home of its own for all that Jupyter keeps."""
    settings = place / "settings"
    for name, value in _SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), "utf-8")
    startup = place / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-home.py").write_text(_OWN_HOME, "utf-8")
    own = {
        "HOME": place,
        "IPYTHONDIR": place / "ipython",
        "JUPYTER_CONFIG_DIR": place / "config",
        "JUPYTER_DATA_DIR": place / "data",
        "JUPYTER_RUNTIME_DIR": runtime,
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": place / "workspaces",
    }
    foreign = ("JUPYTER", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, **{name: str(value) for name, value in own.items()}}


def _wait_for_url(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """The address that the server writes down once it listens."""
    end = time.monotonic() + START_SECONDS
    file = runtime / f"jpserver-{process.pid}.json"
    while time.monotonic() < end and process.poll() is None:
        if file.is_file() and (text := file.read_text("utf-8")).endswith("}"):
            return f"http://127.0.0.1:{json.loads(text)['port']}"
        time.sleep(0.1)  # a file of another process tells nobody when it changes
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text('utf-8')[-2000:]}")
