"""``%mcp`` and ``%%mcp``: parse a line, call the API, return a value.

Above: IPython. Below: everything. Loading registers a magic, a completer, an input transformer and
the displays; it connects to nothing, and imports nothing that takes time before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.magic import needs_local_scope, no_var_expand

from asyncmcp_nb.magics.await_injection import MAGIC, AwaitInjector
from asyncmcp_nb.magics.completion import Completion
from asyncmcp_nb.magics.shell import Shell
from asyncmcp_nb.ui.display import register, unregister

if TYPE_CHECKING:
    from asyncmcp_nb.magics.dispatch import Dispatcher


@dataclass(eq=False)
class Extension:
    """What is registered with one IPython."""

    shell: Shell
    injector: AwaitInjector
    completion: Completion
    dispatcher: Dispatcher | None = None
    """Made at the first use."""

    def run(self, line: str, cell: str | None, local_ns: Any) -> Any:
        """Answer a line or cell; see ``Dispatcher.run``."""
        if self.dispatcher is None:
            from asyncmcp_nb.magics.dispatch import Dispatcher

            self.dispatcher = Dispatcher(self.shell)
            self.completion.state = self.dispatcher.state
        return self.dispatcher.run(line, cell, local_ns)


_loaded: dict[int, Extension] = {}
"""By the identity of the IPython."""


def load(ipython: Any) -> None:
    """Register with an IPython; a second time does nothing."""
    if id(ipython) in _loaded:
        return
    shell: Shell = ipython
    extension = Extension(shell, AwaitInjector(MAGIC), Completion(shell))

    @needs_local_scope
    @no_var_expand
    def mcp(line: str, cell: str | None = None, local_ns: Any = None) -> Any:
        """Call MCP tools over queues; `%mcp help` lists the subcommands."""
        return extension.run(line, cell, local_ns)

    shell.register_magic_function(mcp, "line_cell", MAGIC)
    shell.input_transformers_post.append(extension.injector)
    shell.events.register("pre_run_cell", extension.injector.pre_run_cell)
    shell.events.register("post_run_cell", extension.injector.post_run_cell)
    shell.Completer.custom_matchers.append(extension.completion.matcher)
    register(ipython)
    _loaded[id(ipython)] = extension


def unload(ipython: Any) -> None:
    """Take back what ``load`` registered. Sessions and servers go on."""
    extension = _loaded.pop(id(ipython), None)
    if extension is None:
        return
    shell = extension.shell
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(MAGIC, None)
    shell.input_transformers_post.remove(extension.injector)
    shell.events.unregister("pre_run_cell", extension.injector.pre_run_cell)
    shell.events.unregister("post_run_cell", extension.injector.post_run_cell)
    shell.Completer.custom_matchers.remove(extension.completion.matcher)
    unregister(ipython)
