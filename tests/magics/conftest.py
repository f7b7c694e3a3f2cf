"""A notebook to run cells in: a real kernel, and IPython as a terminal runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from IPython.core.async_helpers import get_asyncio_loop
from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from jupyter_client.manager import KernelManager
from traitlets import Type

PROJECT = Path(__file__).resolve().parents[2]
CELL_SECONDS = 60


@dataclass
class Output:
    """What a cell left behind."""

    status: str = "ok"
    stdout: str = ""
    stderr: str = ""
    shown: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """Mime bundles."""
    updated: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """Mime bundles that replaced one that was shown."""
    asked: list[str] = field(default_factory=list[str])
    """What it asked the person in front of it."""
    errors: list[list[str]] = field(default_factory=list[list[str]])
    """Tracebacks, each a list of its lines."""

    @property
    def text(self) -> str:
        """The plain text of what the cell showed last."""
        return self.shown[-1]["text/plain"]

    @property
    def said(self) -> str:
        """What was printed, then the plain text of all that was shown: a terminal prints that."""
        return "\n".join([self.stdout, *(bundle["text/plain"] for bundle in self.shown)])

    @property
    def error(self) -> str:
        """The one line of its only error."""
        assert self.status == "error"
        ((line,),) = self.errors
        assert "\n" not in line
        return line


class Front(Protocol):
    """What runs cells."""

    def run(self, source: str, answers: list[str] | None = None) -> Output:
        """Run a cell, whether it fails or not, with answers to what it asks; None: nobody there."""
        ...

    def complete(self, line: str) -> list[str]:
        """What the line could become."""
        ...


@dataclass
class Notebook:
    """Cells, run one after the other."""

    front: Front

    def run(self, source: str, answers: list[str] | None = None) -> Output:
        """Run a cell, whether it fails or not, with answers to what it asks; None: nobody there."""
        return self.front.run(source, answers)

    def ok(self, source: str) -> Output:
        """Run a cell that must not fail."""
        output = self.run(source)
        assert output.errors == []
        assert output.status == "ok"
        return output

    def value(self, source: str) -> str:
        """The plain text of what a cell shows."""
        return self.ok(source).text

    def complete(self, line: str) -> list[str]:
        """What the line could become."""
        return self.front.complete(line)


class Kernel:
    """A kernel in a process of its own."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, source: str, answers: list[str] | None = None) -> Output:
        """Run a cell."""
        output = Output()

        def ask(message: dict[str, Any]) -> None:
            output.asked.append(message["content"]["prompt"])
            self._client.input((answers or []).pop(0))

        def take(message: dict[str, Any]) -> None:
            content: dict[str, Any] = message["content"]
            match message["msg_type"]:
                case "stream":
                    name = content["name"]
                    setattr(output, name, getattr(output, name) + content["text"])
                case "execute_result" | "display_data":
                    output.shown.append(content["data"])
                case "update_display_data":
                    output.updated.append(content["data"])
                case "error":
                    output.errors.append(content["traceback"])
                case _:
                    pass

        reply = self._client.execute_interactive(
            source,
            timeout=CELL_SECONDS,
            output_hook=take,
            stop_on_error=False,
            allow_stdin=answers is not None,
            stdin_hook=ask,
        )
        output.status = reply["content"]["status"]
        return output

    def complete(self, line: str) -> list[str]:
        """Ask as a front end does."""
        content = self._client.complete(line, reply=True, timeout=CELL_SECONDS)["content"]
        return [line[: content["cursor_start"]] + match for match in content["matches"]]


class Hook(DisplayHook):
    """Keeps what a terminal would print of a cell's value."""

    def write_output_prompt(self) -> None:
        """Print no number."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Keep the bundle."""
        shell = cast("Any", self).shell
        shell.seen.shown.append(dict(format_dict))

    def finish_displayhook(self) -> None:
        """Print no line end."""
        self._is_active = False


class Shell(InteractiveShell):
    """IPython without a kernel, whose loop turns only while a cell awaits."""

    displayhook_class = Type(Hook)
    seen: Output

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.seen.errors.append(stb)


class Terminal:
    """IPython in this process."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def run(self, source: str, answers: list[str] | None = None) -> Output:
        """Run a cell."""
        shell: Any = self._shell
        shell.seen = output = Output()

        def ask(prompt: str) -> str:
            if answers is None:
                raise EOFError
            output.asked.append(prompt)
            return answers.pop(0)

        with pytest.MonkeyPatch.context() as patch, capture_output(display=False) as captured:
            patch.setattr("builtins.input", ask)
            result = shell.run_cell(source)
        output.stdout, output.stderr = captured.stdout, captured.stderr
        output.status = "ok" if result.success else "error"
        return output

    def complete(self, line: str) -> list[str]:
        """Ask as a kernel does."""
        with provisionalcompleter():
            raw = self._shell.Completer.completions(line, len(line))
            found = list(rectify_completions(line, raw))
        return [line[: one.start] + one.text for one in found]


@contextmanager
def kernel(folder: Path) -> Generator[Kernel]:
    """A kernel that was just started."""
    manager: Any = KernelManager(kernel_name="python3")
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    manager.start_kernel(env={**os.environ, "PYTHONPATH": path}, cwd=str(folder))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=CELL_SECONDS)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        manager.context.term()


@contextmanager
def terminal(folder: Path) -> Generator[Terminal]:
    """IPython in this process, with files of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        shell = Shell.instance()
        try:
            yield Terminal(shell)
        finally:
            history: Any = shell.history_manager
            history.end_session()
            Shell.clear_instance()
            get_asyncio_loop().close()


@pytest.fixture(scope="module", params=[kernel, terminal], ids=["kernel", "terminal"])
def notebook(request: pytest.FixtureRequest, embedded_home: Path) -> Iterator[Notebook]:
    """A fresh notebook with the extension loaded."""
    with request.param(embedded_home) as front:
        made = Notebook(front)
        made.ok("%load_ext asyncmcp_nb")
        yield made
        made.run("%mcp disconnect")
        made.run("%mcp serve stop")
        made.run("%unload_ext asyncmcp_nb")
