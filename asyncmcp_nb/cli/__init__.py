"""The command line, ``asyncmcp-nb``: the quickstart, servers, the embedded broker, deployments.

What a command needs is imported when it runs, so that ``--help`` comes at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from asyncmcp_nb._version import __version__
from asyncmcp_nb.cli import dead_letters, deployments, local_broker, quickstart, serving
from asyncmcp_nb.cli.said import fail
from asyncmcp_nb.errors import AsyncMcpError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        print(f"asyncmcp-nb {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Call MCP tools that live behind SNS and SQS."""


# JupyterLab's own options pass through.
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    quickstart.lab
)
app.command()(quickstart.demo)
app.command()(serving.serve)
app.command()(deployments.provision)
app.command()(deployments.doctor)
app.add_typer(local_broker.app, name="broker")
app.add_typer(dead_letters.app, name="dlq")


def main() -> None:
    """Run the command line; errors of ours are one line, and exit code 1."""
    try:
        app()
    except AsyncMcpError as exc:
        fail(str(exc))
